#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "pipeline/core/bytes.h"
#include "state/queues.h"

namespace vigie {

// What is stored in Space::Queues, with the encodings of bytes.h:
//   key     = version(1 byte, 1) item id          ; the empty id is the clock
//   clock   = version(1 byte, 1) stream_time(signed)
//   item    = version(1 byte, 1) touched(signed) omitted is_item(1 byte) messages
//   omitted = count(varint) inbound(varint) [ last_event_time(signed) last_key(text)
//             rank(varint) queue(text) sla_seconds(varint) ]   ; the rest only when count > 0
//   messages = count(varint) *message             ; by (event time, key)
//   message = key(text) event_time(signed) inbound(1 byte) queue(text) route(text) rank(varint)
//             sla_seconds(varint) author_handle(text)
// All else that an item says is derived from these.
// Private to this folder.
constexpr char kQueuesVersion = 1;

// The messages between the first and the oldest kept one, when there are too many. What they say of
// priority and SLA still counts. A message at or before `last` may be one of them come again, so it
// adds to what they say and not to their number.
struct Omitted {
  std::uint64_t count = 0;
  std::uint64_t inbound = 0;
  Time last_time{};
  std::string last_key;
  int rank = -1;  // highest of the inbound ones, and the queue of the first that had it
  std::string queue;
  std::int64_t sla_seconds = 0;

  bool covers(const ItemMessage& message) const;
  void absorb(const ItemMessage& message);
};

// A conversation. One without any inbound message that ever was is a reply which waits for its
// item.
struct Conversation {
  QueueItem item;
  Omitted omitted;
  bool is_item = false;

  // One message more, changed or withdrawn; everything that follows from the messages is derived
  // anew.
  void change(ConversationRecord record);
  Time expires() const;
};

std::string encode(const Conversation& conversation);
// False when the bytes are damaged.
bool decode(std::string_view id, std::string_view bytes, Conversation& out);

// The key of an item in Space::Queues; of the empty id that of the clock.
std::string queues_key(std::string_view id);

Time read_time(ByteReader& in);

}  // namespace vigie
