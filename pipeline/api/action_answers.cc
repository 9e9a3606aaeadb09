// What people do to queue items: POST /api/v1/items/{id}/{action}.
#include <algorithm>
#include <array>
#include <random>

#include <fmt/format.h>
#include <simdjson.h>

#include "pipeline/api/answers.h"
#include "pipeline/api/idempotency.h"
#include "pipeline/core/json.h"

namespace vigie {
namespace {

using Type = ConversationRecord::Type;

constexpr std::chrono::seconds kDefaultLease{30 * 60};
constexpr std::size_t kMaxAsBytes = 100;
constexpr std::size_t kMaxKeyBytes = 200;

Error wrong(std::string message) {
  return {Code::Invalid, std::move(message)};
}

// A line of text of 1 to `max` bytes, and nothing that steers a terminal.
Result<void> check_text(std::string_view field, std::string_view text, std::size_t max) {
  if (text.empty() || text.size() > max) {
    return std::unexpected(wrong(fmt::format("{}: expected 1 to {} bytes", field, max)));
  }
  const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
  const bool one_line = field != "note";
  if (one_line && std::ranges::any_of(text, is_control)) {
    return std::unexpected(wrong(fmt::format("{}: expected one line", field)));
  }
  return {};
}

// Who acts: the token, and where people share one the name that they give.
std::string name_of(const Principal& who, const std::string& as) {
  if (who.token == nullptr) return as.empty() ? "local" : as;
  return as.empty() ? who.token->name : who.token->name + "/" + as;
}

Result<void> read_field(std::string_view field, simdjson::dom::element value, Type type,
                        ConversationRecord::Action& action, std::string& as) {
  const auto text = [&](std::size_t max, std::string& out) -> Result<void> {
    std::string_view found;
    if (value.get(found)) return std::unexpected(wrong(fmt::format("{}: expected text", field)));
    out = found;
    return check_text(field, found, max);
  };
  if (field == "as") return text(kMaxAsBytes, as);
  if (field == "note") return text(kMaxNoteBytes, action.note);
  if (field == "lease_seconds" && type == Type::Claim) {
    std::int64_t seconds = 0;
    if (value.get(seconds) || seconds < kShortestLease.count() || seconds > kLongestLease.count()) {
      return std::unexpected(wrong(fmt::format("lease_seconds: expected a number from {} to {}",
                                               kShortestLease.count(), kLongestLease.count())));
    }
    action.lease = std::chrono::seconds(seconds);
    return {};
  }
  return std::unexpected(wrong(fmt::format("{}: unknown field of {}", field, name(type))));
}

// What the body of an action says; an empty one says nothing.
Result<ConversationRecord> read_action(const Request& request, const Principal& who, Type type) {
  ConversationRecord record;
  record.type = type;
  record.conversation = request.captures[0];
  if (type == Type::Claim) record.action.lease = kDefaultLease;
  std::string as;
  if (!request.body.empty()) {
    simdjson::dom::parser parser;
    simdjson::dom::object object;
    if (parser.parse(request.body).get(object)) {
      return std::unexpected(wrong("body: expected one JSON object"));
    }
    for (const auto& [field, value] : object) {
      const Result<void> read = read_field(field, value, type, record.action, as);
      if (!read) return std::unexpected(read.error());
    }
  }
  if ((type == Type::Note || type == Type::Handoff) && record.action.note.empty()) {
    return std::unexpected(wrong(fmt::format("note: {} needs one", name(type))));
  }
  record.action.who = name_of(who, as);
  if (record.action.who.size() > kMaxWhoBytes) return std::unexpected(wrong("as: too long"));
  return record;
}

bool may_act(const Principal& who, std::string_view queue) {
  if (who.has(Role::Admin)) return true;
  return who.has(queue == "social" ? Role::Social : Role::Community);
}

std::string random_id() {
  std::random_device device;
  return fmt::format("{:08x}{:08x}{:08x}{:08x}", device(), device(), device(), device());
}

Response held(const ActionOutcome& outcome) {
  const std::string until = format_time(outcome.until);
  Response response =
      problem(409, fmt::format("the item is claimed by {} until {}", outcome.who, until),
              "claimed_until", fmt::format("\"{}\"", until));
  std::string who;
  append_json_string(who, outcome.who);
  response.body.pop_back();
  response.body.append(",\"claimed_by\":").append(who).append("}");
  return response;
}

// The item as it is now: what the action did is in it, and perhaps what came after.
Response item_now(const Service& service, const Principal& who, const std::string& id) {
  const std::optional<QueueItem> item = service.view().queues.item(id);
  if (!item) return problem(404, "no such item");
  Response response;
  JsonWriter json(response.body);
  const Result<void> written = write_item(json, service, who, *item);
  if (!written) return problem(written.error());
  return response;
}

Response answer_done(const Service& service, const Principal& who, const ConversationRecord& record,
                     const ActionDone& done) {
  if (!done.outcome) {
    Response response;
    response.status = 202;
    JsonWriter json(response.body);
    json.begin_object().field("status", "written").field("id", record.action.id);
    json.field("offset", done.offset).end_object();
    return response;
  }
  switch (done.outcome->result) {
    case ActionOutcome::Result::Applied:
    case ActionOutcome::Result::Repeated:
      return item_now(service, who, record.conversation);
    case ActionOutcome::Result::Held:
      return held(*done.outcome);
    case ActionOutcome::Result::Refused:
      return problem(409, done.outcome->why);
    case ActionOutcome::Result::NoItem:
      return problem(404, "no such item");
  }
  return problem(500, "unknown outcome");
}

Response act(const Service& service, const Principal& who, ConversationRecord record) {
  const std::optional<QueueItem> item = service.view().queues.item(record.conversation);
  if (!item) return problem(404, "no such item");
  if (!may_act(who, item->queue)) {
    // The request may be the repetition of the one that handed the item over.
    if (service.view().queues.took(record.conversation, record.action.id)) {
      return item_now(service, who, record.conversation);
    }
    return unauthorized(403, fmt::format("the item is in the {} queue: the token's roles do not "
                                         "allow to act there",
                                         item->queue));
  }
  // Somebody may hand the item over before this takes effect.
  const bool both = may_act(who, "social") && may_act(who, "community");
  if (!both) record.action.only_in = item->queue;
  if (record.type == Type::Handoff) {
    record.action.queue = item->queue == "social" ? "community" : "social";
  }
  const Result<ActionDone> done = service.parts.act(record);
  if (!done) return problem(done.error());
  return answer_done(service, who, record, *done);
}

bool is_key(std::string_view key) {
  return key.size() <= kMaxKeyBytes &&
         std::ranges::all_of(key, [](unsigned char c) { return c > 0x20 && c < 0x7f; });
}

}  // namespace

Response answer_action(const Service& service, const Principal& who, const Request& request) {
  if (!service.parts.act) return problem(503, "this node takes no actions");
  if (!is_json_type(request.header("content-type"))) {
    return problem(415, "content-type: expected application/json");
  }
  const std::string_view key = request.header("idempotency-key");
  if (!is_key(key)) {
    return problem(400, fmt::format("idempotency-key: expected up to {} visible ASCII characters",
                                    kMaxKeyBytes));
  }
  const std::optional<Type> type = parse_action(request.captures[1]);
  if (!type) return problem(404, "no such action");
  Result<ConversationRecord> record = read_action(request, who, *type);
  if (!record) return problem(record.error());
  if (key.empty()) {
    record->action.id = random_id();
    return act(service, who, std::move(*record));
  }
  const std::string sender = who.token == nullptr ? "" : who.token->name;
  const std::string whole = fmt::format("{}\n{}\n{}\n{}", sender, key, request.path, request.body);
  const std::string digest = sha256_hex(whole);
  // The fold knows the id as well, so that a repetition after a restart does nothing twice either.
  record->action.id = digest.substr(0, 32);
  const std::string known = fmt::format("{}\n{}", sender, key);
  IdempotencyMemory::Look look = service.idempotency.look(known, digest);
  switch (look.found) {
    case IdempotencyMemory::Found::Known:
      return std::move(look.response);
    case IdempotencyMemory::Found::Busy:
      return problem(409, "idempotency-key: the same request is being answered");
    case IdempotencyMemory::Found::Other:
      return problem(422, "idempotency-key: it came with another request before");
    case IdempotencyMemory::Found::New:
      break;
  }
  Response response = act(service, who, std::move(*record));
  const bool final_one = response.status == 200 || response.status == 409;
  service.idempotency.done(known, response, final_one);
  return response;
}

}  // namespace vigie
