#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "pipeline/api/answers.h"
#include "pipeline/core/json.h"

namespace vigie {
namespace {

using std::chrono::seconds;

constexpr std::int64_t kMinute = 60;
constexpr std::int64_t kHour = 3600;
constexpr std::int64_t kDay = 86400;
constexpr std::int64_t kMaxPoints = 1500;
constexpr std::int64_t kDefaultPoints = 170;
constexpr std::array<std::int64_t, 6> kSteps = {kMinute, 5 * kMinute, 15 * kMinute,
                                                kHour,   6 * kHour,   kDay};

// number ("m" | "h" | "d"), in seconds; at least a minute and at most 35 days.
Result<std::int64_t> duration_param(const Request& request, std::string_view name) {
  const std::string_view text = *request.param(name);
  const auto wrong = [&] {
    return fail(Code::Invalid, fmt::format("{}: expected 1m to 35d, as in 24h", name));
  };
  std::int64_t value = 0;
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  const auto [rest, error] = std::from_chars(begin, end, value);
  if (error != std::errc{} || end - rest != 1 || value < 1 || value > 35 * kDay / kMinute) {
    return wrong();
  }
  const std::int64_t unit = *rest == 'm' ? kMinute : *rest == 'h' ? kHour : *rest == 'd' ? kDay : 0;
  if (unit == 0 || value * unit > 35 * kDay) return wrong();
  return value * unit;
}

struct Question {
  Series series;
  std::optional<Measure> measure = Measure::Mentions;  // none: how many different authors
  Time as_of{};
  Time end{};
  std::int64_t window = kDay;  // seconds
  std::int64_t bucket = kMinute;
  std::int64_t step = kMinute;
};

Result<void> read_series(const Request& request, Question& out) {
  const std::optional<Dimension> dimension =
      parse_dimension(request.param("dimension").value_or("all"));
  if (!dimension) return fail(Code::Invalid, "dimension: unknown");
  const std::string_view measure = request.param("measure").value_or("mentions");
  out.measure = parse_measure(measure);
  if (!out.measure && measure != kAuthorsMeasure) return fail(Code::Invalid, "measure: unknown");
  if (!out.measure && !counts_authors(*dimension)) {
    return fail(Code::Invalid,
                "measure: authors are counted for a brand, competitor, theme or campaign");
  }
  out.series.dimension = *dimension;
  if (*dimension == Dimension::All) {
    if (request.param("id").value_or("all") != "all") {
      return fail(Code::Invalid, "id: dimension all has no other id than all");
    }
    out.series.id = "all";
    return {};
  }
  const std::optional<std::string_view> id = request.param("id");
  if (!id || id->empty() || id->size() > 512) {
    return fail(Code::Invalid, "id: expected one, as the dimension is not all");
  }
  out.series.id = *id;
  return {};
}

// Minutes serve windows of up to a day while they are kept, hours all others. Authors are known by
// the hour.
std::int64_t bucket_seconds(const Question& question) {
  if (!question.measure) return kHour;
  const bool kept = question.end - seconds(question.window) >= question.as_of - kMinutesKept;
  return question.window <= kDay && kept ? kMinute : kHour;
}

Result<void> choose_step(const Request& request, Question& out) {
  if (request.param("step")) {
    const Result<std::int64_t> step = duration_param(request, "step");
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
      if (step >= out.bucket && out.window / step <= kDefaultPoints) {
        out.step = step;
        break;
      }
    }
  }
  if (out.window / out.step > kMaxPoints) {
    return fail(Code::Invalid, fmt::format("step: more than {} points; expected a longer step "
                                           "or a shorter window",
                                           kMaxPoints));
  }
  return {};
}

Result<Question> read_question(const Service& service, const Request& request) {
  Question out;
  if (const Result<void> read = read_series(request, out); !read) {
    return std::unexpected(read.error());
  }
  out.as_of = service.parts.as_of();
  out.end = out.as_of;
  if (const std::optional<std::string_view> end = request.param("end")) {
    const std::optional<Time> parsed = parse_time(*end);
    if (!parsed) return fail(Code::Invalid, "end: expected an RFC 3339 time with offset");
    if (*parsed > out.as_of + std::chrono::days{1}) {
      return fail(Code::Invalid, fmt::format("end: expected at most a day after as_of ({})",
                                             format_time(out.as_of)));
    }
    out.end = *parsed;
  }
  if (request.param("window")) {
    const Result<std::int64_t> window = duration_param(request, "window");
    if (!window) return std::unexpected(window.error());
    out.window = *window;
  }
  out.bucket = bucket_seconds(out);
  if (out.window < out.bucket) {
    return fail(Code::Invalid, out.measure ? "window: only hours are kept at that end"
                                           : "window: authors are counted by the hour");
  }
  if (const Result<void> chosen = choose_step(request, out); !chosen) {
    return std::unexpected(chosen.error());
  }
  return out;
}

// What a counter or a number of authors came to in a part of the window.
struct Point {
  std::int64_t value = 0;
  bool estimate = false;
};

struct Answer {
  Point total;
  std::vector<Point> points;
};

// The whole buckets of a window, and the points they fall into.
struct Window {
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

// A bucket belongs to the window when it starts in (end - window, end], so the one that is still
// being filled is in.
Window window_of(const Question& question) {
  Window window;
  const Time begin = question.end - seconds(question.window);
  const bool minutes = question.bucket == kMinute;
  window.first = (minutes ? minute_of(begin) : hour_of(begin)) + 1;
  window.last = minutes ? minute_of(question.end) : hour_of(question.end);
  window.per_point = static_cast<std::int32_t>(question.step / question.bucket);
  return window;
}

Result<Answer> count(const Service& service, const Question& question, Measure measure) {
  const Window window = window_of(question);
  const auto granularity = question.bucket == kMinute ? Granularity::Minute : Granularity::Hour;
  const auto found =
      service.parts.counters.series(question.series, granularity, window.first, window.last);
  if (!found) return std::unexpected(found.error());
  Answer answer;
  answer.points.resize(window.points());
  for (const CounterReader::Bucket& bucket : *found) {
    const std::int64_t value = bucket.value[static_cast<std::size_t>(measure)];
    answer.total.value += value;
    answer.points[window.point_of(bucket.bucket)].value += value;
  }
  return answer;
}

// An author who wrote in several hours is one.
Result<Answer> count_authors(const Service& service, const Question& question) {
  const Window window = window_of(question);
  AuthorUnion all;
  std::vector<AuthorUnion> unions(window.points());
  auto read = service.parts.author_sets.series(question.series, window.first, window.last,
                                               [&](Hour hour, const AuthorSet& set) {
                                                 all.add(set);
                                                 unions[window.point_of(hour)].add(set);
                                               });
  if (!read) return std::unexpected(std::move(read.error()));
  const auto point_of = [](const AuthorUnion& one) {
    const AuthorCount size = one.size();
    return Point{size.authors, size.estimate};
  };
  Answer answer;
  answer.total = point_of(all);
  for (const AuthorUnion& one : unions) answer.points.push_back(point_of(one));
  return answer;
}

}  // namespace

Response answer_counters(const Service& service, const Principal&, const Request& request) {
  const Result<Question> question = read_question(service, request);
  if (!question) return problem(question.error());
  const Result<Answer> answer = question->measure ? count(service, *question, *question->measure)
                                                  : count_authors(service, *question);
  if (!answer) return problem(answer.error());

  Response response;
  JsonWriter json(response.body);
  json.begin_object().field("as_of", format_time(question->as_of));
  json.field("dimension", name(question->series.dimension)).field("id", question->series.id);
  json.field("measure", question->measure ? name(*question->measure) : kAuthorsMeasure);
  json.field("end", format_time(question->end));
  json.field("window_seconds", question->window).field("bucket_seconds", question->bucket);
  json.field("step_seconds", question->step).field("total", answer->total.value);
  json.field("estimate", answer->total.estimate);
  json.key("points").begin_array();
  const std::int32_t first = window_of(*question).first;
  const Time start = question->bucket == kMinute ? start_of_minute(first) : start_of_hour(first);
  for (std::size_t i = 0; i < answer->points.size(); ++i) {
    const Point& point = answer->points[i];
    const Time at = start + seconds(question->step) * static_cast<std::int64_t>(i);
    json.begin_object().field("start", format_time(at)).field("value", point.value);
    if (point.estimate) json.field("estimate", true);
    json.end_object();
  }
  json.end_array().end_object();
  return response;
}

}  // namespace vigie
