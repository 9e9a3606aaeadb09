#include "state/count_query.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "pipeline/core/json.h"

namespace vigie {
namespace {

using std::chrono::seconds;

constexpr std::size_t kMaxIdBytes = 4096;
constexpr std::int64_t kMaxPoints = 1500;
constexpr std::int64_t kDefaultPoints = 170;
constexpr std::array<std::int64_t, 6> kSteps = {kMinuteSeconds,      5 * kMinuteSeconds,
                                                15 * kMinuteSeconds, kHourSeconds,
                                                6 * kHourSeconds,    kDaySeconds};

Result<void> read_series(const CountWords& words, CountQuery& out) {
  const std::optional<Dimension> dimension = parse_dimension(words.dimension.value_or("all"));
  if (!dimension) {
    return fail(
        Code::Invalid,
        fmt::format("dimension: unknown \"{}\"; expected all, network, brand, competitor, "
                    "theme, campaign, queue, kind, author, country, city, hashtag or a pair "
                    "such as theme×network",
                    words.dimension.value_or("")));
  }
  const std::string_view measure = words.measure.value_or("mentions");
  out.measure = parse_measure(measure);
  if (!out.measure && measure != kAuthorsMeasure) {
    return fail(Code::Invalid,
                fmt::format("measure: unknown \"{}\"; expected mentions, own, questions, likes, "
                            "replies, shares, views, clicks, conversions or authors",
                            measure));
  }
  if (!out.measure && !counts_authors(*dimension)) {
    return fail(Code::Invalid,
                "measure: authors are counted for a brand, competitor, theme or campaign");
  }
  if (*dimension == Dimension::All) {
    if (words.id.value_or("all") != "all") {
      return fail(Code::Invalid, "id: dimension all has no other id than all");
    }
    out.series = {Dimension::All, "all", {}};
    return {};
  }
  if (!words.id || words.id->empty() || words.id->size() > kMaxIdBytes) {
    return fail(Code::Invalid, "id: expected one, as the dimension is not all");
  }
  const std::optional<Series> series = series_of(*dimension, *words.id);
  if (!series) return fail(Code::Invalid, "id: a pair's is its halves joined by ×");
  out.series = *series;
  return {};
}

bool is_by_hour(const CountQuery& query) {
  return !query.measure || !has_minutes(query.series.dimension);
}

std::int64_t bucket_seconds(const CountQuery& query) {
  if (is_by_hour(query)) return kHourSeconds;
  const CountWindow& window = query.window;
  const bool kept = window.end - seconds(window.seconds) >= window.as_of - kMinutesKept;
  return window.seconds <= kDaySeconds && kept ? kMinuteSeconds : kHourSeconds;
}

Result<void> choose_step(const CountWords& words, CountQuery& out) {
  if (words.step) {
    const auto step = parse_length("step", *words.step, kHoursKept.count() / 24);
    if (!step) return std::unexpected(step.error());
    out.step = *step;
    if (out.step % out.bucket != 0) {
      return fail(Code::Invalid, fmt::format("step: buckets of {} s are kept for this window; "
                                             "expected a multiple",
                                             out.bucket));
    }
  } else {
    out.step = kSteps.back();
    for (const std::int64_t step : kSteps) {
      if (step >= out.bucket && out.window.seconds / step <= kDefaultPoints) {
        out.step = step;
        break;
      }
    }
  }
  if (out.window.seconds / out.step > kMaxPoints) {
    return fail(Code::Invalid, fmt::format("step: more than {} points; expected a longer step "
                                           "or a shorter window",
                                           kMaxPoints));
  }
  return {};
}

// The whole buckets of a window, and the points they fall into.
struct Buckets {
  std::int32_t first = 0;
  std::int32_t last = 0;
  std::int32_t per_point = 1;

