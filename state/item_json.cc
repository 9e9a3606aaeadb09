#include "state/item_json.h"

namespace vigie {
namespace {

void optional_text(JsonWriter& json, std::string_view key, const std::string& text) {
  json.key(key);
  if (text.empty()) {
    json.null();
  } else {
    json.string(text);
  }
}

void optional_time(JsonWriter& json, std::string_view key, const std::optional<Time>& time) {
  optional_text(json, key, time ? format_time(*time) : std::string());
}

void write_clocks(JsonWriter& json, const QueueItem& item, Time now) {
  json.key("clocks").begin_array();
  for (const ItemClock& clock : item.clocks) {
    const bool breached = clock.due && *clock.due <= now;
    json.begin_object().field("kind", name(clock.kind));
    json.field("limit_seconds", std::int64_t{clock.limit.count()});
    json.field("since", format_time(clock.since));
    optional_time(json, "due_at", clock.due);
    optional_time(json, "warn_at", clock.warn_at);
    json.field("paused", !clock.due.has_value());
    if (!clock.due) json.field("left_seconds", std::int64_t{clock.left.count()});
    json.field("at_risk", !breached && clock.warn_at && *clock.warn_at <= now);
    json.field("breached", breached).end_object();
  }
  json.end_array();
}

void write_notes(JsonWriter& json, const QueueItem& item) {
  json.key("notes").begin_array();
  for (const ItemNote& note : item.notes) {
    json.begin_object().field("at", format_time(note.at)).field("who", note.who);
    json.field("action", note.action).field("text", note.text).end_object();
  }
  json.end_array().field("notes_omitted", static_cast<std::int64_t>(item.notes_omitted));
}

void write_flags(JsonWriter& json, const QueueItem& item) {
  json.key("flags").begin_array();
  if (item.other_queue) json.string("other_queue");
  if (item.answered_by_other) json.string("answered_by_other");
  if (item.late_message) json.string("late_message");
  json.end_array();
}

void write_message(JsonWriter& json, const ItemMessage& message) {
  json.begin_object().field("key", message.key);
  json.field("event_time", format_time(message.event_time)).field("inbound", message.inbound);
  if (message.inbound) {
    optional_text(json, "route", message.route);
    json.field("priority", message.priority);
  }
  optional_text(json, "author_handle", message.author_handle);
}

}  // namespace

Result<void> write_item(JsonWriter& json, const QueueItem& item, Time now,
                        const std::function<Result<void>(const ItemMessage&)>& message) {
  json.begin_object().field("id", item.id).field("queue", item.queue);
  json.field("state", name(item.state)).field("priority", item.priority);
  optional_text(json, "route", item.route);
  json.field("sla_seconds", item.sla_seconds);
  optional_time(json, "due_at", item.due_at);
  json.field("opened_at", format_time(item.opened_at));
  json.field("updated_at", format_time(item.updated_at));
  optional_text(json, "answered_by", item.answered_by);
  optional_time(json, "first_response_at", item.first_response_at);
  optional_text(json, "claimed_by", item.claimed_by);
  optional_time(json, "claimed_until", item.claimed_until);
  optional_text(json, "resolved_by", item.resolved_by);
  optional_time(json, "resolved_at", item.resolved_at);
  write_flags(json, item);
  write_clocks(json, item, now);
  write_notes(json, item);
  json.field("message_count", static_cast<std::int64_t>(item.messages.size() + item.omitted));
  json.key("messages").begin_array();
  for (const ItemMessage& each : item.messages) {
    write_message(json, each);
    const Result<void> written = message(each);
    if (!written) return written;
    json.end_object();
  }
  json.end_array().end_object();
  return {};
}

}  // namespace vigie
