#include "state/contributions.h"

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <utility>

#include "state/author_sets.h"

namespace vigie {
namespace {

Measures measures_of(const EngagementCounts& deltas) {
  Measures measures{};
  constexpr std::array<Measure, kEngagementCounts> kOrder = {
      Measure::Likes, Measure::Replies, Measure::Shares, Measure::Views, Measure::Clicks};
  for (std::size_t i = 0; i < kEngagementCounts; ++i) at(measures, kOrder[i]) = deltas[i];
  return measures;
}

// What the message itself contributes, beside its engagement.
Measures measures_of(const LedgerRecord& record) {
  Measures measures{};
  if (record.kind == Kind::Click) at(measures, Measure::Clicks) = 1;
  if (record.kind == Kind::Conversion) at(measures, Measure::Conversions) = 1;
  if (!is_counted_as_mention(record.kind)) return measures;
  if (record.own) {
    at(measures, Measure::Own) = 1;
    return measures;
  }
  at(measures, Measure::Mentions) = 1;
  if (record.question) at(measures, Measure::Questions) = 1;
  return measures;
}

bool has_buckets(const LedgerRecord& record) {
  // What is too late for a bucket has none for its engagement either.
  return record.visible() && !record.late;
}

bool counts_author(const LedgerRecord& record) {
  return is_counted_as_mention(record.kind) && !record.own;
}

// What each series of a kept record gets.
std::vector<Booking> bookings_of(const LedgerRecord& record) {
  std::vector<Booking> bookings;
  bookings.reserve(record.journal.size() + 1);
  bookings.push_back({record.event_minute, measures_of(record)});
  for (const JournalEntry& entry : record.journal) {
    bookings.push_back({entry.minute, measures_of(entry.deltas)});
  }
  return bookings;
}

// The series of a kept record. Their texts live during the call.
template <class Visit>
void each_series(const LedgerRecord& record, const Visit& visit) {
  const std::string_view kind = name(record.kind);
  const std::string author = hex(record.author);
  visit(SeriesView(Dimension::All, "all"));
  visit(SeriesView(Dimension::Network, record.network));
  visit(SeriesView(Dimension::Kind, kind));
  visit(SeriesView(Dimension::Queue, record.queue));
  visit(SeriesView(Dimension::Author, author));
  if (!record.brand.empty()) visit(SeriesView(Dimension::Brand, record.brand));
  if (!record.country.empty()) visit(SeriesView(Dimension::Country, record.country));
  if (!record.city.empty()) {
    visit(SeriesView(Dimension::City, record.country + "/" + record.city));
  }
  for (const std::string& tag : record.hashtags) visit(SeriesView(Dimension::Hashtag, tag));
  for (const std::string& id : record.competitors) visit(SeriesView(Dimension::Competitor, id));
  for (const std::string& id : record.themes) {
    visit(SeriesView(Dimension::Theme, id));
    visit(SeriesView(Dimension::ThemeNetwork, id, record.network));
    visit(SeriesView(Dimension::ThemeKind, id, kind));
    visit(SeriesView(Dimension::ThemeAuthor, id, author));
    for (const std::string& tag : record.hashtags) {
      visit(SeriesView(Dimension::ThemeHashtag, id, tag));
    }
    for (const std::string& link : record.links) visit(SeriesView(Dimension::ThemeLink, id, link));
  }
  const std::string_view ambassador = !record.ambassador.empty() ? record.ambassador
                                      : record.by_ambassador     ? std::string_view(author)
                                                                 : std::string_view();
  for (const std::string& id : record.campaigns) {
    visit(SeriesView(Dimension::Campaign, id));
    visit(SeriesView(Dimension::CampaignNetwork, id, record.network));
    if (!ambassador.empty()) visit(SeriesView(Dimension::CampaignAmbassador, id, ambassador));
  }
}

// The series of members that a kept record counts one in. Their texts live during the call.
template <class Visit>
void each_of_members(const LedgerRecord& record, const Visit& visit) {
  if (!record.of_members || !is_counted_as_mention(record.kind)) return;
  Measures mention{};
  at(mention, Measure::Mentions) = 1;
  Measures own{};
  at(own, Measure::Own) = 1;
  if (!record.brand.empty() && !record.own) {
    const std::string name = hex(erased(record.author));
    visit(SeriesView(Dimension::AuthorBrand, name, record.brand), mention);
  }
  for (const std::string& ambassador : record.ambassadors) {
    const bool wrote = record.by_ambassador && &ambassador == record.ambassadors.data();
    visit(SeriesView(Dimension::Ambassador, ambassador), wrote ? own : mention);
    if (wrote && record.answered) {
      const std::string author = hex(*record.answered);
      visit(SeriesView(Dimension::AmbassadorAuthor, ambassador, author), own);
    }
  }
}

// Whether both contribute to the same series, and differ in nothing but their journals.
bool differ_in_engagement(const LedgerRecord& a, const LedgerRecord& b) {
  return has_buckets(a) && has_buckets(b) && a.kept && b.kept && a.kind == b.kind &&
         a.question == b.question && a.own == b.own && a.by_ambassador == b.by_ambassador &&
         a.event_minute == b.event_minute && a.network == b.network && a.brand == b.brand &&
         a.competitors == b.competitors && a.themes == b.themes && a.campaigns == b.campaigns &&
         a.hashtags == b.hashtags && a.links == b.links && a.country == b.country &&
         a.city == b.city && a.ambassador == b.ambassador && a.queue == b.queue &&
         a.author == b.author && a.of_members == b.of_members && a.ambassadors == b.ambassadors &&
         a.answered == b.answered;
}

ContributionSink booking(int sign, std::optional<Time> stream_time, CounterBatch& counters) {
  ContributionSink sink;
  sink.count = [&counters, sign, stream_time](const SeriesView& series, Minute minute,
                                              Measures measures) {
    for (std::int64_t& measure : measures) measure *= sign;
    counters.add(series, minute, measures, stream_time);
  };
  return sink;
}

}  // namespace

void contributions(const LedgerRecord& record, const ContributionSink& sink) {
  if (!has_buckets(record)) return;
  if (!record.kept) {
    contributions_of_unmatched(record.network, record.kind, record.event_minute, sink);
    return;
  }
  const std::vector<Booking> bookings = bookings_of(record);
  each_series(record, [&](const SeriesView& series) {
    for (const Booking& one : bookings) sink.count(series, one.minute, one.measures);
    if (counts_author(record) && counts_authors(series.dimension)) {
      sink.author(series, hour_of_minute(record.event_minute));
    }
  });
  each_of_members(record, [&](const SeriesView& series, const Measures& measures) {
    sink.count(series, record.event_minute, measures);
  });
}

void contributions_of_unmatched(std::string_view network, Kind kind, Minute event_minute,
                                const ContributionSink& sink) {
  if (!is_counted_as_mention(kind)) return;
  Measures one{};
  at(one, Measure::Mentions) = 1;
  sink.count({Dimension::All, "all"}, event_minute, one);
  sink.count({Dimension::Network, network}, event_minute, one);
}

std::size_t limit_counted(LedgerRecord& record) {
  std::size_t dropped = 0;
  for (std::vector<std::string>* list : {&record.hashtags, &record.links}) {
    const std::size_t before = list->size();
    std::erase_if(*list, [](const std::string& id) { return id.size() > kCountedIdBytes; });
    // A list that came with the mention may name one twice.
    std::vector<std::string> once;
    for (std::string& id : *list) {
      if (std::ranges::find(once, id) != once.end()) continue;
      once.push_back(std::move(id));
    }
    dropped += before - list->size();
    if (once.size() > kCountedPerMessage) {
      dropped += once.size() - kCountedPerMessage;
      once.resize(kCountedPerMessage);
    }
    *list = std::move(once);
  }
  for (std::string* text : {&record.country, &record.city, &record.ambassador}) {
    if (text->size() <= kCountedIdBytes) continue;
    text->clear();
    ++dropped;
  }
  return dropped;
}

void book(Partition partition, const LedgerRecord& record, int sign,
          std::optional<Time> stream_time, CounterBatch& counters, Authors& authors) {
  if (!has_buckets(record)) return;
  if (!record.kept) {
    book_unmatched(record.network, record.kind, record.event_minute, sign, stream_time, counters);
    return;
  }
  std::vector<Booking> bookings = bookings_of(record);
  for (Booking& one : bookings) {
    for (std::int64_t& measure : one.measures) measure *= sign;
  }
  const Hour hour = hour_of_minute(record.event_minute);
  const bool frozen = stream_time && hour_is_frozen(hour, *stream_time);
  each_series(record, [&](const SeriesView& series) {
    const CounterBatch::Handle handle = counters.handle(series);
    for (const Booking& one : bookings) {
      counters.add(handle, one.minute, one.measures, stream_time);
    }
    if (counts_author(record) && counts_authors(series.dimension) && !frozen) {
      authors.count(partition, {series.dimension, std::string(series.id), {}}, hour, record.author,
                    sign);
    }
  });
  each_of_members(record, [&](const SeriesView& series, Measures measures) {
    for (std::int64_t& measure : measures) measure *= sign;
    counters.add(series, record.event_minute, measures, stream_time);
  });
}

void rebook(Partition partition, const LedgerRecord& before, const LedgerRecord& after,
            std::optional<Time> stream_time, CounterBatch& counters, Authors& authors) {
  if (!differ_in_engagement(before, after)) {
    book(partition, before, -1, stream_time, counters, authors);
    book(partition, after, 1, stream_time, counters, authors);
    return;
  }
  std::map<Minute, Measures> moved;
  for (const JournalEntry& entry : after.journal) {
    const Measures deltas = measures_of(entry.deltas);
    for (std::size_t i = 0; i < kMeasures; ++i) moved[entry.minute][i] += deltas[i];
  }
  for (const JournalEntry& entry : before.journal) {
    const Measures deltas = measures_of(entry.deltas);
    for (std::size_t i = 0; i < kMeasures; ++i) moved[entry.minute][i] -= deltas[i];
  }
  std::erase_if(moved, [](const auto& entry) { return is_zero(entry.second); });
  if (moved.empty()) return;
  each_series(after, [&](const SeriesView& series) {
    const CounterBatch::Handle handle = counters.handle(series);
    for (const auto& [minute, measures] : moved) {
      counters.add(handle, minute, measures, stream_time);
    }
  });
}

void book_unmatched(std::string_view network, Kind kind, Minute event_minute, int sign,
                    std::optional<Time> stream_time, CounterBatch& counters) {
  contributions_of_unmatched(network, kind, event_minute, booking(sign, stream_time, counters));
}

}  // namespace vigie