  std::size_t points() const {
    return static_cast<std::size_t>((last - first + per_point) / per_point);
  }
  std::size_t point_of(std::int32_t bucket) const {
    return static_cast<std::size_t>((bucket - first) / per_point);
  }
};

Buckets buckets_of(const CountQuery& query) {
  Buckets buckets;
  const Time begin = query.window.end - seconds(query.window.seconds);
  const bool minutes = query.bucket == kMinuteSeconds;
  buckets.first = (minutes ? minute_of(begin) : hour_of(begin)) + 1;
  buckets.last = minutes ? minute_of(query.window.end) : hour_of(query.window.end);
  buckets.per_point = static_cast<std::int32_t>(query.step / query.bucket);
  return buckets;
}

std::vector<CountPoint> empty_points(const CountQuery& query, const Buckets& buckets) {
  std::vector<CountPoint> points(buckets.points());
  const Time start = query.bucket == kMinuteSeconds ? start_of_minute(buckets.first)
                                                    : start_of_hour(buckets.first);
  for (std::size_t i = 0; i < points.size(); ++i) {
    points[i].start = start + seconds(query.step) * static_cast<std::int64_t>(i);
  }
  return points;
}

// An author who wrote in several hours is one.
Result<CountAnswer> count_authors(const CountQuery& query, const Buckets& buckets,
                                  const AuthorSetReader& author_sets) {
  AuthorUnion all;
  std::vector<AuthorUnion> unions(buckets.points());
  const Hour known = hour_of(query.window.as_of - kHoursKept) + 1;
  auto read = author_sets.series(query.series, std::max(buckets.first, known), buckets.last,
                                 [&](Hour hour, const AuthorSet& set) {
                                   all.add(set);
                                   unions[buckets.point_of(hour)].add(set);
                                 });
  if (!read) return std::unexpected(std::move(read.error()));
  const auto tell = [](const AuthorUnion& of, CountPoint& point) {
    const AuthorCount size = of.size();
    point.value = size.authors;
    point.estimate = size.estimate;
  };
  CountAnswer out;
  tell(all, out.total);
  out.points = empty_points(query, buckets);
  for (std::size_t i = 0; i < unions.size(); ++i) tell(unions[i], out.points[i]);
  return out;
}

}  // namespace

Result<std::int64_t> parse_length(std::string_view what, std::string_view text,
                                  std::int64_t most_days) {
  const auto wrong = [&] {
    return fail(Code::Invalid, fmt::format("{}: expected 1m to {}d, as in 24h, found \"{}\"", what,
                                           most_days, text));
  };
  std::int64_t value = 0;
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  const auto [rest, error] = std::from_chars(begin, end, value);
  const std::int64_t most = most_days * kDaySeconds;
  if (error != std::errc{} || end - rest != 1 || value < 1 || value > most / kMinuteSeconds) {
    return wrong();
  }
  const std::int64_t unit = *rest == 'm'   ? kMinuteSeconds
                            : *rest == 'h' ? kHourSeconds
                            : *rest == 'd' ? kDaySeconds
                                           : 0;
  if (unit == 0 || value * unit > most) return wrong();
  return value * unit;
}

CountWindow CountWindow::before() const {
  CountWindow out = *this;
  out.end = end - std::chrono::seconds(seconds);
  return out;
}

Result<CountWindow> read_window(const CountWords& words, Time as_of, std::int64_t otherwise,
                                std::chrono::hours kept) {
  CountWindow out;
  out.as_of = as_of;
  out.end = as_of;
  out.seconds = otherwise;
  out.kept = kept;
  if (words.end) {
    const std::optional<Time> parsed = parse_time(*words.end);
    if (!parsed) return fail(Code::Invalid, "end: expected an RFC 3339 time with offset");
    if (*parsed > as_of + std::chrono::days{1}) {
      return fail(Code::Invalid,
                  fmt::format("end: expected at most a day after as_of ({})", format_time(as_of)));
    }
    out.end = *parsed;
  }
  if (words.window) {
    const auto length = parse_length("window", *words.window, kept.count() / 24);
    if (!length) return std::unexpected(length.error());
    out.seconds = *length;
  }
  return out;
}

Result<CountQuery> read_count_query(const CountWords& words, Time as_of) {
  CountQuery out;
  if (const Result<void> read = read_series(words, out); !read) {
    return std::unexpected(read.error());
  }
  // Who wrote is forgotten after the time in which it may change.
  const auto kept = out.measure ? kept_for(out.series.dimension, Granularity::Hour) : kHoursKept;
  const auto window = read_window(words, as_of, kDaySeconds, kept);
  if (!window) return std::unexpected(window.error());
  out.window = *window;
  out.bucket = bucket_seconds(out);
  if (out.window.seconds < out.bucket) {
    return fail(Code::Invalid, is_by_hour(out)
                                   ? "window: this is counted by the hour; expected 1h or more"
                                   : "window: only hours are kept at that end");
  }
  if (const Result<void> chosen = choose_step(words, out); !chosen) {
    return std::unexpected(chosen.error());
  }
  return out;
}

Result<CountAnswer> answer(const CountQuery& query, const CounterReader& counters,
                           const AuthorSetReader& author_sets) {
  const Buckets buckets = buckets_of(query);
  if (!query.measure) return count_authors(query, buckets, author_sets);
  const auto granularity = query.bucket == kMinuteSeconds ? Granularity::Minute : Granularity::Hour;
  const Time oldest = query.window.as_of - kept_for(query.series.dimension, granularity);
  const std::int32_t known =
      (granularity == Granularity::Minute ? minute_of(oldest) : hour_of(oldest)) + 1;
  const auto found =
      counters.series(query.series, granularity, std::max(buckets.first, known), buckets.last);
  if (!found) return std::unexpected(found.error());
  CountAnswer out;
  out.points = empty_points(query, buckets);
  for (const CounterReader::Bucket& bucket : *found) {
    const std::int64_t value = at(bucket.value, *query.measure);
    out.total.value += value;
    out.points[buckets.point_of(bucket.bucket)].value += value;
  }
  return out;
}

void append_json(std::string& out, const CountQuery& query, const CountAnswer& answer) {
  JsonWriter json(out);
  json.begin_object().field("as_of", format_time(query.window.as_of));
  json.field("dimension", name(query.series.dimension)).field("id", id_text(query.series));
  json.field("measure", query.measure ? name(*query.measure) : kAuthorsMeasure);
  json.field("end", format_time(query.window.end));
  json.field("window_seconds", query.window.seconds).field("bucket_seconds", query.bucket);
  json.field("step_seconds", query.step).field("total", answer.total.value);
  json.field("estimate", answer.total.estimate).key("points").begin_array();
  for (const CountPoint& point : answer.points) {
    json.begin_object().field("start", format_time(point.start)).field("value", point.value);
    if (point.estimate) json.field("estimate", true);
    json.end_object();
  }
  json.end_array().end_object();
}

}  // namespace vigie
