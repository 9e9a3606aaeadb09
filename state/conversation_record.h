#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pipeline/core/clock.h"
#include "pipeline/core/error.h"
#include "pipeline/core/ids.h"
#include "state/work_hours.h"

namespace vigie {

// The longest that a record leaves for an answer or a resolution.
constexpr std::int64_t kMaxSlaSeconds = std::int64_t{366} * 86400;

// One message of a conversation as its `conversations` record tells it: no text, only the key under
// which `tagged` has it.
struct ItemMessage {
  std::string key;  // network/id
  Time event_time{};
  bool inbound = true;  // false: written by the brand or an ambassador
  std::string queue;    // "social", "community"; of an inbound message
  std::string route;
  std::string priority;              // "low" to "urgent"
  std::int64_t sla_seconds = 0;      // until a response; 0: none
  std::int64_t resolve_seconds = 0;  // until it is resolved; 0: none
  std::string author_handle;
  bool held = false;  // somebody held the item when it came; the fold says so, not the record
  friend bool operator==(const ItemMessage&, const ItemMessage&) = default;
};

// What becomes due by stream time. Its firing is a record that takes effect once.
enum class ItemTimer : std::uint8_t {
  Lease,
  ResponseWarning,
  ResponseBreach,
  ResolutionWarning,
  ResolutionBreach,
  Expiry,
};
std::string_view name(ItemTimer timer);

// A record of the topic `conversations`, whose key is the conversation:
//   {"v":1,"type":TYPE,"seen_at":TIME, ...}
//   message      "message":KEY "event_time" "inbound" "author"; inbound: "queue" "route" "priority"
//                "sla_seconds" ["resolve_seconds"] ["hours":{"week":[[BEGIN,END]..],
//                "zones":[[TIME,MINUTES]..]}]
//   withdraw     "message":KEY
//   an action    "id" "who" ["note"] ["lease_seconds" of claim] ["queue" of handoff]; its type is
//                claim, release, reply_noted, note, handoff, resolve or reopen
//   timer        "id" "timer":NAME "due":TIME
//   snapshot     "after":OFFSET of the last record in it, "item": the stored form in hex
struct ConversationRecord {
  enum class Type : std::uint8_t {
    Message,
    Withdraw,
    Claim,
    Release,
    ReplyNoted,
    Note,
    Handoff,
    Resolve,
    Reopen,
    Timer,
    Snapshot,
  };
  // What a person does, or a program in their name.
  struct Action {
    std::string id;   // one that comes again changes nothing
    std::string who;  // 1 to kMaxWhoBytes
    std::string note;
    std::chrono::seconds lease{0};  // of a claim
    std::string queue;              // of a handoff: where it goes
    std::string only_in;            // the queue in which its author may act; empty: both
  };

  Type type = Type::Message;
  std::string conversation;  // the record's key
  Time seen_at{};            // record time of what caused it
  bool erased = false;       // of a Withdraw: with its author, so that not even its key stays
  ItemMessage message;       // of a Withdraw only the key counts
  WorkHours hours;           // of a message: those its clocks run by
  Action action;
  ItemTimer timer = ItemTimer::Lease;
  Time due{};        // of a Timer
  Offset after = 0;  // of a Snapshot
  std::string item;  // of a Snapshot: bytes
};
std::string_view name(ConversationRecord::Type type);
// Of the name of an action; empty for any other text.
std::optional<ConversationRecord::Type> parse_action(std::string_view name);
constexpr bool is_action(ConversationRecord::Type type) {
  return type >= ConversationRecord::Type::Claim && type <= ConversationRecord::Type::Reopen;
}

constexpr std::size_t kMaxNoteBytes = 4096;
constexpr std::size_t kMaxWhoBytes = 200;
constexpr std::size_t kMaxActionIdBytes = 64;
constexpr std::chrono::seconds kShortestLease{60};
constexpr std::chrono::seconds kLongestLease{24 * 3600};

// The id of a timer's firing: of the item, the timer and when it was due.
std::string timer_id(std::string_view conversation, ItemTimer timer, Time due);

void append_json(std::string& out, const ConversationRecord& record);
// Invalid when it is none, or a field is out of its bounds.
Result<ConversationRecord> parse_conversation_record(std::string_view key, std::string_view json);

}  // namespace vigie
