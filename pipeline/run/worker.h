#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "pipeline/core/error.h"
#include "pipeline/core/ids.h"
#include "pipeline/log/event_log.h"
#include "pipeline/run/apply.h"
#include "rules/rule_set.h"

namespace prometheus {
class Registry;
}

namespace vigie {

class AuthorFold;
class RuleCostBoard;

struct WorkerOptions {
  std::size_t max_batch = 2000;  // records a commit
  // What was applied in this time is committed before more is, but for a short rest; none: only
  // max_batch counts. BatchPace tells more.
  std::optional<std::chrono::milliseconds> longest_batch{};
  bool keep = false;           // see ApplyOptions
  bool log_is_remote = false;  // see ApplyOptions
  TextRetention texts{};       // see ApplyOptions
  // Erasures that the store may not know of, if it is from before them.
  std::vector<Erased> erasures{};
  // Ends what takes long, with Closed. May be empty.
  std::function<bool()> stopping{};
  // Over Kafka, of all workers of this store: whom the others have seen.
  AuthorFold* author_fold = nullptr;
  int number = 0;                  // tells it in its gauges from others of this process
  RuleCostBoard* costs = nullptr;  // is told what the rules cost; null: nobody is
};

// Reads `mentions`, applies each record and commits what follows from it. The only writer of the
// state of the partitions it reads; over Kafka several may share a store. One thread; what it is
// given outlives it.
class Worker {
 public:
  Worker(EventLog& log, Store& store, const AuthorKeys& keys,
         std::function<std::shared_ptr<const RuleSet>()> rules, prometheus::Registry& registry,
         WorkerOptions options);
  ~Worker();

  Result<void> start();

  // Waits up to `wait` for records, applies and commits them. Returns how many. After a failure the
  // worker is broken: a new one, over a newly opened log, goes on where the last commit stands.
  Result<std::size_t> step(std::chrono::milliseconds wait);

  // Declares every minute over that has begun: the end of an input that is not live.
  Result<void> finish();

  // Whether it is known which partitions it has, and their state is here. It may have none.
  bool is_settled() const;

  // Highest stream time of its partitions.
  Time stream_time() const;
  // The lowest, for expiry. The epoch: it is not known; nothing: it has no partitions.
  std::optional<Time> oldest_stream_time() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace vigie
