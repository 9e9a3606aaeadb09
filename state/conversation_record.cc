#include "state/conversation_record.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <simdjson.h>
#include <xxhash.h>

#include "pipeline/core/json.h"
#include "state/queue_order.h"

namespace vigie {
namespace {

using Type = ConversationRecord::Type;

constexpr std::array<std::string_view, 11> kTypes = {
    "message", "withdraw", "claim",  "release", "reply_noted", "note",
    "handoff", "resolve",  "reopen", "timer",   "snapshot"};
constexpr std::array<std::string_view, 6> kTimers = {
    "lease", "response_warning", "response_breach", "resolution_warning", "resolution_breach",
    "expiry"};

void write_hours(JsonWriter& json, const WorkHours& hours) {
  json.key("hours").begin_object().key("week").begin_array();
  for (const WorkHours::Part& part : hours.week) {
    json.begin_array().number(std::int64_t{part.begin}).number(std::int64_t{part.end}).end_array();
  }
  json.end_array().key("zones").begin_array();
  for (const WorkHours::Zone& zone : hours.zones) {
    json.begin_array().string(format_time(zone.from));
    json.number(static_cast<std::int64_t>(zone.offset.count())).end_array();
  }
  json.end_array().end_object();
}

void write_message(JsonWriter& json, const ConversationRecord& record) {
  const ItemMessage& message = record.message;
  json.field("message", message.key);
  if (record.type == Type::Withdraw) {
    if (record.erased) json.field("erased", true);
    return;
  }
  json.field("event_time", format_time(message.event_time)).field("inbound", message.inbound);
  if (message.inbound) {
    json.field("queue", message.queue).field("route", message.route);
    json.field("priority", message.priority).field("sla_seconds", message.sla_seconds);
    if (message.resolve_seconds > 0) json.field("resolve_seconds", message.resolve_seconds);
    if (!record.hours.week.empty()) write_hours(json, record.hours);
  }
  json.field("author", message.author_handle);
}

// A JSON object whose fields are read by name.
class Fields {
 public:
  explicit Fields(simdjson::dom::object object) : object_(object) {}

  bool text(const char* field, std::string& out) const {
    std::string_view value;
    if (object_[field].get(value)) return false;
    out = value;
    return true;
  }
  bool time(const char* field, Time& out) const {
    std::string value;
    const std::optional<Time> parsed = text(field, value) ? parse_time(value) : std::nullopt;
    if (parsed) out = *parsed;
    return parsed.has_value();
  }
  bool number(const char* field, std::int64_t& out) const { return !object_[field].get(out); }
  bool flag(const char* field, bool& out) const { return !object_[field].get(out); }
  // Absent is zero.
  bool seconds(const char* field, std::int64_t& out) const {
    if (object_[field].error() == simdjson::NO_SUCH_FIELD) return true;
    return number(field, out) && out >= 0 && out <= kMaxSlaSeconds;
  }
  bool hours(WorkHours& out) const;

