#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "pipeline/api/answers.h"
#include "pipeline/core/json.h"

namespace vigie {
namespace {

constexpr std::size_t kMaxReasons = 100;

Grant bound_grant(std::string connector, std::vector<std::string> networks,
                  std::vector<std::string> ops) {
  Grant grant;
  grant.connector = std::move(connector);
  grant.networks = std::move(networks);
  grant.ops = std::move(ops);
  if (grant.networks.empty()) grant.networks.emplace_back("webhook");
  if (grant.ops.empty()) grant.ops = {"create", "update", "engagement"};
  return grant;
}

// A signature is looked at first: who signs means to be known as the webhook.
Result<Grant> grant_of(const Service& service, const Principal& who, const Request& request) {
  if (service.webhooks != nullptr && !request.header("webhook-signature").empty()) {
    WebhookHeaders headers;
    headers.id = request.header("webhook-id");
    headers.timestamp = request.header("webhook-timestamp");
    headers.signature = request.header("webhook-signature");
    const Result<void> verified = service.webhooks->verify(headers, request.body);
    if (!verified) return std::unexpected(verified.error());
    return bound_grant("webhook", service.options.webhook_networks, service.options.webhook_ops);
  }
  Grant grant;
  if (who.everything || who.has(Role::Admin)) {
    grant.connector = who.everything ? "api" : who.token->name;
    grant.everything = true;
    return grant;
  }
  return bound_grant(who.token->name, who.token->networks, who.token->ops);
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

// The reasons of the items that were denied, or of those that are no mentions; empty when there are
// none.
std::string reasons_json(const Delivery& delivery, bool denied) {
  std::string out;
  JsonWriter json(out);
  std::size_t told = 0;
  json.begin_array();
  for (const Delivery::Refused& refused : delivery.refused) {
    if (refused.denied != denied || told == kMaxReasons) continue;
    ++told;
    json.begin_object().field("index", static_cast<std::int64_t>(refused.index));
    json.field("reason", refused.reason).end_object();
  }
  json.end_array();
  return told == 0 ? std::string() : out;
}

}  // namespace

bool is_json_type(std::string_view header) {
  std::string type(trimmed(header.substr(0, header.find(';'))));
  std::ranges::transform(type, type.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return type == "application/json" || type == "application/x-ndjson" ||
         type == "application/ndjson" || type == "application/jsonl";
}

Response answer_mentions(const Service& service, const Principal& who, const Request& request) {
  if (!service.parts.accept || !service.parts.read) {
    return problem(503, "this node takes no mentions");
  }
  if (!is_json_type(request.header("content-type"))) {
    return problem(415, "content-type: expected application/json or application/x-ndjson");
  }
  const Result<Grant> grant = grant_of(service, who, request);
  if (!grant) return unauthorized(401, grant.error().message);
  Result<Delivery> delivery = service.parts.read(request.body, *grant);
  if (!delivery) return problem(delivery.error());
  if (const std::string denied = reasons_json(*delivery, true); !denied.empty()) {
    return problem(403, "nothing was stored: some mentions are not this sender's to write",
                   "errors", denied);
  }
  const std::string invalid = reasons_json(*delivery, false);
  if (delivery->mentions.empty()) {
    return problem(422, "nothing was stored: no mention is valid", "errors", invalid);
  }
  const Result<Accepted> accepted = service.parts.accept(std::move(*delivery));
  if (!accepted) return problem(accepted.error());
  Response response;
  JsonWriter json(response.body);
  json.begin_object().field("logged", static_cast<std::int64_t>(accepted->logged));
  json.field("dropped", static_cast<std::int64_t>(accepted->dropped));
  json.field("dead_lettered", static_cast<std::int64_t>(accepted->dead_lettered));
  if (!invalid.empty()) json.key("errors").raw(invalid);
  json.end_object();
  return response;
}

}  // namespace vigie
