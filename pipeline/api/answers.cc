#include "pipeline/api/answers.h"

#include <charconv>

#include <fmt/format.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include "pipeline/core/json.h"

namespace vigie {

Result<std::size_t> count_param(const Request& request, std::string_view name,
                                std::size_t otherwise, std::size_t max) {
  const std::optional<std::string_view> text = request.param(name);
  if (!text) return otherwise;
  std::size_t value = 0;
  const char* const end = text->data() + text->size();
  const auto [rest, error] = std::from_chars(text->data(), end, value);
  if (error != std::errc{} || rest != end || value < 1 || value > max) {
    return fail(Code::Invalid, fmt::format("{}: expected a number from 1 to {}", name, max));
  }
  return value;
}

Response answer_health(const Service&, const Principal&, const Request&) {
  Response response;
  response.body = R"({"status":"ok"})";
  return response;
}

Response answer_ready(const Service& service, const Principal&, const Request&) {
  const Readiness readiness = service.parts.readiness();
  std::string checks;
  JsonWriter json(checks);
  json.begin_object();
  for (const auto& [name, state] : readiness.checks) json.field(name, state);
  json.end_object();
  if (!readiness.ready) {
    Response response = problem(503, "not ready", "checks", checks);
    response.headers.emplace_back("Retry-After", "5");
    return response;
  }
  Response response;
  response.body = fmt::format(R"({{"status":"ready","checks":{}}})", checks);
  return response;
}

Response answer_metrics(const Service& service, const Principal&, const Request&) {
  Response response;
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  response.body = prometheus::TextSerializer().Serialize(service.parts.registry.Collect());
  return response;
}

Response answer_page(const Service&, const Principal&, const Request&) {
  Response response;
  response.content_type = "text/html; charset=utf-8";
  response.headers.emplace_back(
      "Content-Security-Policy",
      "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src "
      "'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
  response.body = page_html();
  return response;
}

Response answer_openapi(const Service&, const Principal&, const Request&) {
  Response response;
  response.body = openapi_json();
  return response;
}

Response answer_rules(const Service& service, const Principal&, const Request&) {
  const std::shared_ptr<const RuleSet> rules = service.parts.rules();
  if (!rules) return problem(503, "no rules yet");
  Response response;
  JsonWriter json(response.body);
  json.begin_object().field("version", rules->version()).field("brand", rules->brand_id());
  json.field("timezone", rules->timezone());
  json.key("rules").begin_array();
  for (const Rule rule : rules->rules()) {
    constexpr const char* kKinds[] = {"brand", "competitor", "theme", "campaign"};
    json.begin_object().field("kind", kKinds[static_cast<std::size_t>(rule.kind)]);
    json.field("id", rule.id).field("label", rule.label).end_object();
  }
  json.end_array().key("routes").begin_array();
  for (const Route& route : rules->routes()) {
    json.begin_object().field("id", route.id).field("queue", name(route.queue));
    json.field("priority", name(route.priority)).key("sla_seconds");
    if (route.sla) {
      json.number(static_cast<std::int64_t>(route.sla->count()));
    } else {
      json.null();
    }
    json.end_object();
  }
  json.end_array().end_object();
  return response;
}

Response answer_alerts(const Service& service, const Principal&, const Request&) {
  Response response;
  JsonWriter json(response.body);
  json.begin_object().field("as_of", format_time(service.view().as_of()));
  json.key("alerts").begin_array();
  for (const std::string& alert : service.view().firing()) json.raw(alert);
  json.end_array().end_object();
  return response;
}

}  // namespace vigie
