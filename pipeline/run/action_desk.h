#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <list>
#include <mutex>
#include <optional>
#include <string>

#include "pipeline/core/clock.h"
#include "pipeline/core/error.h"
#include "pipeline/log/event_log.h"
#include "state/queues.h"

namespace vigie {

// Takes what people do to items: writes it down, and waits until this node's own fold has passed
// it, since the fold decides what becomes of it. Any thread may act; the log outlives it.
class ActionDesk {
 public:
  struct Options {
    // Record time of what is done: stream time goes on from it.
    Clock clock;
    std::chrono::milliseconds patience{2000};
  };
  ActionDesk(EventLog& log, Options options) : log_(log), options_(std::move(options)) {}

  // `record` is an action without its record time. What the log says when it cannot be written.
  Result<ActionDone> act(ConversationRecord record);

  // The fold has passed an action. From the folding thread.
  void passed(const ActionOutcome& outcome);

 private:
  struct Waiting {
    std::string id;
    std::optional<ActionOutcome> outcome;
    std::condition_variable told;
  };

  EventLog& log_;
  const Options options_;
  std::mutex mutex_;
  std::list<Waiting> waiting_;  // at most one a caller; guarded by mutex_
};

}  // namespace vigie
