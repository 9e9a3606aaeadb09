#include <optional>
#include <string_view>

#include "pipeline/api/answers.h"
#include "pipeline/api/count_window.h"
#include "pipeline/core/json.h"
#include "state/response_report.h"

namespace vigie {
namespace {

void write_seconds(JsonWriter& json, std::string_view name,
                   const std::optional<std::chrono::seconds>& value) {
  json.key(name);
  if (value) {
    json.number(std::int64_t{value->count()});
  } else {
    json.null();
  }
}

void write_times(JsonWriter& json, std::string_view name, const ResponseReport::Times& by_clock,
                 const ResponseReport::Times& worked) {
  json.key(name).begin_object();
  write_formula(json, FormulaId::ResponseTime);
  json.field("responses", static_cast<std::int64_t>(by_clock.responses));
  write_seconds(json, "median_seconds", by_clock.median);
  write_seconds(json, "p90_seconds", by_clock.p90);
  write_seconds(json, "median_business_seconds", worked.median);
  write_seconds(json, "p90_business_seconds", worked.p90);
  json.end_object();
}

}  // namespace

Response answer_response_report(const Service& service, const Principal&, const Request& request) {
  const auto queue = request.param("queue");
  if (queue && *queue != "social" && *queue != "community") {
    return problem(400, "queue: expected social or community");
  }
  const auto window = hours_param(service, request, 7 * kDaySeconds, kHoursKept);
  if (!window) return problem(window.error());
  ResponseReport report(window->end - std::chrono::seconds(window->seconds), window->end,
                        window->as_of);
  service.view().queues.each([&](const QueueItem& item, const WorkHours& hours) {
    if (!queue || item.queue == *queue) report.add(item, hours);
  });

  Response response;
  JsonWriter json(response.body);
  json.begin_object().field("as_of", format_time(window->as_of));
  json.field("end", format_time(window->end)).field("window_seconds", window->seconds);
  json.key("queue");
  if (queue) {
    json.string(*queue);
  } else {
    json.null();
  }
  json.key("reply_rate").begin_object();
  write_formula(json, FormulaId::ReplyRate);
  json.field("items", report.items()).field("answered", report.answered());
  write_ratio(json, "value", report.reply_rate());
  json.end_object();
  write_times(json, "first_response", report.first(), report.first_worked());
  write_times(json, "next_response", report.next(), report.next_worked());
  json.key("sla").begin_object();
  write_formula(json, FormulaId::SlaAttainment);
  json.field("met", report.met()).field("missed", report.missed());
  json.field("overdue", report.overdue()).field("at_risk", report.at_risk());
  write_ratio(json, "value", report.sla_attainment());
  write_ratio(json, "at_worst", report.sla_at_worst());
  json.end_object().end_object();
  return response;
}

}  // namespace vigie