 private:
  simdjson::dom::object object_;
};

bool Fields::hours(WorkHours& out) const {
  simdjson::dom::object object;
  if (object_["hours"].get(object)) return object_["hours"].error() == simdjson::NO_SUCH_FIELD;
  simdjson::dom::array parts;
  simdjson::dom::array zones;
  if (object["week"].get(parts) || object["zones"].get(zones)) return false;
  if (parts.size() > kMaxWorkParts || zones.size() > kMaxWorkZones) return false;
  for (const simdjson::dom::element part : parts) {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    if (part.at(0).get(begin) || part.at(1).get(end) || begin > 20'000 || end > 20'000) {
      return false;
    }
    out.week.push_back({static_cast<std::uint16_t>(begin), static_cast<std::uint16_t>(end)});
  }
  for (const simdjson::dom::element zone : zones) {
    std::string_view from;
    std::int64_t offset = 0;
    if (zone.at(0).get(from) || zone.at(1).get(offset) || offset < -2000 || offset > 2000) {
      return false;
    }
    const std::optional<Time> time = parse_time(from);
    if (!time) return false;
    out.zones.push_back({*time, std::chrono::minutes(offset)});
  }
  return out.valid();
}

// Each of these returns what is wrong, or nothing.
std::string_view read_message(const Fields& fields, ConversationRecord& record) {
  ItemMessage& message = record.message;
  if (!fields.text("message", message.key) || message.key.empty()) return "no message";
  if (record.type == Type::Withdraw) {
    if (!fields.flag("erased", record.erased)) record.erased = false;
    return "";
  }
  if (!fields.time("event_time", message.event_time)) return "event_time is no time";
  if (!fields.flag("inbound", message.inbound)) return "inbound is no boolean";
  fields.text("author", message.author_handle);
  if (!message.inbound) return "";
  if (!fields.text("queue", message.queue) ||
      (message.queue != "social" && message.queue != "community")) {
    return "queue is not social or community";
  }
  fields.text("route", message.route);
  if (!fields.text("priority", message.priority) || priority_rank(message.priority) < 0) {
    return "unknown priority";
  }
  if (!fields.number("sla_seconds", message.sla_seconds) || message.sla_seconds < 0 ||
      message.sla_seconds > kMaxSlaSeconds) {
    return "sla_seconds out of range";
  }
  if (!fields.seconds("resolve_seconds", message.resolve_seconds)) {
    return "resolve_seconds out of range";
  }
  return fields.hours(record.hours) ? "" : "hours out of form";
}

std::string_view read_action(const Fields& fields, ConversationRecord& record) {
  ConversationRecord::Action& action = record.action;
  if (!fields.text("id", action.id) || action.id.empty() || action.id.size() > kMaxActionIdBytes) {
    return "no id";
  }
  if (!fields.text("who", action.who) || action.who.empty() || action.who.size() > kMaxWhoBytes) {
    return "who is missing or too long";
  }
  fields.text("note", action.note);
  fields.text("only_in", action.only_in);
  if (action.note.size() > kMaxNoteBytes) return "note is too long";
  if (record.type == Type::Claim) {
    std::int64_t lease = 0;
    if (!fields.number("lease_seconds", lease) || lease < kShortestLease.count() ||
        lease > kLongestLease.count()) {
      return "lease_seconds out of range";
    }
    action.lease = std::chrono::seconds(lease);
  }
  if (record.type != Type::Handoff) return "";
  const bool known = fields.text("queue", action.queue) &&
                     (action.queue == "social" || action.queue == "community");
  return known ? "" : "queue is not social or community";
}

std::string_view read_timer(const Fields& fields, ConversationRecord& record) {
  std::string timer;
  if (!fields.text("timer", timer)) return "no timer";
  const auto* const found = std::ranges::find(kTimers, timer);
  if (found == kTimers.end()) return "unknown timer";
  record.timer = static_cast<ItemTimer>(found - kTimers.begin());
  return fields.time("due", record.due) ? "" : "due is no time";
}

std::string_view read_snapshot(const Fields& fields, ConversationRecord& record) {
  if (!fields.number("after", record.after)) return "no after";
  std::string text;
  if (!fields.text("item", text)) return "no item";
  std::optional<std::string> bytes = from_hex(text);
  if (!bytes) return "item is not in hex";
  record.item = std::move(*bytes);
  return "";
}

}  // namespace

std::string_view name(ItemTimer timer) {
  return kTimers[static_cast<std::size_t>(timer)];
}

std::string_view name(Type type) {
  return kTypes[static_cast<std::size_t>(type)];
}

std::optional<Type> parse_action(std::string_view name) {
  const auto* const found = std::ranges::find(kTypes, name);
  if (found == kTypes.end()) return std::nullopt;
  const auto type = static_cast<Type>(found - kTypes.begin());
  return is_action(type) ? std::optional(type) : std::nullopt;
}

std::string timer_id(std::string_view conversation, ItemTimer timer, Time due) {
  const std::string text =
      fmt::format("{}\n{}\n{}", conversation, name(timer), due.time_since_epoch().count());
  return fmt::format("{:016x}", XXH3_64bits(text.data(), text.size()));
}

void append_json(std::string& out, const ConversationRecord& record) {
  JsonWriter json(out);
  json.begin_object().field("v", std::int64_t{1}).field("type", name(record.type));
  json.field("seen_at", format_time(record.seen_at));
  if (record.type <= Type::Withdraw) write_message(json, record);
  if (is_action(record.type)) {
    json.field("id", record.action.id).field("who", record.action.who);
    if (!record.action.note.empty()) json.field("note", record.action.note);
    if (record.type == Type::Claim) {
      json.field("lease_seconds", std::int64_t{record.action.lease.count()});
    }
    if (record.type == Type::Handoff) json.field("queue", record.action.queue);
    if (!record.action.only_in.empty()) json.field("only_in", record.action.only_in);
  }
  if (record.type == Type::Timer) {
    json.field("id", timer_id(record.conversation, record.timer, record.due));
    json.field("timer", name(record.timer)).field("due", format_time(record.due));
  }
  if (record.type == Type::Snapshot) {
    json.field("after", record.after);
    json.field("item",
               hex(reinterpret_cast<const std::uint8_t*>(record.item.data()), record.item.size()));
  }
  json.end_object();
}

Result<ConversationRecord> parse_conversation_record(std::string_view key, std::string_view json) {
  const auto wrong = [&](std::string_view what) {
    return fail(Code::Invalid, fmt::format("conversation record: {}", what));
  };
  if (key.empty()) return wrong("no conversation");
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  if (parser.parse(simdjson::padded_string(json)).get(object)) return wrong("no JSON object");
  const Fields fields(object);
  std::int64_t version = 0;
  if (!fields.number("v", version) || version != 1) return wrong("v is not 1");
  ConversationRecord record;
  record.conversation = key;
  std::string type;
  if (!fields.text("type", type)) return wrong("no type");
  const auto* const found = std::ranges::find(kTypes, type);
  if (found == kTypes.end()) return wrong("unknown type");
  record.type = static_cast<Type>(found - kTypes.begin());
  if (!fields.time("seen_at", record.seen_at)) return wrong("seen_at is no time");
  std::string_view problem;
  if (record.type <= Type::Withdraw) {
    problem = read_message(fields, record);
  } else if (is_action(record.type)) {
    problem = read_action(fields, record);
  } else if (record.type == Type::Timer) {
    problem = read_timer(fields, record);
  } else {
    problem = read_snapshot(fields, record);
  }
  if (!problem.empty()) return wrong(problem);
  return record;
}

}  // namespace vigie
