#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "pipeline/core/error.h"
#include "pipeline/log/kafka_commit.h"
#include "pipeline/log/kafka_handle.h"
#include "state/store.h"

namespace vigie {

// Tombstones stay for a day after a compaction. A store that was away for longer may have missed
// one, and would keep what is gone.
constexpr std::chrono::hours kTombstonesKept{20};

// Brings the state of some partitions in a store up to the end of the changelog: from where the
// store stands, or from the beginning after a wipe, where it cannot go on from there. What is right
// is never wiped, and a partition that is wrong does not touch the others. One thread.
class KafkaRestore {
 public:
  // Calls what it is given, which writes to the store, if that is still allowed.
  using Guard = std::function<Result<void>(const std::function<Result<void>()>& write)>;

  static Result<std::unique_ptr<KafkaRestore>> open(const KafkaOptions& options,
                                                    std::shared_ptr<const Changelog> changelog,
                                                    std::span<const Partition> partitions,
                                                    Store& store, Guard guard);
  ~KafkaRestore();

  // Goes on for about so long. True once all partitions stand at the end that their changelog had
  // when this was opened, and every transaction before it has ended.
  Result<bool> step(std::chrono::milliseconds slice);

  // Begins again with an empty partition.
  Result<void> wipe(Partition partition);

  struct Progress {
    std::uint64_t records = 0;  // read so far
    std::uint64_t left = 0;     // about
  };
  Progress progress() const;
  // Partitions whose state was thrown away and folded anew, with why.
  const std::vector<std::pair<Partition, std::string>>& rebuilt() const;

 private:
  struct Impl;
  explicit KafkaRestore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Removes the state of a partition and where it stands.
Result<void> forget_partition(const Changelog& changelog, Partition partition, Store& store);
// Up to where a store has each topic of the changelog.
Result<std::map<Topic, Offset>> applied_places(const Changelog& changelog, Partition partition,
                                               const Store& store);
// Whether a store has state of a partition that would be folded anew if it came back.
Result<bool> is_stale(const Changelog& changelog, Partition partition, const Store& store,
                      Time now);

// What a store knows of a partition's last commit, without its rows.
Result<std::optional<KafkaCommit>> stored_commit(const Store& store, Partition partition);
void put_commit(StoreBatch& batch, Partition partition, const KafkaCommit& commit);
// Up to where the store has a topic of the changelog, and when that was written, by the clock of
// this machine.
void put_applied(StoreBatch& batch, Topic topic, Partition partition, Offset next, Time now);

}  // namespace vigie
