#include "state/contributions.h"

#include <array>
#include <string>
#include <vector>

#include "state/author_sets.h"

namespace vigie {
namespace {

Measures measures_of(const EngagementCounts& deltas) {
  Measures measures{};
  constexpr std::array<Measure, kEngagementCounts> kOrder = {
      Measure::Likes, Measure::Replies, Measure::Shares, Measure::Views, Measure::Clicks};
  for (std::size_t i = 0; i < kEngagementCounts; ++i) {
    measures[static_cast<std::size_t>(kOrder[i])] = deltas[i];
  }
  return measures;
}

// What the message itself contributes, beside its engagement.
Measures measures_of(const LedgerRecord& record) {
  Measures measures{};
  const auto set = [&](Measure measure) { measures[static_cast<std::size_t>(measure)] = 1; };
  if (record.kind == Kind::Click) set(Measure::Clicks);
  if (record.kind == Kind::Conversion) set(Measure::Conversions);
  if (!is_counted_as_mention(record.kind)) return measures;
  if (record.own) {
    set(Measure::Own);
    return measures;
  }
  set(Measure::Mentions);
  if (record.question) set(Measure::Questions);
  return measures;
}

std::vector<Series> series_of(const LedgerRecord& record) {
  std::vector<Series> series;
  series.push_back({Dimension::All, "all"});
  series.push_back({Dimension::Network, record.network});
  series.push_back({Dimension::Kind, std::string(name(record.kind))});
  series.push_back({Dimension::Queue, record.queue});
  if (!record.brand.empty()) series.push_back({Dimension::Brand, record.brand});
  for (const std::string& id : record.competitors) series.push_back({Dimension::Competitor, id});
  for (const std::string& id : record.themes) series.push_back({Dimension::Theme, id});
  for (const std::string& id : record.campaigns) series.push_back({Dimension::Campaign, id});
  return series;
}

ContributionSink booking(int sign, std::optional<Time> stream_time, CounterBatch& counters) {
  ContributionSink sink;
  sink.count = [&counters, sign, stream_time](const Series& series, Minute minute,
                                              Measures measures) {
    for (std::int64_t& measure : measures) measure *= sign;
    counters.add(series, minute, measures, stream_time);
  };
  return sink;
}

}  // namespace

void contributions(const LedgerRecord& record, const ContributionSink& sink) {
  // What is too late for a bucket has none for its engagement either.
  if (!record.visible() || record.late) return;
  if (!record.kept) {
    contributions_of_unmatched(record.network, record.kind, record.event_minute, sink);
    return;
  }
  const Measures message = measures_of(record);
  const bool counts_author = is_counted_as_mention(record.kind) && !record.own;
  for (const Series& series : series_of(record)) {
    sink.count(series, record.event_minute, message);
    for (const JournalEntry& entry : record.journal) {
      sink.count(series, entry.minute, measures_of(entry.deltas));
    }
    if (counts_author && counts_authors(series.dimension)) {
      sink.author(series, hour_of_minute(record.event_minute));
    }
  }
}

void contributions_of_unmatched(std::string_view network, Kind kind, Minute event_minute,
                                const ContributionSink& sink) {
  if (!is_counted_as_mention(kind)) return;
  Measures one{};
  one[static_cast<std::size_t>(Measure::Mentions)] = 1;
  sink.count({Dimension::All, "all"}, event_minute, one);
  sink.count({Dimension::Network, std::string(network)}, event_minute, one);
}

void book(Partition partition, const LedgerRecord& record, int sign,
          std::optional<Time> stream_time, CounterBatch& counters, Authors& authors) {
  ContributionSink sink = booking(sign, stream_time, counters);
  sink.author = [&](const Series& series, Hour hour) {
    if (stream_time && counter_expired(Granularity::Hour, hour, *stream_time)) return;
    authors.count(partition, series, hour, record.author, sign);
  };
  contributions(record, sink);
}

void book_unmatched(std::string_view network, Kind kind, Minute event_minute, int sign,
                    std::optional<Time> stream_time, CounterBatch& counters) {
  contributions_of_unmatched(network, kind, event_minute, booking(sign, stream_time, counters));
}

}  // namespace vigie
