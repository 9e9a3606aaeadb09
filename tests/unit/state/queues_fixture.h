#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "state/queues.h"
#include "tests/fakes/scratch_store.h"

namespace vigie {

// One record of a conversation, as a test tells it: times in minutes after kItemStart.
struct Told {
  ConversationRecord::Type type = ConversationRecord::Type::Message;
  std::string conversation = "x/1";
  std::string key = "x/1";
  std::chrono::seconds at{};      // event time of a message
  std::chrono::seconds seen{-1};  // record time; `at` when negative
  bool inbound = true;
  std::string queue = "community";  // of a message; of a handoff where it goes
  std::string priority = "normal";
  std::int64_t sla = 0;
  std::int64_t resolve = 0;
  std::string who = "ana";  // who acts, or the handle of the author
  std::string note;
  std::chrono::seconds lease{1800};
  std::string id;  // of an action; empty: one of its own
};

inline const Time kItemStart = *parse_time("2026-06-01T10:00:00Z");

// Queues over a store of their own, and the records that they were told.
class QueuesWorld {
 public:
  struct Logged {
    std::string key;
    std::string value;
  };

  QueuesWorld() : queues_(*Queues::open(*store_)) {}

  Queues& operator*() { return *queues_; }
  Queues* operator->() { return queues_.get(); }
  const std::vector<Logged>& log() const { return log_; }
  Store& store() { return *store_; }
  // What the clocks of later messages run by.
  WorkHours hours;

  Queues::Folded tell(const Told& told) {
    ConversationRecord record;
    record.type = told.type;
    record.conversation = told.conversation;
    record.seen_at = kItemStart + (told.seen.count() < 0 ? told.at : told.seen);
    record.message.key = told.key;
    record.message.event_time = kItemStart + told.at;
    record.message.inbound = told.inbound;
    record.message.queue = told.queue;
    record.message.route = "route-" + told.priority;
    record.message.priority = told.priority;
    record.message.sla_seconds = told.sla;
    record.message.resolve_seconds = told.resolve;
    record.message.author_handle = told.who;
    record.hours = hours;
    record.action.id = told.id.empty() ? "action-" + std::to_string(log_.size()) : told.id;
    record.action.who = told.who;
    record.action.note = told.note;
    record.action.lease = told.lease;
    record.action.queue = told.queue;
    return tell(record);
  }

  Queues::Folded tell(const ConversationRecord& record) {
    Logged logged{record.conversation, ""};
    append_json(logged.value, record);
    return fold(logged);
  }

  // Folds a record as the next of the log.
  Queues::Folded fold(const Logged& logged) {
    StoreBatch batch;
    log_.push_back(logged);
    auto folded = queues_->apply(Partition{0}, static_cast<Offset>(log_.size()) - 1, logged.key,
                                 logged.value, batch);
    if (!folded) ADD_FAILURE() << folded.error().message;
    if (!store_->write(batch, Durability::Buffered)) ADD_FAILURE();
    return folded.value_or(Queues::Folded{});
  }

  // The next record is the one at this offset: those before it are not kept any more.
  void begin_at(Offset offset) { log_.resize(static_cast<std::size_t>(offset)); }

  // What a timer node would write at this time, written. Returns the names of what was due.
  std::vector<std::string> fire(std::chrono::seconds at) {
    std::vector<std::string> names;
    for (const ConversationRecord& due :
         queues_->due(kItemStart + at, 1000, [](std::string_view) { return true; })) {
      const bool timer = due.type == ConversationRecord::Type::Timer;
      names.emplace_back(timer ? name(due.timer) : name(due.type));
      tell(due);
    }
    return names;
  }

  QueueItem item(std::string_view id = "x/1") const {
    return queues_->item(id).value_or(QueueItem{});
  }

  // All that is stored, in order.
  std::vector<std::pair<std::string, std::string>> stored() const { return stored_in(*store_); }
  static std::vector<std::pair<std::string, std::string>> stored_in(const Store& store) {
    std::vector<std::pair<std::string, std::string>> out;
    const auto scanned =
        store.scan(Space::Queues, "", "", [&](std::string_view key, std::string_view value) {
          out.emplace_back(key, value);
          return true;
        });
    if (!scanned) ADD_FAILURE() << scanned.error().message;
    return out;
  }

  void reopen() {
    queues_.reset();
    store_.reopen();
    queues_ = *Queues::open(*store_);
  }

 private:
  mutable ScratchStore store_;
  std::unique_ptr<Queues> queues_;
  std::vector<Logged> log_;
};

}  // namespace vigie
