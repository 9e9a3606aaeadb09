// What is stored in Space::Queues, with the encodings of bytes.h:
//   key     = 0x01 item id                        ; the empty id is the clocks
//   clocks  = 0x02 count(varint) *(partition(varint) stream_time(signed))
//   item    = 0x02 partition(signed) last_offset(signed) oldest(signed) touched(signed)
//             is_item(1 byte) queue(text) omitted messages
//             count(varint) *mark acted_at(signed)
//             handed(1 byte) [at(signed) queue(text)]
//             claimed(1 byte) [who(text) until(signed) answered_by_other(1 byte)]
//             late_message(1 byte) hours 4*fired(signed)
//             count(varint) *id(text)
//             notes_omitted(varint) count(varint) *note
//   omitted = count(varint) inbound(varint) [ last_event_time(signed) last_key(text)
//             rank(varint) queue(text) sla_seconds(varint) resolve_seconds(varint) ]
//             ; the rest only when count > 0
//   messages = count(varint) *message             ; by (event time, key)
//   message = key(text) event_time(signed) flags(1 byte: 1 inbound, 2 held) queue(text)
//             route(text) rank(varint) sla_seconds(varint) resolve_seconds(varint)
//             author_handle(text)
//   mark    = kind(1 byte) at(signed) who(text)
//   note    = at(signed) who(text) action(text) text(text)
//   hours   = as work_hours.h says
// Version 1 had one stream time for all partitions, and messages only:
//   clock   = 0x01 stream_time(signed)
//   item    = 0x01 touched(signed) omitted is_item(1 byte) messages
//   with no resolve_seconds and a flags byte of inbound alone.
// All else that an item says is derived from these; the queue is what a withdrawn item was in.
#include <algorithm>

#include "state/conversation.h"
#include "state/queue_order.h"

namespace vigie {
namespace {

// What a version 1 item lacks is taken to be old, so that a snapshot is due at once.
constexpr std::chrono::hours kAssumedAge{28 * 24};

// No rank is -1.
std::uint64_t stored_rank(int rank) {
  return static_cast<std::uint64_t>(std::int64_t{rank} + 1);
}

int read_rank(ByteReader& in) {
  return static_cast<int>(std::min<std::uint64_t>(in.varint(), 4)) - 1;
}

void put_flag(std::string& out, bool flag) {
  out += flag ? '\1' : '\0';
}

bool read_flag(ByteReader& in) {
  return in.fixed<std::uint8_t>() != 0;
}

std::int64_t read_seconds(ByteReader& in) {
  const std::uint64_t seconds = in.varint();
  if (seconds > static_cast<std::uint64_t>(kMaxSlaSeconds)) in.refuse();
  return in.ok() ? static_cast<std::int64_t>(seconds) : 0;
}

void put_message(std::string& out, const ItemMessage& message) {
  put_text(out, message.key);
  put_time(out, message.event_time);
  out += static_cast<char>((message.inbound ? 1 : 0) | (message.held ? 2 : 0));
  put_text(out, message.queue);
  put_text(out, message.route);
  put_varint(out, stored_rank(priority_rank(message.priority)));
  put_varint(out, static_cast<std::uint64_t>(message.sla_seconds));
  put_varint(out, static_cast<std::uint64_t>(message.resolve_seconds));
  put_text(out, message.author_handle);
}

ItemMessage read_message(ByteReader& in, bool first_version) {
  ItemMessage message;
  message.key = in.text();
  message.event_time = read_time(in);
  const auto flags = in.fixed<std::uint8_t>();
  message.inbound = (flags & 1) != 0;
  message.held = (flags & 2) != 0;
  message.queue = in.text();
  message.route = in.text();
  const int rank = read_rank(in);
  if (rank >= 0) message.priority = priority_of_rank(rank);
  message.sla_seconds = read_seconds(in);
  if (!first_version) message.resolve_seconds = read_seconds(in);
  message.author_handle = in.text();
  return message;
}

void put_omitted(std::string& out, const Omitted& omitted) {
  put_varint(out, omitted.count);
  put_varint(out, omitted.inbound);
  if (omitted.count == 0) return;
  put_time(out, omitted.last_time);
  put_text(out, omitted.last_key);
  put_varint(out, stored_rank(omitted.rank));
  put_text(out, omitted.queue);
  put_varint(out, static_cast<std::uint64_t>(omitted.sla_seconds));
  put_varint(out, static_cast<std::uint64_t>(omitted.resolve_seconds));
}

Omitted read_omitted(ByteReader& in, bool first_version) {
  Omitted omitted;
  omitted.count = in.varint();
  omitted.inbound = in.varint();
  if (omitted.count == 0) return omitted;
  omitted.last_time = read_time(in);
  omitted.last_key = in.text();
  omitted.rank = read_rank(in);
  omitted.queue = in.text();
  omitted.sla_seconds = read_seconds(in);
  if (!first_version) omitted.resolve_seconds = read_seconds(in);
  return omitted;
}

void read_messages(ByteReader& in, bool first_version, std::vector<ItemMessage>& out) {
  const std::uint64_t count = in.varint();
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    out.push_back(read_message(in, first_version));
  }
}

void put_actions(std::string& out, const Conversation& conversation) {
  put_varint(out, conversation.marks.size());
  for (const StateMark& mark : conversation.marks) {
    out += static_cast<char>(mark.kind);
    put_time(out, mark.at);
    put_text(out, mark.who);
  }
  put_time(out, conversation.acted_at);
  put_flag(out, conversation.handoff.has_value());
  if (conversation.handoff) {
    put_time(out, conversation.handoff->at);
    put_text(out, conversation.handoff->queue);
  }
  put_flag(out, conversation.claim.has_value());
  if (conversation.claim) {
    put_text(out, conversation.claim->who);
    put_time(out, conversation.claim->until);
    put_flag(out, conversation.claim->answered_by_other);
  }
}

void read_actions(ByteReader& in, Conversation& out) {
  const std::uint64_t marks = in.varint();
  for (std::uint64_t i = 0; i < marks && in.ok(); ++i) {
    StateMark& mark = out.marks.emplace_back();
    mark.kind = static_cast<StateMark::Kind>(std::min<std::uint8_t>(in.fixed<std::uint8_t>(), 2));
    mark.at = read_time(in);
    mark.who = in.text();
  }
  out.acted_at = read_time(in);
  if (read_flag(in)) {
    out.handoff.emplace();
    out.handoff->at = read_time(in);
    out.handoff->queue = in.text();
  }
  if (read_flag(in)) {
    out.claim.emplace();
    out.claim->who = in.text();
    out.claim->until = read_time(in);
    out.claim->answered_by_other = read_flag(in);
  }
}

void put_notes(std::string& out, const QueueItem& item) {
  put_varint(out, item.notes_omitted);
  put_varint(out, item.notes.size());
  for (const ItemNote& note : item.notes) {
    put_time(out, note.at);
    put_text(out, note.who);
    put_text(out, note.action);
    put_text(out, note.text);
  }
}

void read_notes(ByteReader& in, QueueItem& item) {
  item.notes_omitted = in.varint();
  const std::uint64_t count = in.varint();
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    ItemNote& note = item.notes.emplace_back();
    note.at = read_time(in);
    note.who = in.text();
    note.action = in.text();
    note.text = in.text();
  }
}

