#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/core/bytes.h"
#include "state/queues.h"

namespace vigie {

// Private to this folder.

// The messages between the first and the oldest kept one, when there are too many. What they say of
// priority and SLA still counts. A message at or before `last` may be one of them come again, so it
// adds to what they say and not to their number.
struct Omitted {
  std::uint64_t count = 0;
  std::uint64_t inbound = 0;
  Time last_time{};
  std::string last_key;
  int rank = -1;      // highest of the inbound ones
  std::string queue;  // of the first that had it, unless the item was held then
  std::int64_t sla_seconds = 0;
  std::int64_t resolve_seconds = 0;

  bool covers(const ItemMessage& message) const;
  void absorb(const ItemMessage& message);
  // Names this message no more: every key of its moment is covered instead.
  void forget(std::string_view key);
};

// An action that sets the state, at its place among the messages.
struct StateMark {
  enum class Kind : std::uint8_t { Reply, Resolve, Reopen };
  Kind kind = Kind::Reply;
  Time at{};
  std::string who;
};
// The newest; older ones no longer count for the clocks.
constexpr std::size_t kKeptMarks = 100;

struct ItemClaim {
  std::string who;
  Time until{};
  bool answered_by_other = false;
};

struct ItemHandoff {
  Time at{};
  std::string queue;
};

// A conversation. One without any inbound message that ever was is a reply which waits for its
// item.
//
// What is kept: messages in their own order, and what actions did in offset order. Everything that
// an item says is derived from both. An action stands among the messages at the later of its record
// time and of the newest message that was known when it took effect, so what a person had seen
// comes before what they did, and a message that comes late does not undo it.
struct Conversation {
  QueueItem item;                     // without its messages
  std::vector<ItemMessage> messages;  // by (event time, key)
  Omitted omitted;
  bool is_item = false;
  std::int32_t partition = -1;  // -1: written by a version that did not keep it
  Offset last_offset = -1;      // of the last record that is no snapshot
  Time oldest{};                // record time of the first record, or of the last snapshot
  std::vector<StateMark> marks;
  Time acted_at{};  // place of the last action
  std::optional<ItemHandoff> handoff;
  std::optional<ItemClaim> claim;
  bool late_message = false;
  WorkHours hours;               // those of the last message that told them
  std::array<Time, 4> fired{};   // when due, of the last firing of each SLA timer
  std::vector<std::string> ids;  // of the last actions

  // One message more, changed or withdrawn.
  void change(ConversationRecord record);
  ActionOutcome act(const ConversationRecord& record, Time now);
  // Whether the timer was due and had not fired.
  bool fire(ItemTimer timer, Time due);
  // A claim whose time is over at `now` is none. Before anything else that a record does.
  // Returns whether one ended.
  bool end_lease(Time now);

  Time expires() const;
  // What becomes due next, and when.
  struct Timer {
    ItemTimer timer = ItemTimer::Lease;
    Time due{};
  };
  std::vector<Timer> timers() const;
  Time snapshot_due() const;
  Time next_due() const;

 private:
  void keep_note(const ConversationRecord& record);
  void mark(StateMark::Kind kind, Time seen_at, const std::string& who);
  Time place(Time seen_at);
  std::string_view refusal(const ConversationRecord& record) const;
  void carry_out(const ConversationRecord& record);
};

// Queue, state, priority, flags and clocks, from what is kept.
void derive(Conversation& conversation);

std::int64_t stricter(std::int64_t a, std::int64_t b);

std::string encode(const Conversation& conversation);
// Reads what this version and version 1 wrote. False when the bytes are damaged.
bool decode(std::string_view id, std::string_view bytes, Conversation& out);

constexpr char kQueuesVersion = 2;

Time read_time(ByteReader& in);
void put_time(std::string& out, Time time);

}  // namespace vigie
