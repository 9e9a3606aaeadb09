#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "pipeline/core/clock.h"
#include "pipeline/core/error.h"
#include "pipeline/core/ids.h"
#include "state/store.h"

namespace vigie {

enum class ItemState : std::uint8_t { Open, Claimed, Waiting, Resolved, Withdrawn };
std::string_view name(ItemState state);

// One message of a conversation as its `conversations` record tells it: no text, only the key under
// which `tagged` has it.
struct ItemMessage {
  std::string key;  // network/id
  Time event_time{};
  bool inbound = true;  // false: written by the brand or an ambassador
  std::string queue;    // "social", "community"; of an inbound message
  std::string route;
  std::string priority;          // "low" to "urgent"
  std::int64_t sla_seconds = 0;  // 0: none
  std::string author_handle;
  friend bool operator==(const ItemMessage&, const ItemMessage&) = default;
};

// A record of the `conversations` topic: `{"v":1,"type":"message"|"withdraw", ...}`.
struct ConversationRecord {
  enum class Type : std::uint8_t { Message, Withdraw };
  Type type = Type::Message;
  std::string conversation;  // the record's key
  Time seen_at{};            // record time of what caused it
  ItemMessage message;       // of a Withdraw only the key counts
};
void append_json(std::string& out, const ConversationRecord& record);
Result<ConversationRecord> parse_conversation_record(std::string_view key, std::string_view json);

// A queue item is a conversation: what one of the two people has to look at.
struct QueueItem {
  std::string id;     // the conversation key
  std::string queue;  // "social" or "community"
  ItemState state = ItemState::Open;
  std::string priority;
  std::string route;  // of the first routed message
  std::int64_t sla_seconds = 0;
  Time opened_at{};                   // event time of the first inbound message
  Time updated_at{};                  // record time of the last record
  std::optional<Time> due_at;         // when the SLA of what waits for an answer runs out
  std::string answered_by;            // handle of who replied last
  std::size_t omitted = 0;            // messages after the first that are counted and not kept
  std::vector<ItemMessage> messages;  // by (event time, key)
};

// The items of both queues, folded from `conversations` in offset order, the same for every node
// that folds the same records. One thread folds; any thread may read.
class Queues {
 public:
  // Reads what was folded before from `store`, which outlives this.
  static Result<std::unique_ptr<Queues>> open(const Store& store);
  ~Queues();

  // Folds one record; the change is put into `batch`, to be written with the offset. A record that
  // cannot be read is skipped and said in the error; nothing else changes.
  Result<void> apply(std::string_view key, std::string_view value, StoreBatch& batch);

  struct Page {
    std::vector<QueueItem> items;
    std::string next;  // pass as `after` for the next page; empty at the end
    std::size_t total = 0;
  };
  // Items that wait for somebody (open and claimed; with `all` also waiting and resolved), by
  // priority, then by time left to the SLA, then by age. Invalid when `after` is no page mark.
  Result<Page> list(std::string_view queue, bool all, std::string_view after,
                    std::size_t limit) const;

  std::optional<QueueItem> item(std::string_view id) const;
  // The queue an item is in; empty when there is no such item, or it has never been in one.
  std::string queue_of(std::string_view id) const;

  // Open items of a queue.
  std::size_t open_items(std::string_view queue) const;

 private:
  Queues();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace vigie
