#include <algorithm>

#include <simdjson.h>

#include "pipeline/api/answers.h"
#include "pipeline/core/json.h"

namespace vigie {
namespace {

constexpr std::size_t kDefaultItems = 50;
constexpr std::size_t kMaxItems = 200;
// Of each item in a list; the item itself tells all of them.
constexpr std::size_t kListedMessages = 10;

bool sees_direct_messages(const Principal& who) {
  return who.has(Role::Social) || who.has(Role::Admin);
}

// The `tagged` record as `who` may see it: null when it is gone, hidden or unreadable, and only
// `{"kind":"dm"}` of a direct message for those who may not read it.
Result<std::string> visible(const Service& service, const Principal& who, std::string_view key) {
  const Result<std::optional<std::string>> tagged = service.parts.tagged(key);
  if (!tagged) return std::unexpected(tagged.error());
  if (!*tagged) return std::string("null");
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  std::string_view kind;
  if (parser.parse(**tagged).get(object) || object["kind"].get(kind)) return std::string("null");
  bool hidden = false;
  if (!object["hidden"].get(hidden) && hidden) return std::string("null");
  if (kind == "dm" && !sees_direct_messages(who)) return std::string(R"({"kind":"dm"})");
  return **tagged;
}

void optional_text(JsonWriter& json, std::string_view key, const std::string& text) {
  json.key(key);
  if (text.empty()) {
    json.null();
  } else {
    json.string(text);
  }
}

Result<void> write_message(JsonWriter& json, const Service& service, const Principal& who,
                           const ItemMessage& message) {
  const Result<std::string> mention = visible(service, who, message.key);
  if (!mention) return std::unexpected(mention.error());
  json.begin_object().field("key", message.key);
  json.field("event_time", format_time(message.event_time)).field("inbound", message.inbound);
  if (message.inbound) {
    optional_text(json, "route", message.route);
    json.field("priority", message.priority);
  }
  optional_text(json, "author_handle", message.author_handle);
  json.key("mention").raw(*mention).end_object();
  return {};
}

void write_notes(JsonWriter& json, const QueueItem& item) {
  json.key("notes").begin_array();
  for (const ItemNote& note : item.notes) {
    json.begin_object().field("at", format_time(note.at)).field("who", note.who);
    json.field("action", note.action).field("text", note.text).end_object();
  }
  json.end_array().field("notes_omitted", static_cast<std::int64_t>(item.notes_omitted));
}

void optional_time(JsonWriter& json, std::string_view key, const std::optional<Time>& time) {
  optional_text(json, key, time ? format_time(*time) : std::string());
}

// Where the clocks stand at `now`, the stream time of what is served.
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

void write_flags(JsonWriter& json, const QueueItem& item) {
  json.key("flags").begin_array();
  if (item.other_queue) json.string("other_queue");
  if (item.answered_by_other) json.string("answered_by_other");
  if (item.late_message) json.string("late_message");
  json.end_array();
}

}  // namespace

Result<void> write_item(JsonWriter& json, const Service& service, const Principal& who,
                        const QueueItem& item) {
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
  write_clocks(json, item, service.parts.as_of());
  write_notes(json, item);
  json.field("message_count", static_cast<std::int64_t>(item.messages.size() + item.omitted));
  json.key("messages").begin_array();
  for (const ItemMessage& message : item.messages) {
    const Result<void> written = write_message(json, service, who, message);
    if (!written) return written;
  }
  json.end_array().end_object();
  return {};
}

Response answer_items(const Service& service, const Principal& who, const Request& request) {
  const Result<std::size_t> limit = count_param(request, "limit", kDefaultItems, kMaxItems);
  if (!limit) return problem(limit.error());
  const std::string_view state = request.param("state").value_or("open");
  if (state != "open" && state != "all") return problem(400, "state: expected open or all");

  const Result<Queues::Page> page =
      service.parts.queues.list(request.captures[0], state == "all",
                                request.param("after").value_or(""), *limit, kListedMessages);
  if (!page) return problem(page.error());
  Response response;
  JsonWriter json(response.body);
  json.begin_object().field("as_of", format_time(service.parts.as_of()));
  json.field("total", static_cast<std::int64_t>(page->total));
  optional_text(json, "next", page->next);
  json.key("items").begin_array();
  for (const QueueItem& item : page->items) {
    const Result<void> written = write_item(json, service, who, item);
    if (!written) return problem(written.error());
  }
  json.end_array().end_object();
  return response;
}

Response answer_item(const Service& service, const Principal& who, const Request& request) {
  const std::optional<QueueItem> item = service.parts.queues.item(request.captures[0]);
  if (!item) return problem(404, "no such item");
  Response response;
  JsonWriter json(response.body);
  const Result<void> written = write_item(json, service, who, *item);
  if (!written) return problem(written.error());
  return response;
}

}  // namespace vigie
