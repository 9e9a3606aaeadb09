#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <span>

#include "pipeline/core/error.h"
#include "pipeline/core/ids.h"

namespace vigie {

// Which of the readers of a group in this process, which share a store, has which partitions, so
// that nobody writes the state of a partition that went to another. Any thread may call it; nothing
// waits for a write that is under way.
class KafkaOwners {
 public:
  // From now on these are the reader's, and no longer those of whoever had them.
  void take(int reader, std::span<const Partition> partitions);
  // The reader has none.
  void leave(int reader);

  // Whether no write of these is under way, of whoever had them before: what the store says of them
  // is theirs to the end.
  bool at_rest(std::span<const Partition> partitions) const;

  // Calls `write` if all of these are the reader's and at rest, else Unavailable. What is taken
  // meanwhile is not at rest until it returns.
  Result<void> write(int reader, std::span<const Partition> partitions,
                     const std::function<Result<void>()>& write);
  // The same, of a partition that nobody has; does nothing when somebody does.
  Result<void> write_unowned(Partition partition, const std::function<Result<void>()>& write);

 private:
  Result<void> write_marked(std::span<const Partition> partitions,
                            const std::function<Result<void>()>& write);

  mutable std::mutex mutex_;
  std::map<Partition, int> owners_;    // guarded by mutex_
  std::set<Partition> being_written_;  // guarded by mutex_
};

}  // namespace vigie
