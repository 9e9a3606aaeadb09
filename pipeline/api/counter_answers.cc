#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "pipeline/api/answers.h"
#include "pipeline/api/count_window.h"
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

struct Question {
  Series series;
  std::optional<Measure> measure = Measure::Mentions;  // none: how many different authors
  CountWindow asked;
  std::int64_t bucket = kMinuteSeconds;
  std::int64_t step = kMinuteSeconds;
};

Result<void> read_series(const Request& request, Question& out) {
  const std::optional<Dimension> dimension =
      parse_dimension(request.param("dimension").value_or("all"));
  if (!dimension) {
    return fail(Code::Invalid, "dimension: unknown; expected one such as theme or theme×network");
  }
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
  if (!id || id->empty() || id->size() > kMaxIdBytes) {
    return fail(Code::Invalid, "id: expected one, as the dimension is not all");
  }
  const std::optional<Series> series = series_of(*dimension, *id);
  if (!series) return fail(Code::Invalid, "id: a pair's is its halves joined by ×");
  out.series = *series;
  return {};
}

// Minutes serve windows of up to a day while they are kept, hours all others. Authors are known by
// the hour, and some dimensions are counted by it.
std::int64_t bucket_seconds(const Question& question) {
  if (!question.measure || !has_minutes(question.series.dimension)) return kHourSeconds;
  const CountWindow& asked = question.asked;
  const bool kept = asked.end - seconds(asked.seconds) >= asked.as_of - kMinutesKept;
  return asked.seconds <= kDaySeconds && kept ? kMinuteSeconds : kHourSeconds;
}

Result<void> choose_step(const Request& request, Question& out) {
  if (request.param("step")) {
    const Result<std::int64_t> step = duration_param(request, "step", kHoursKept.count() / 24);
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
      if (step >= out.bucket && out.asked.seconds / step <= kDefaultPoints) {
        out.step = step;
        break;
      }
    }
  }
  if (out.asked.seconds / out.step > kMaxPoints) {
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
  // Who wrote is forgotten after the time in which it may change.
  const auto kept = out.measure ? kept_for(out.series.dimension, Granularity::Hour) : kHoursKept;
  const Result<CountWindow> asked = window_param(service, request, kDaySeconds, kept);
  if (!asked) return std::unexpected(asked.error());
  out.asked = *asked;
  out.bucket = bucket_seconds(out);
  if (out.asked.seconds < out.bucket) {
    const bool by_hour = !out.measure || !has_minutes(out.series.dimension);
    return fail(Code::Invalid, by_hour ? "window: this is counted by the hour"
                                       : "window: only hours are kept at that end");
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
  const Time begin = question.asked.end - seconds(question.asked.seconds);
  const bool minutes = question.bucket == kMinuteSeconds;
  window.first = (minutes ? minute_of(begin) : hour_of(begin)) + 1;
  window.last = minutes ? minute_of(question.asked.end) : hour_of(question.asked.end);
  window.per_point = static_cast<std::int32_t>(question.step / question.bucket);
  return window;
}

Result<Answer> count(const Service& service, const Question& question, Measure measure) {
  const Window window = window_of(question);
  const auto granularity =
      question.bucket == kMinuteSeconds ? Granularity::Minute : Granularity::Hour;
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
  json.begin_object().field("as_of", format_time(question->asked.as_of));
  json.field("dimension", name(question->series.dimension)).field("id", id_text(question->series));
  json.field("measure", question->measure ? name(*question->measure) : kAuthorsMeasure);
  json.field("end", format_time(question->asked.end));
  json.field("window_seconds", question->asked.seconds).field("bucket_seconds", question->bucket);
  json.field("step_seconds", question->step).field("total", answer->total.value);
  json.field("estimate", answer->total.estimate);
  json.key("points").begin_array();
  const std::int32_t first = window_of(*question).first;
  const Time start =
      question->bucket == kMinuteSeconds ? start_of_minute(first) : start_of_hour(first);
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
