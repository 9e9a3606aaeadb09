#include "pipeline/api/count_window.h"

#include <charconv>

#include <fmt/format.h>

#include "pipeline/core/json.h"

namespace vigie {

Result<std::int64_t> duration_param(const Request& request, std::string_view name,
                                    std::int64_t most_days) {
  const std::string_view text = *request.param(name);
  const auto wrong = [&] {
    return fail(Code::Invalid, fmt::format("{}: expected 1m to {}d, as in 24h", name, most_days));
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

Result<CountWindow> window_param(const Service& service, const Request& request,
                                 std::int64_t otherwise, std::chrono::hours kept) {
  CountWindow out;
  out.as_of = service.parts.as_of();
  out.end = out.as_of;
  out.seconds = otherwise;
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
    const Result<std::int64_t> window = duration_param(request, "window", kept.count() / 24);
    if (!window) return std::unexpected(window.error());
    out.seconds = *window;
  }
  return out;
}

Result<CountWindow> hours_param(const Service& service, const Request& request,
                                std::int64_t otherwise, std::chrono::hours kept) {
  auto window = window_param(service, request, otherwise, kept);
  if (window && window->seconds < kHourSeconds) {
    return fail(Code::Invalid, "window: counted by the hour; expected 1h or more");
  }
  return window;
}

Result<Measure> measure_param(const Request& request) {
  const auto measure = parse_measure(request.param("measure").value_or("mentions"));
  if (!measure) {
    return fail(Code::Invalid,
                "measure: unknown; expected mentions, own, questions, likes, replies, shares, "
                "views, clicks or conversions");
  }
  return *measure;
}

void begin_counts(JsonWriter& json, const CountWindow& window, std::int64_t bucket_seconds) {
  json.begin_object().field("as_of", format_time(window.as_of));
  json.field("end", format_time(window.end)).field("window_seconds", window.seconds);
  json.field("bucket_seconds", bucket_seconds);
}

}  // namespace vigie