void read_first_version(ByteReader& in, Conversation& out) {
  out.item.updated_at = read_time(in);
  out.oldest = out.item.updated_at - kAssumedAge;
  out.omitted = read_omitted(in, true);
  out.is_item = read_flag(in);
  read_messages(in, true, out.messages);
}

void read_second_version(ByteReader& in, Conversation& out) {
  out.partition = static_cast<std::int32_t>(in.signed_varint());
  out.last_offset = in.signed_varint();
  out.oldest = read_time(in);
  out.item.updated_at = read_time(in);
  out.is_item = read_flag(in);
  out.item.queue = in.text();
  out.omitted = read_omitted(in, false);
  read_messages(in, false, out.messages);
  read_actions(in, out);
  out.late_message = read_flag(in);
  out.hours = read_work_hours(in);
  for (Time& due : out.fired) due = read_time(in);
  const std::uint64_t ids = in.varint();
  for (std::uint64_t i = 0; i < ids && in.ok(); ++i) out.ids.emplace_back(in.text());
  read_notes(in, out.item);
}

}  // namespace

Time read_time(ByteReader& in) {
  // 18,000 years either side of 1970: wider than the years of four digits that messages bear, and
  // far enough from the ends of the type to count months from.
  constexpr std::int64_t kFarthest = std::int64_t{1} << 59;
  const std::int64_t microseconds = in.signed_varint();
  if (microseconds < -kFarthest || microseconds > kFarthest) in.refuse();
  return Time(std::chrono::microseconds(in.ok() ? microseconds : 0));
}

void put_time(std::string& out, Time time) {
  put_signed(out, time.time_since_epoch().count());
}

std::string encode(const Conversation& conversation) {
  std::string out(1, kQueuesVersion);
  put_signed(out, conversation.partition);
  put_signed(out, conversation.last_offset);
  put_time(out, conversation.oldest);
  put_time(out, conversation.item.updated_at);
  put_flag(out, conversation.is_item);
  put_text(out, conversation.item.queue);
  put_omitted(out, conversation.omitted);
  put_varint(out, conversation.messages.size());
  for (const ItemMessage& message : conversation.messages) put_message(out, message);
  put_actions(out, conversation);
  put_flag(out, conversation.late_message);
  put_work_hours(out, conversation.hours);
  for (const Time due : conversation.fired) put_time(out, due);
  put_varint(out, conversation.ids.size());
  for (const std::string& id : conversation.ids) put_text(out, id);
  put_notes(out, conversation.item);
  return out;
}

bool decode(std::string_view id, std::string_view bytes, Conversation& out) {
  ByteReader in(bytes);
  const auto version = in.fixed<char>();
  if (version != 1 && version != kQueuesVersion) return false;
  out.item.id = id;
  if (version == 1) {
    read_first_version(in, out);
  } else {
    read_second_version(in, out);
  }
  if (!in.ok() || !in.at_end() || !out.hours.valid()) return false;
  derive(out);
  return true;
}

std::optional<std::string> item_content(std::string_view id, std::string_view bytes) {
  Conversation conversation;
  if (!decode(id, bytes, conversation)) return std::nullopt;
  conversation.partition = 0;
  conversation.last_offset = 0;
  conversation.oldest = {};
  return encode(conversation);
}

std::string queues_key(std::string_view id) {
  return std::string(1, '\x01').append(id);
}

}  // namespace vigie
