#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipeline/core/clock.h"
#include "pipeline/core/error.h"
#include "pipeline/core/ids.h"
#include "state/conversation_record.h"
#include "state/store.h"

namespace vigie {

enum class ItemState : std::uint8_t { Open, Claimed, Waiting, Resolved, Withdrawn };
std::string_view name(ItemState state);

// How long somebody has waited, in working time. It runs while the item is open, pauses while it is
// waiting, ends with the response or with the resolution.
struct ItemClock {
  enum class Kind : std::uint8_t { FirstResponse, NextResponse, Resolution };
  Kind kind = Kind::FirstResponse;
  std::chrono::seconds limit{0};
  Time since{};                  // began to run, or ran on
  std::chrono::seconds left{0};  // at `since`; of a paused one: now
  std::optional<Time> due;       // empty: paused
  std::optional<Time> warn_at;   // a fifth of the limit before `due`
  friend bool operator==(const ItemClock&, const ItemClock&) = default;
};
std::string_view name(ItemClock::Kind kind);

// A response that was given.
struct ItemResponse {
  bool first = false;
  Time owed_since{};
  Time at{};
  std::chrono::seconds limit{0};  // by the SLA; zero: none
  friend bool operator==(const ItemResponse&, const ItemResponse&) = default;
};

// What a person said with an action.
struct ItemNote {
  Time at{};
  std::string who;
  std::string action;  // its name
  std::string text;
  friend bool operator==(const ItemNote&, const ItemNote&) = default;
};
constexpr std::size_t kKeptNotes = 20;

// A queue item is a conversation: what one of the two people has to look at.
struct QueueItem {
  std::string id;     // the conversation key
  std::string queue;  // "social" or "community"
  ItemState state = ItemState::Open;
  std::string priority;
  std::string route;  // of the first routed message
  std::int64_t sla_seconds = 0;
  std::int64_t resolve_seconds = 0;
  Time opened_at{};                   // event time of the first inbound message
  Time updated_at{};                  // record time of the last message or action
  std::optional<Time> due_at;         // of the clock that runs out first
  std::string answered_by;            // who replied last: a handle, or who noted a reply
  std::string claimed_by;             // who holds it; empty: nobody
  std::optional<Time> claimed_until;  // stream time at which the claim ends by itself
  std::string resolved_by;            // while it is resolved
  std::optional<Time> resolved_at;
  std::optional<Time> first_response_at;
  std::vector<ItemClock> clocks;        // the response that is owed, then the resolution
  std::vector<ItemResponse> responses;  // as far as its messages and actions are kept
  bool other_queue = false;           // a message was routed to the other queue and did not move it
  bool answered_by_other = false;     // somebody else replied while the holder held it
  bool late_message = false;          // came after the answer or resolution, stands before it
  std::size_t omitted = 0;            // messages after the first that are counted and not kept
  std::vector<ItemMessage> messages;  // by (event time, key)
  std::size_t notes_omitted = 0;      // older ones, counted and not kept
  std::vector<ItemNote> notes;        // in the order in which they took effect
};

// What became of an action: the fold decides, in offset order.
struct ActionOutcome {
  enum class Result : std::uint8_t {
    Applied,
    Repeated,  // an action with this id took effect before
    Held,      // somebody else holds the item: `who`, `until`
    Refused,   // `why`
    NoItem,
  };
  std::string id;
  Result result = Result::Applied;
  std::string who;
  Time until{};
  std::string why;
};

std::string_view name(ActionOutcome::Result result);

// What whoever wrote an action is told.
struct ActionDone {
  Offset offset = 0;                     // of its record
  std::optional<ActionOutcome> outcome;  // empty: written, and not folded in time
};

// The stored form of an item without these messages, whose author was erased: empty when no message
// is left. Nothing when it has none of them, or cannot be read.
std::optional<std::string> item_without(std::string_view id, std::string_view bytes,
                                        const std::set<std::string, std::less<>>& messages);

// The stored form of an item without where its records lie in a log: equal where two logs say the
// same of it. Nothing when it cannot be read.
std::optional<std::string> item_content(std::string_view id, std::string_view bytes);

// The key of an item in Space::Queues; of the empty id that of the clocks.
std::string queues_key(std::string_view id);

// The items of both queues, folded from `conversations` in the order of each partition, the same
// for every node that folds the same records. One thread folds; any thread may read.
class Queues {
 public:
  // Reads what was folded before from `store`, which outlives this.
  static Result<std::unique_ptr<Queues>> open(const Store& store);
  ~Queues();

  // What a record did.
  struct Folded {
    ConversationRecord::Type type = ConversationRecord::Type::Message;
    Time seen_at{};
    bool changed = false;                  // an item, or what waits for one
    std::optional<ActionOutcome> outcome;  // of an action
  };
  // Folds one record; the change is put into `batch`, to be written with the offset. A record that
  // cannot be read is skipped and said in the error; nothing else changes.
  Result<Folded> apply(Partition partition, Offset offset, std::string_view key,
                       std::string_view value, StoreBatch& batch);

  struct Page {
    std::vector<QueueItem> items;
    std::string next;  // pass as `after` for the next page; empty at the end
    std::size_t total = 0;
  };
  // Items that wait for somebody (open and claimed; with `all` also waiting and resolved), by
  // priority, then by time left to the SLA, then by age. Each with its newest `max_messages`; what
  // is left out is in `omitted`. Invalid when `after` is no page mark.
  Result<Page> list(std::string_view queue, bool all, std::string_view after, std::size_t limit,
                    std::size_t max_messages = SIZE_MAX) const;

  std::optional<QueueItem> item(std::string_view id) const;
  // Whether an action with this id took effect on the item, and is among its last.
  bool took(std::string_view id, std::string_view action) const;
  // The queue an item is in; empty when there is no such item, or it has never been in one.
  std::string queue_of(std::string_view id) const;

  // Each item, in no order, and the hours its clocks run by. What `visit` gets is valid during the
  // call, during which nothing is folded; `messages` is empty.
  void each(const std::function<void(const QueueItem&, const WorkHours&)>& visit) const;

  // Open items of a queue.
  std::size_t open_items(std::string_view queue) const;

  // Record time of the newest record of a partition, and of all of them.
  Time stream_time(Partition partition) const;
  Time newest_record() const;

  // What is due at `now` and has not taken effect: firings, and snapshots of items whose oldest
  // record grows old. For the node that writes them; those of the items it asks for with `mine`.
  std::vector<ConversationRecord> due(Time now, std::size_t max,
                                      const std::function<bool(std::string_view id)>& mine) const;

 private:
  Queues();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace vigie
