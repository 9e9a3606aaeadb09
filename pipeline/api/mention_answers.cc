#include <algorithm>
#include <cctype>

#include <fmt/format.h>
#include <simdjson.h>

#include "pipeline/api/answers.h"
#include "pipeline/core/json.h"

namespace vigie {
namespace {

constexpr std::size_t kMaxItems = 10000;
constexpr std::size_t kMaxReasons = 100;

// What a sender may write.
struct Grant {
  std::string connector;
  bool everything = false;
  std::vector<std::string> networks;
  std::vector<std::string> ops;

  // Empty when the mention is within the grant.
  std::string refusal(const Mention& mention) const {
    if (everything) return {};
    if (std::ranges::find(networks, mention.network) == networks.end()) {
      return "network " + mention.network + " is not among those of this sender";
    }
    if (std::ranges::find(ops, name(mention.op)) == ops.end()) {
      return fmt::format("op {} is not among those of this sender", name(mention.op));
    }
    return {};
  }
};

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
    return bound_grant("webhook", {}, {});
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

// One object, an array of them, or a line each. Lines it is when there is more than one and the
// first is an object by itself, so that an object may be written over several lines.
Result<std::vector<std::string>> split(std::string_view body) {
  const std::string_view text = trimmed(body);
  if (text.empty()) return fail(Code::Invalid, "body: empty");
  std::vector<std::string> items;
  simdjson::dom::parser parser;
  simdjson::dom::element whole;
  if (!parser.parse(simdjson::padded_string(text)).get(whole)) {
    simdjson::dom::array array;
    if (whole.get(array)) {
      items.emplace_back(text);
      return items;
    }
    for (const simdjson::dom::element item : array) {
      if (items.size() == kMaxItems) break;
      items.push_back(simdjson::minify(item));
    }
    if (array.size() > kMaxItems) return fail(Code::Invalid, "body: more than 10000 mentions");
    if (items.empty()) return fail(Code::Invalid, "body: an empty array");
    return items;
  }
  if (text[0] == '[') return fail(Code::Invalid, "body: the array is not valid JSON");
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = trimmed(text.substr(at, end - at));
    at = end + 1;
    if (line.empty()) continue;
    if (items.size() == kMaxItems) return fail(Code::Invalid, "body: more than 10000 mentions");
    items.emplace_back(line);
  }
  return items;
}

struct Reason {
  std::size_t index = 0;
  std::string text;
};

std::string reasons_json(const std::vector<Reason>& reasons) {
  std::string out;
  JsonWriter json(out);
  json.begin_array();
  for (std::size_t i = 0; i < std::min(reasons.size(), kMaxReasons); ++i) {
    json.begin_object().field("index", static_cast<std::int64_t>(reasons[i].index));
    json.field("reason", reasons[i].text).end_object();
  }
  json.end_array();
  return out;
}

struct Judged {
  Delivery delivery;
  std::vector<Reason> invalid;
  std::vector<Reason> denied;
};

Judged judge(std::vector<std::string> items, const Grant& grant) {
  Judged out;
  out.delivery.connector = grant.connector;
  MentionReader reader;
  for (std::size_t i = 0; i < items.size(); ++i) {
    Result<Mention> mention = reader.read(items[i]);
    if (mention && mention->op == Op::Tick) mention = fail(Code::Invalid, "op: tick is internal");
    if (!mention) {
      out.invalid.push_back(Reason{i, mention.error().message});
      out.delivery.unreadable.push_back({mention.error().message, std::move(items[i])});
      continue;
    }
    if (std::string reason = grant.refusal(*mention); !reason.empty()) {
      out.denied.push_back(Reason{i, std::move(reason)});
      continue;
    }
    // Both are ours to say.
    mention->seen_at.reset();
    mention->connector = grant.connector;
    out.delivery.mentions.push_back(std::move(*mention));
  }
  return out;
}

// A form that a web page of another origin cannot send without asking first.
bool is_json_type(std::string_view header) {
  std::string type(trimmed(header.substr(0, header.find(';'))));
  std::ranges::transform(type, type.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return type == "application/json" || type == "application/x-ndjson" ||
         type == "application/ndjson" || type == "application/jsonl";
}

}  // namespace

Response answer_mentions(const Service& service, const Principal& who, const Request& request) {
  if (!service.parts.accept) return problem(503, "this node takes no mentions");
  if (!is_json_type(request.header("content-type"))) {
    return problem(415, "content-type: expected application/json or application/x-ndjson");
  }
  const Result<Grant> grant = grant_of(service, who, request);
  if (!grant) return unauthorized(401, grant.error().message);
  Result<std::vector<std::string>> items = split(request.body);
  if (!items) return problem(items.error());
  Judged judged = judge(std::move(*items), *grant);
  if (!judged.denied.empty()) {
    return problem(403, "nothing was stored: some mentions are not this sender's to write",
                   "errors", reasons_json(judged.denied));
  }
  if (judged.delivery.mentions.empty()) {
    return problem(422, "nothing was stored: no mention is valid", "errors",
                   reasons_json(judged.invalid));
  }
  const Result<Accepted> accepted = service.parts.accept(std::move(judged.delivery));
  if (!accepted) return problem(accepted.error());
  Response response;
  JsonWriter json(response.body);
  json.begin_object().field("logged", static_cast<std::int64_t>(accepted->logged));
  json.field("dropped", static_cast<std::int64_t>(accepted->dropped));
  json.field("dead_lettered", static_cast<std::int64_t>(accepted->dead_lettered));
  if (!judged.invalid.empty()) json.key("errors").raw(reasons_json(judged.invalid));
  json.end_object();
  return response;
}

}  // namespace vigie
