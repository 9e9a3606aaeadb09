#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/api/answers.h"
#include "pipeline/api/count_window.h"
#include "pipeline/core/json.h"
#include "pipeline/route/local_hours.h"
#include "rules/rule_set.h"
#include "state/author_sets.h"
#include "state/counters.h"
#include "state/formulas.h"

namespace vigie {
namespace {

constexpr std::int64_t kWeekSeconds = 7 * kDaySeconds;
constexpr std::size_t kMostPlaces = 200'000;
constexpr std::size_t kDefaultPlaces = 20;
constexpr std::size_t kMaxPlaces = 200;
constexpr std::size_t kMaxTimes = BestTimes::kSlots;
constexpr std::array<std::string_view, 7> kWeekdays = {"mon", "tue", "wed", "thu",
                                                       "fri", "sat", "sun"};

Result<Measures> sum_of(const Service& service, const SeriesView& series,
                        const CountWindow& window) {
  const auto buckets = service.view().counters.series(series, Granularity::Hour,
                                                      window.first_hour(), window.last_hour());
  if (!buckets) return std::unexpected(buckets.error());
  Measures sum{};
  for (const CounterReader::Bucket& bucket : *buckets) {
    for (std::size_t i = 0; i < kMeasures; ++i) sum[i] += bucket.value[i];
  }
  return sum;
}

Result<AuthorCount> authors_of(const Service& service, const Series& series,
                               const CountWindow& window) {
  AuthorUnion all;
  auto read = service.view().author_sets.series(series, window.first_hour(), window.last_hour(),
                                                [&](Hour, const AuthorSet& set) { all.add(set); });
  if (!read) return std::unexpected(std::move(read.error()));
  return all.size();
}

// The rules in force as series: the brand, competitors, themes, campaigns.
std::vector<Series> series_of_rules(const RuleSet& rules) {
  std::vector<Series> out;
  for (std::size_t i = 0; i < rules.rules().size(); ++i) {
    const auto rule = rules.rules()[i];
    switch (rule.kind) {
      case RuleKind::Brand:
        out.push_back({Dimension::Brand, rules.brand_id(), {}});
        break;
      case RuleKind::Competitor:
        out.push_back({Dimension::Competitor, std::string(rule.id), {}});
        break;
      case RuleKind::Theme:
        out.push_back({Dimension::Theme, std::string(rule.id), {}});
        break;
      case RuleKind::Campaign:
        out.push_back({Dimension::Campaign, std::string(rule.id), {}});
        break;
    }
  }
  return out;
}

struct Voice {
  Series series;
  std::int64_t value = 0;
  bool estimate = false;
};

Result<std::vector<Voice>> voices(const Service& service, const RuleSet& rules,
                                  const CountWindow& window, bool by_authors) {
  std::vector<Voice> out;
  for (const Series& series : series_of_rules(rules)) {
    if (series.dimension != Dimension::Brand && series.dimension != Dimension::Competitor) continue;
    Voice voice{series};
    if (by_authors) {
      const auto count = authors_of(service, series, window);
      if (!count) return std::unexpected(count.error());
      voice.value = count->authors;
      voice.estimate = count->estimate;
    } else {
      const auto sum = sum_of(service, series, window);
      if (!sum) return std::unexpected(sum.error());
      voice.value = at(*sum, Measure::Mentions);
    }
    out.push_back(voice);
  }
  return out;
}

Result<void> write_tag(JsonWriter& json, const Service& service, const Series& series,
                       const CountWindow& window) {
  const auto now = sum_of(service, series, window);
  if (!now) return std::unexpected(now.error());
  const auto before = sum_of(service, series, window.before());
  if (!before) return std::unexpected(before.error());
  const auto authors = authors_of(service, series, window);
  if (!authors) return std::unexpected(authors.error());
  json.begin_object().field("id", series.id);
  for (std::size_t i = 0; i < kMeasures; ++i) json.field(name(static_cast<Measure>(i)), (*now)[i]);
  json.field("authors", authors->authors).field("estimate", authors->estimate);
  json.field("mentions_before", at(*before, Measure::Mentions));
  write_ratio(json, "change", change(at(*now, Measure::Mentions), at(*before, Measure::Mentions)));
  write_ratio(json, "engagement_per_mention", engagement_per_mention(*now));
  write_ratio(json, "engagement_rate", engagement_rate(*now));
  write_ratio(json, "click_through", click_through(*now));
  write_ratio(json, "conversion_rate", conversion_rate(*now));
  json.end_object();
  return {};
}

// Places by their mentions, the most first.
Result<void> write_places(JsonWriter& json, const Service& service, Dimension dimension,
                          const CountWindow& window, std::size_t limit) {
  const auto totals = service.view().counters.totals(dimension, "", window.first_hour(),
                                                     window.last_hour(), kMostPlaces);
  if (!totals) return std::unexpected(totals.error());
  std::int64_t known = 0;
  std::vector<std::pair<std::int64_t, std::string_view>> ranked;
  for (const auto& [id, measures] : *totals) {
    const std::int64_t mentions = at(measures, Measure::Mentions);
    if (mentions == 0) continue;
    known += mentions;
    ranked.emplace_back(-mentions, id);
  }
  std::ranges::sort(ranked);
  json.begin_object().field("mentions", known);
  json.field("places", static_cast<std::int64_t>(ranked.size()));
  json.key("top").begin_array();
  for (std::size_t i = 0; i < std::min(limit, ranked.size()); ++i) {
    json.begin_object().field("id", ranked[i].second).field("mentions", -ranked[i].first);
    write_ratio(json, "share", {-ranked[i].first, known});
    json.end_object();
  }
  json.end_array().end_object();
  return {};
}

// Every hour of the window from the first one of which anything is counted, at its place in the
// week: nothing is known of the time before there was anybody to count.
BestTimes best_times(const std::vector<CounterReader::Bucket>& buckets, const CountWindow& window,
                     const std::string& timezone) {
  BestTimes times;
  LocalHours zone(timezone);
  auto next = buckets.begin();
  // What is still being filled is not over yet.
  const Hour over = hour_of(std::min(window.end, window.as_of));
  const Hour first = buckets.empty() ? over : buckets.front().bucket;
  for (Hour hour = first; hour < over; ++hour) {
    Measures measures{};
    if (next != buckets.end() && next->bucket == hour) measures = next++->value;
    const LocalHour local = zone.of(start_of_hour(hour));
    const auto since = (local.begin + local.offset).time_since_epoch();
    // 1970-01-01 was a Thursday.
    const std::int64_t hours = std::chrono::floor<std::chrono::hours>(since).count() + 3 * 24;
    constexpr auto kSlots = static_cast<std::int64_t>(BestTimes::kSlots);
    times.add(static_cast<std::size_t>((hours % kSlots + kSlots) % kSlots), measures);
  }
  return times;
}

Result<Series> times_series(const RuleSet& rules, const Request& request) {
  const std::string_view text = request.param("dimension").value_or("brand");
  const auto dimension = parse_dimension(text);
  if (!dimension || !is_long(*dimension)) {
    return fail(Code::Invalid, "dimension: expected brand, theme, campaign or network");
  }
  const auto id = request.param("id");
  if (!id && *dimension == Dimension::Brand) return Series{*dimension, rules.brand_id(), {}};
  if (!id || id->empty() || id->size() > 512) return fail(Code::Invalid, "id: expected one");
  return Series{*dimension, std::string(*id), {}};
}

}  // namespace

Response answer_share_of_voice(const Service& service, const Principal&, const Request& request) {
  const auto rules = service.parts.rules();
  if (!rules) return problem(503, "no rules yet");
  const std::string_view by = request.param("by").value_or("mentions");
  if (by != "mentions" && by != "authors") {
    return problem(400, "by: expected mentions or authors");
  }
  const auto window = hours_param(service, request, kWeekSeconds, kHoursKept);
  if (!window) return problem(window.error());
  const auto found = voices(service, *rules, *window, by == "authors");
  if (!found) return problem(found.error());
  std::int64_t total = 0;
  for (const Voice& voice : *found) total += voice.value;

  Response response;
  JsonWriter json(response.body);
  begin_counts(json, *window);
  write_formula(json, FormulaId::ShareOfVoice);
  json.field("by", by).field("total", total).key("shares").begin_array();
  for (const Voice& voice : *found) {
    json.begin_object().field("dimension", name(voice.series.dimension));
    json.field("id", voice.series.id).field("value", voice.value);
    json.field("estimate", voice.estimate);
    write_ratio(json, "share", share_of_voice(voice.value, total));
    json.end_object();
  }
  json.end_array().end_object();
  return response;
}

Response answer_tag_report(const Service& service, const Principal&, const Request& request) {
  const auto rules = service.parts.rules();
  if (!rules) return problem(503, "no rules yet");
  const auto window = hours_param(service, request, kWeekSeconds, kHoursKept);
  if (!window) return problem(window.error());
  Response response;
  JsonWriter json(response.body);
  begin_counts(json, *window);
  const std::vector<Series> tags = series_of_rules(*rules);
  for (const auto& [list, dimension] :
       {std::pair{"themes", Dimension::Theme}, std::pair{"campaigns", Dimension::Campaign}}) {
    json.key(list).begin_array();
    for (const Series& series : tags) {
      if (series.dimension != dimension) continue;
      const auto written = write_tag(json, service, series, *window);
      if (!written) return problem(written.error());
    }
    json.end_array();
  }
  json.end_object();
  return response;
}

Response answer_place_report(const Service& service, const Principal&, const Request& request) {
  const auto limit = count_param(request, "limit", kDefaultPlaces, kMaxPlaces);
  if (!limit) return problem(limit.error());
  const auto window = hours_param(service, request, kWeekSeconds, kHoursKept);
  if (!window) return problem(window.error());
  Response response;
  JsonWriter json(response.body);
  begin_counts(json, *window);
  write_formula(json, FormulaId::PlaceShare);
  for (const auto& [list, dimension] :
       {std::pair{"countries", Dimension::Country}, std::pair{"cities", Dimension::City}}) {
    json.key(list);
    const auto written = write_places(json, service, dimension, *window, *limit);
    if (!written) return problem(written.error());
  }
  json.end_object();
  return response;
}

Response answer_best_times(const Service& service, const Principal&, const Request& request) {
  const auto rules = service.parts.rules();
  if (!rules) return problem(503, "no rules yet");
  const auto series = times_series(*rules, request);
  if (!series) return problem(series.error());
  const auto limit = count_param(request, "limit", 10, kMaxTimes);
  if (!limit) return problem(limit.error());
  const auto window = hours_param(service, request, 16 * kWeekSeconds,
                                  kept_for(series->dimension, Granularity::Hour));
  if (!window) return problem(window.error());
  // As many whole hours as were asked for.
  const Hour over = hour_of(std::min(window->end, window->as_of));
  const auto wanted = static_cast<Hour>(window->seconds / kHourSeconds);
  const Hour oldest = hour_of(window->as_of - window->kept) + 1;
  const auto buckets = service.view().counters.series(*series, Granularity::Hour,
                                                      std::max(over - wanted, oldest), over - 1);
  if (!buckets) return problem(buckets.error());
  const BestTimes times = best_times(*buckets, *window, rules->timezone());

  Response response;
  JsonWriter json(response.body);
  begin_counts(json, *window);
  write_formula(json, FormulaId::BestTimes);
  json.field("dimension", name(series->dimension)).field("id", series->id);
  json.field("timezone", rules->timezone()).field("enough_data", times.enough());
  json.field("weeks", times.weeks()).field("weeks_needed", BestTimes::kLeastWeeks);
  json.field("mentions", times.mentions()).field("mentions_needed", BestTimes::kLeastMentions);
  json.key("times").begin_array();
  const std::vector<BestTimes::Slot> ranked = times.ranked();
  for (std::size_t i = 0; i < std::min(*limit, ranked.size()); ++i) {
    const BestTimes::Slot& slot = ranked[i];
    json.begin_object().field("weekday", kWeekdays[slot.slot / 24]);
    json.field("hour", static_cast<std::int64_t>(slot.slot % 24));
    json.key("score").number(slot.score).field("activity", slot.activity);
    json.field("hours", slot.hours).end_object();
  }
  json.end_array().end_object();
  return response;
}

Response answer_formulas(const Service&, const Principal&, const Request&) {
  Response response;
  JsonWriter json(response.body);
  json.begin_object().key("formulas").begin_array();
  for (const Formula& one : formulas()) {
    json.begin_object().field("id", one.id).field("version", one.version).field("is", one.is);
    json.end_object();
  }
  json.end_array().end_object();
  return response;
}

}  // namespace vigie
