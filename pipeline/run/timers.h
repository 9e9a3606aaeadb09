#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <set>
#include <string>

#include "pipeline/log/event_log.h"
#include "pipeline/run/view.h"

namespace prometheus {
class Registry;
}

namespace vigie {

// Writes the firings of timers that are due by stream time, and snapshots of items that grow old,
// as records of `conversations`. One node a partition does it; when two do, for a moment, the fold
// ignores what comes again. One thread; what it is given outlives it.
class Timers {
 public:
  struct Options {
    // The partitions are shared out among the nodes of the group `timers`; else all are ours.
    bool shared = false;
  };
  // `store` keeps the group's offsets.
  static Result<std::unique_ptr<Timers>> open(EventLog& log, Store& store, const View& view,
                                              prometheus::Registry& registry, Options options);
  ~Timers();

  // Writes what is due now, at most a batch. Returns how many records. Waits up to `wait` before:
  // for news of the group, where there is one.
  Result<std::size_t> step(std::chrono::milliseconds wait);

 private:
  struct Impl;
  explicit Timers(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace vigie
