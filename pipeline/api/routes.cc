#include "pipeline/api/routes.h"

#include <algorithm>
#include <array>
#include <string>

#include <fmt/format.h>

#include "pipeline/api/answers.h"

namespace vigie {
namespace {

using namespace std::string_view_literals;

constexpr std::span<const std::string_view> kNoParams;
constexpr std::array kItemsParams = {"limit"sv, "after"sv, "state"sv};
constexpr std::array kStreamParams = {"after"sv};
constexpr std::array kCounterParams = {"dimension"sv, "id"sv,   "measure"sv,
                                       "window"sv,    "step"sv, "end"sv};
constexpr std::array kTopParams = {"by"sv,     "theme"sv, "campaign"sv, "measure"sv,
                                   "window"sv, "end"sv,   "limit"sv};
constexpr std::array kVoiceParams = {"by"sv, "window"sv, "end"sv};
constexpr std::array kTimesParams = {"dimension"sv, "id"sv, "window"sv, "end"sv, "limit"sv};
constexpr std::array kReportParams = {"window"sv, "end"sv};
constexpr std::array kResponseParams = {"queue"sv, "window"sv, "end"sv};
constexpr std::array kMemberParams = {"weeks"sv, "end"sv};
constexpr std::array kPlaceParams = {"window"sv, "end"sv, "limit"sv};

Feed& queue_feed(const ViewParts& view, const Request& request) {
  return request.captures[0] == "social" ? view.social : view.community;
}

Feed& alert_feed(const ViewParts& view, const Request&) {
  return view.alerts;
}

constexpr RouteEntry kRoutes[] = {
    {"healthz", "GET", "/healthz", Access::Public, RunsOn::Loop, From::Node, kNoParams,
     answer_health},
    {"readyz", "GET", "/readyz", Access::Public, RunsOn::Reader, From::Node, kNoParams,
     answer_ready},
    {"metrics", "GET", "/metrics", Access::Read, RunsOn::Reader, From::Node, kNoParams,
     answer_metrics},
    {"page", "GET", "/", Access::Public, RunsOn::Loop, From::View, kNoParams, answer_page},
    {"openapi", "GET", "/api/v1/openapi.json", Access::Public, RunsOn::Loop, From::Node, kNoParams,
     answer_openapi},
    {"items", "GET", "/api/v1/queues/{queue}/items", Access::Read, RunsOn::Reader, From::View,
     kItemsParams, answer_items},
    {"queue_stream", "GET", "/api/v1/queues/{queue}/stream", Access::Read, RunsOn::Stream,
     From::View, kStreamParams, nullptr, queue_feed},
    {"item", "GET", "/api/v1/items/{id}", Access::Read, RunsOn::Reader, From::View, kNoParams,
     answer_item},
    {"alerts", "GET", "/api/v1/alerts", Access::Read, RunsOn::Reader, From::View, kNoParams,
     answer_alerts},
    {"alerts_stream", "GET", "/api/v1/alerts/stream", Access::Read, RunsOn::Stream, From::View,
     kStreamParams, nullptr, alert_feed},
    {"counters", "GET", "/api/v1/counters", Access::Read, RunsOn::Reader, From::View,
     kCounterParams, answer_counters},
    {"top", "GET", "/api/v1/top", Access::Read, RunsOn::Reader, From::View, kTopParams, answer_top},
    {"share_of_voice", "GET", "/api/v1/share-of-voice", Access::Read, RunsOn::Reader, From::View,
     kVoiceParams, answer_share_of_voice},
    {"best_times", "GET", "/api/v1/best-times", Access::Read, RunsOn::Reader, From::View,
     kTimesParams, answer_best_times},
    {"tag_report", "GET", "/api/v1/reports/tags", Access::Read, RunsOn::Reader, From::View,
     kReportParams, answer_tag_report},
    {"place_report", "GET", "/api/v1/reports/places", Access::Read, RunsOn::Reader, From::View,
     kPlaceParams, answer_place_report},
    {"response_report", "GET", "/api/v1/reports/responses", Access::Read, RunsOn::Reader,
     From::View, kResponseParams, answer_response_report},
    {"member_report", "GET", "/api/v1/reports/members", Access::Read, RunsOn::Reader, From::View,
     kMemberParams, answer_member_report},
    {"ambassador_report", "GET", "/api/v1/reports/ambassadors", Access::Read, RunsOn::Reader,
     From::View, kReportParams, answer_ambassador_report},
    {"formulas", "GET", "/api/v1/formulas", Access::Read, RunsOn::Reader, From::Node, kNoParams,
     answer_formulas},
    {"rules", "GET", "/api/v1/rules", Access::Read, RunsOn::Reader, From::Node, kNoParams,
     answer_rules},
    {"explain", "POST", "/api/v1/rules/explain", Access::Read, RunsOn::Reader, From::Node,
     kNoParams, answer_explain},
    {"rules_backtest", "POST", "/api/v1/rules/backtest", Access::Read, RunsOn::Reader, From::Node,
     kNoParams, answer_backtest},
    {"action", "POST", "/api/v1/items/{id}/{action}", Access::Act, RunsOn::Actor, From::View,
     kNoParams, answer_action},
    {"mentions", "POST", "/api/v1/mentions", Access::Write, RunsOn::Writer, From::Node, kNoParams,
     answer_mentions},
    {"author", "GET", "/api/v1/authors/{network}/{id}", Access::Read, RunsOn::Reader, From::View,
     kReportParams, answer_author},
    {"erase_author", "DELETE", "/api/v1/authors/{network}/{id}", Access::Admin, RunsOn::Writer,
     From::Node, kNoParams, answer_erase_author},
    {"erasure", "GET", "/api/v1/erasures/{id}", Access::Admin, RunsOn::Reader, From::Node,
     kNoParams, answer_erasure},
};

std::string_view cut_segment(std::string_view& path) {
  path.remove_prefix(1);
  const std::string_view segment = path.substr(0, path.find('/'));
  path.remove_prefix(segment.size());
  return segment;
}

// A path is compared as it was sent, so an encoded slash does not part segments.
bool matches(std::string_view pattern, std::string_view path, std::vector<std::string>& captures) {
  captures.clear();
  while (!pattern.empty() && !path.empty()) {
    const std::string_view expected = cut_segment(pattern);
    const std::string_view segment = cut_segment(path);
    if (!expected.starts_with('{')) {
      if (expected != segment) return false;
      continue;
    }
    std::optional<std::string> value = percent_decode(segment, false);
    if (!value || value->empty()) return false;
    if (expected == "{queue}" && *value != "social" && *value != "community") return false;
    if (expected == "{action}" && !parse_action(*value)) return false;
    captures.push_back(std::move(*value));
  }
  return pattern.empty() && path.empty();
}

// The route of a request, with its captures filled; or the answer of one that has none: 404, 405,
// 400 or, to OPTIONS, 204.
struct Found {
  const RouteEntry* route = nullptr;
  Response refusal;
};

Found refuse(Response response) {
  return Found{nullptr, std::move(response)};
}

// Those that share a pattern stand behind each other and differ in method.
std::string methods_of(std::string_view pattern) {
  std::string methods;
  for (const RouteEntry& route : kRoutes) {
    if (route.pattern != pattern) continue;
    methods.append(route.method).append(route.method == "GET" ? ", HEAD, " : ", ");
  }
  return methods + "OPTIONS";
}

Found find_route(Request& request) {
  const auto first = std::ranges::find_if(kRoutes, [&](const RouteEntry& route) {
    return matches(route.pattern, request.path, request.captures);
  });
  if (first == std::end(kRoutes)) return refuse(problem(404, "no such resource"));
  if (request.method == "OPTIONS") {
    Response response;
    response.status = 204;
    response.content_type.clear();
    response.headers.emplace_back("Allow", methods_of(first->pattern));
    return refuse(std::move(response));
  }
  const std::string_view method =
      request.method == "HEAD" ? "GET" : std::string_view(request.method);
  const auto found = std::find_if(first, std::end(kRoutes), [&](const RouteEntry& route) {
    return route.pattern == first->pattern && route.method == method;
  });
  if (found == std::end(kRoutes)) {
    const std::string methods = methods_of(first->pattern);
    Response response = problem(405, "this resource allows " + methods);
    response.headers.emplace_back("Allow", methods);
    return refuse(std::move(response));
  }
  for (const auto& [name, value] : request.query) {
    if (std::ranges::find(found->params, name) == found->params.end()) {
      return refuse(problem(400, "query: unknown parameter: " + name));
    }
  }
  Found out;
  out.route = found;
  return out;
}

// Empty when `who` may use the route.
std::optional<Response> refusal(const RouteEntry& route, const Principal& who,
                                const Request& request, const Service& service) {
  bool enough = false;
  switch (route.access) {
    case Access::Public:
      enough = true;
      break;
    case Access::Read:
      enough = who.has(Role::Reader) || who.has(Role::Social) || who.has(Role::Community) ||
               who.has(Role::Admin);
      break;
    case Access::Act:
      enough = who.has(Role::Social) || who.has(Role::Community) || who.has(Role::Admin);
      break;
    case Access::Write:
      enough = who.has(Role::Ingest) || who.has(Role::Admin);
      break;
    case Access::Admin:
      enough = who.has(Role::Admin);
      break;
  }
  if (enough) return std::nullopt;
  if (who.token != nullptr) return unauthorized(403, "the token's roles do not allow this");
  const auto has = [&](std::string_view header) { return !request.header(header).empty(); };
  if (route.access == Access::Write && service.webhooks != nullptr && has("webhook-id") &&
      has("webhook-timestamp") && has("webhook-signature")) {
    return std::nullopt;
  }
  return unauthorized(401, "a bearer token is needed");
}

}  // namespace

std::span<const RouteEntry> all_routes() {
  return kRoutes;
}

std::optional<Response> admit(const Service& service, const Authenticator& authenticator, Job& job,
                              bool has_body) {
  Found found = find_route(job.request);
  if (found.route == nullptr) return std::move(found.refusal);
  job.route = found.route;
  job.service = &service;
  if (found.route->access != Access::Public) {
    const Result<Principal> who = authenticator.principal(job.request);
    if (!who) return unauthorized(401, who.error().message);
    job.who = *who;
    if (std::optional<Response> no = refusal(*found.route, *who, job.request, service)) return no;
  }
  if (found.route->from == From::View && !service.parts.view) {
    return problem(404, "this node runs without the role view: it has no queues and no counts");
  }
  if (has_body && found.route->method != "POST") return problem(400, "this resource takes no body");
  const std::string_view expect = job.request.header("expect");
  if (!expect.empty() && expect != "100-continue" && expect != "100-Continue") {
    return problem(417, "expect: only 100-continue is known");
  }
  return std::nullopt;
}

Response unauthorized(unsigned status, std::string_view detail) {
  Response response = problem(status, detail);
  response.headers.emplace_back(
      "WWW-Authenticate", status == 403 ? "Bearer realm=\"vigie\", error=\"insufficient_scope\""
                                        : "Bearer realm=\"vigie\"");
  return response;
}

bool is_loopback_host(std::string_view host) {
  if (host.starts_with('[')) return host.substr(0, host.find(']') + 1) == "[::1]";
  const std::string_view name = host.substr(0, host.find(':'));
  if (name == "localhost") return true;
  // An address of 127.0.0.0/8 and no name that only begins like one.
  return name.starts_with("127.") && name.find_first_not_of("0123456789.") == name.npos;
}

void add_header(Request& request, std::string_view name, std::string_view value) {
  std::string lower(name);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  request.headers.emplace_back(std::move(lower), std::string(value));
}

std::optional<Response> check_target(const ApiOptions& options, bool is_http11,
                                     std::string_view target, Request& request) {
  const auto is_host = [](const auto& header) { return header.first == "host"; };
  if (is_http11 && std::ranges::count_if(request.headers, is_host) != 1) {
    return problem(400, "host: expected exactly one");
  }
  if (options.tokens.empty() && !options.behind_proxy && is_http11 &&
      !is_loopback_host(request.header("host"))) {
    return problem(421, "host: without tokens only loopback names are served");
  }
  const Result<void> parsed = parse_target(target, request);
  if (!parsed) return problem(parsed.error());
  return std::nullopt;
}

}  // namespace vigie
