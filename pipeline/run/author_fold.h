#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "pipeline/core/error.h"
#include "pipeline/log/event_log.h"

namespace vigie {

// Over Kafka: folds whom the workers of all nodes have seen, hidden or erased from `authors` into
// the store that the workers of this process share. Any of their threads may call it; what it is
// given outlives it.
class AuthorFold {
 public:
  AuthorFold(EventLog& log, Store& store) : log_(log), store_(store) {}

  // Folds what is there. Returns at once while another thread does.
  Result<void> step();

  // Folds up to the end that the topic has now, also behind a transaction that is open. A large
  // topic is read once, at the first start on a machine: before the worker joins its group, which
  // would wait for it. Closed when `stopping` says so, which may be empty; Unavailable when it
  // takes too long. After a failure the next call begins where the last commit stands.
  Result<void> catch_up(const std::function<bool()>& stopping);

  // The same, before a worker judges the first mention of a partition. From then on it is the
  // worker that writes what belongs to the partition: the fold, which comes behind, leaves it alone
  // until the worker gives it back or another takes it.
  Result<void> take(Partition partition, const void* worker, const std::function<bool()>& stopping);
  void give_back(Partition partition, const void* worker);

 private:
  Result<void> catch_up_locked(std::chrono::milliseconds longest,
                               const std::function<bool()>& stopping);
  Result<void> open();
  Result<void> fold(std::chrono::milliseconds wait);
  Result<void> kept(Result<void> done);

  EventLog& log_;
  Store& store_;
  std::mutex mutex_;
  std::unique_ptr<LogReader> reader_;         // guarded by mutex_
  std::map<Partition, const void*> writers_;  // guarded by mutex_
};

}  // namespace vigie
