#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "pipeline/log/kafka_log.h"
#include "pipeline/log/kafka_owners.h"
#include "state/store.h"
#include "tests/model/world.h"

namespace vigie::model {

// What every worker does: it counts the mentions of each key in `ledger`, those of each partition
// in `counters`, and writes each mention once to `tagged`.
struct JobOptions {
  KafkaOptions kafka;
  std::int32_t partitions = 0;
  std::string transaction_id;
  std::string instance;  // empty: anonymous
  // Of the workers in one process, which share a store, and which of them this is.
  std::shared_ptr<KafkaOwners> owners;
  int slot = 0;
};

// Counts in a store, and what it has to go with.
struct Counts {
  std::map<std::string, std::string> by_key;  // partition and key
  std::map<std::int32_t, std::string> by_partition;
  void merge(Counts other) {
    by_key.merge(other.by_key);
    by_partition.merge(other.by_partition);
  }
  friend bool operator==(const Counts&, const Counts&) = default;
};
Counts counts_in(const Store& store, const std::vector<std::int32_t>& partitions);

std::shared_ptr<const Changelog> job_changelog();

// One worker on a store, as the service runs it: it opens a reader, polls, commits, and begins
// again after what passes. Ends when `leave` says so, or with an error that does not pass.
class Job {
 public:
  Job(World& world, JobOptions options, Store& store)
      : world_(world), options_(std::move(options)), store_(store) {}

  std::optional<Error> run();
  void leave() { leaves_ = true; }
  // What its reader reads now, with state that is up to date.
  std::vector<std::int32_t> partitions() const;
  std::uint64_t commits() const { return commits_; }
  std::uint64_t restarts() const { return restarts_; }

 private:
  Result<void> work();
  Result<void> count(LogReader& reader, std::span<const LogRecord> records);
  Result<void> say_again(LogReader& reader, Partition partition);
  void fold() const;

  World& world_;
  const JobOptions options_;
  Store& store_;
  bool leaves_ = false;
  const LogReader* reader_ = nullptr;  // while it has one
  std::uint64_t commits_ = 0;
  std::uint64_t restarts_ = 0;
};

}  // namespace vigie::model
