#pragma once

#include <functional>
#include <memory>

#include "pipeline/cli/config.h"
#include "pipeline/core/clock.h"
#include "pipeline/core/error.h"
#include "pipeline/core/ids.h"
#include "pipeline/run/worker.h"

namespace vigie {

// The workers of this process, each in a thread of its own. Over Kafka there may be several, which
// share the store, and one whose log fails starts again where its last commit stands; over the
// embedded log there is one, and a failed write leaves nothing to go on with.
class WorkerThreads {
 public:
  struct Parts {
    const Config& config;
    EventLog& log;
    Store& store;
    const AuthorKeys& keys;
    std::function<std::shared_ptr<const RuleSet>()> rules;
    prometheus::Registry& registry;
    WorkerOptions options;        // without what follows from the rest
    std::function<bool()> holds;  // whether nothing is to be read now
    // A worker has come so far, and no partition of any is behind `horizon`; zero: that is not
    // known, or there are none. From any of the threads.
    std::function<void(Time stream_time, Time horizon)> moved;
    std::function<void(Error)> ended;  // one cannot go on; from its thread
  };
  // The parts outlive it.
  explicit WorkerThreads(Parts parts);
  // Stops and joins them.
  ~WorkerThreads();

  void start();

  // Each was dealt its partitions, which may be none, and has brought their state up to date since
  // it started; none is starting again.
  bool all_run() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace vigie
