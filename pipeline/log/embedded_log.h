#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/core/clock.h"
#include "pipeline/log/event_log.h"

namespace vigie {

struct EmbeddedOptions {
  std::int32_t partitions = 1;  // of `mentions` and what lies beside it
  std::chrono::hours mentions_retention{72};
  std::uint64_t mentions_max_bytes = std::uint64_t{20} << 30;
  Durability durability = Durability::Synced;
  // When records were written, for trimming by age. Empty: nothing is ever trimmed.
  Clock clock = system_clock();
  // Sees every record in commit order, after it is durable, from the committing thread.
  std::function<void(const Record&)> observer;
};

// The log of a team with one machine: records, state and offsets lie in one store, and a commit is
// one write of it. Callers that wait together are written together. What is past its age or beyond
// the size limit is dropped once a minute of the clock, by whoever commits next.
class EmbeddedLog : public EventLog {
 public:
  // `store` outlives the log. Invalid when the log was made with another number of partitions.
  static Result<std::unique_ptr<EmbeddedLog>> open(EmbeddedOptions options, Store& store);
  ~EmbeddedLog() override;

  std::int32_t partitions(Topic topic) const override;
  Result<void> append(std::vector<Record> records) override;
  Result<Offset> append_one(Record record) override;
  // A reader has all partitions; it may be made once a group at a time.
  Result<std::unique_ptr<LogReader>> read(Topic topic, ReadOptions options, Store& store) override;
  Result<std::optional<std::string>> latest(Topic topic, std::string_view key) override;
  Result<void> healthy() override;

  // What is to become of a stored record: it stays, it goes (the offsets of others stay), or its
  // value is replaced.
  struct Verdict {
    bool drop = false;
    std::optional<std::string> value{};
  };
  // Of a topic that is compacted by key, `value` is empty where a newer one replaced it.
  using Judge = std::function<Verdict(std::string_view key, std::optional<std::string_view> value)>;
  struct Forgotten {
    // Where what went or was replaced has stood.
    std::vector<Store::KeyRange> ranges;
    std::size_t records = 0;
    // False: some of it is not yet read by everybody who reads the topic, and stays until then.
    bool complete = true;
  };
  // Shows every record of a partition to `judge` and does what it says. Any thread, one at a time.
  Result<Forgotten> forget(Topic topic, Partition partition, const Judge& judge);

  // When the records of a partition were written: each at most a minute after the time of the first
  // entry whose offset is greater than its own, and after all entries if there is none. Empty for
  // topics that are never forgotten by age.
  Result<std::vector<std::pair<Offset, Time>>> ages(Topic topic, Partition partition) const;

  struct Impl;  // private to embedded_log.cc

 private:
  explicit EmbeddedLog(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace vigie
