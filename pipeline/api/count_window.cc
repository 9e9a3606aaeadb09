#include "pipeline/api/count_window.h"

#include <fmt/format.h>

#include "pipeline/core/json.h"

namespace vigie {

Result<CountWindow> hours_param(const Service& service, const Request& request,
                                std::int64_t otherwise, std::chrono::hours kept) {
  CountWords words;
  words.window = request.param("window");
  words.end = request.param("end");
  auto window = read_window(words, service.view().as_of(), otherwise, kept);
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

void begin_counts(JsonWriter& json, const CountWindow& window) {
  json.begin_object().field("as_of", format_time(window.as_of));
  json.field("end", format_time(window.end)).field("window_seconds", window.seconds);
  json.field("bucket_seconds", kHourSeconds);
}

std::string formula_name(FormulaId id) {
  return fmt::format("{}/{}", formula(id).id, formula(id).version);
}

void write_formula(JsonWriter& json, FormulaId id) {
  json.field("formula", formula_name(id));
}

void write_ratio(JsonWriter& json, std::string_view name, const Ratio& ratio) {
  json.key(name);
  if (const auto value = ratio.value()) {
    json.number(*value);
  } else {
    json.null();
  }
}

}  // namespace vigie
