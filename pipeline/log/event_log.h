#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipeline/core/clock.h"
#include "pipeline/core/error.h"
#include "pipeline/core/ids.h"
#include "state/store.h"

namespace vigie {

enum class Topic : std::uint8_t {
  Mentions = 1,
  Tagged,
  Conversations,
  QueueSocial,
  QueueCommunity,
  Ledger,
  Counters,
  CountersLong,
  Authors,
  Alerts,
  Cursors,
  Deadletter,
};

struct TopicInfo {
  Topic topic;
  std::string_view name;   // without the prefix: "mentions", "queue.social"
  bool compacted = false;  // keeps the newest value of each key; no value = tombstone
  bool with_mentions =
      false;  // has as many partitions as `mentions`, and a key lands in the same one
  std::chrono::hours retention{};  // zero: for ever
};

// Every topic there is, in the order of the enum.
std::span<const TopicInfo> all_topics();
const TopicInfo& info(Topic topic);

// A record to be written. No value is a tombstone.
struct Record {
  Topic topic = Topic::Mentions;
  Partition partition{};
  std::string key;
  std::optional<std::string> value;
  // When it was written, of what another log had before: it ages from there. The epoch: now.
  Time written{};
};

// A record as read; views are valid until the reader's next poll.
struct LogRecord {
  Partition partition{};
  Offset offset = 0;
  std::string_view key;
  std::optional<std::string_view> value;
};

// What a batch of records causes. All of it becomes true, or none.
struct Effects {
  std::vector<Record> outputs;
  StoreBatch state;
  // Next offset of each partition the batch read.
  std::vector<std::pair<Partition, Offset>> next;
  // What a log that keeps a changelog says with the commit, of each partition that changed.
  struct Mark {
    Partition partition{};
    Time stream_time{};
    std::string rules;                                      // version
    std::vector<std::pair<std::string, std::string>> rows;  // of Space::Meta, as they are now
  };
  std::vector<Mark> marks;
};

// How state that is folded from the records of a topic's partitions becomes rows of a store again.
// Its topics have the partitions of `mentions`; the records of one partition say all of its state.
struct Changelog {
  std::vector<Topic> topics;
  // Puts what a record says into `batch`. Corrupt when it cannot be told.
  std::function<Result<void>(Topic topic, Partition partition, std::string_view key,
                             std::optional<std::string_view> value, StoreBatch& batch)>
      fold;
  // Puts the removal of all rows of a partition into `batch`.
  std::function<Result<void>(Partition partition, const Store& store, StoreBatch& batch)> wipe;
};

// Reads one topic in order within each partition. One thread.
class LogReader {
 public:
  virtual ~LogReader() = default;

  // Waits up to `wait` for records and returns at most `max`. Empty: nothing came. Unavailable: try
  // again; Corrupt: stop, and what came before it in this poll may come again. Throttled by nobody.
  virtual Result<std::span<const LogRecord>> poll(std::size_t max,
                                                  std::chrono::milliseconds wait) = 0;

  // Makes the effects of what was polled true, with the offsets to go on from, and returns once
  // they are durable. After a failure the reader is broken: nothing more may be committed through
  // it.
  virtual Result<void> commit(Effects effects) = 0;

  // Between two commits of what one poll brought, which stays valid: keeps a reader with a
  // changelog in its group where those take long. False: partitions were dealt anew; the rest of
  // what was polled is not to be committed, and comes again to whom it belongs.
  virtual Result<bool> stay() { return true; }

  // The partitions this reader reads now. Changes only inside poll and stay.
  virtual std::vector<Partition> partitions() const = 0;

  // False while partitions are dealt, or their state is brought up to date: then none are told. A
  // group with more readers than partitions leaves some with none for good.
  virtual bool is_settled() const = 0;

  // Next offset to be polled and end of the partition, for lag.
  virtual std::pair<Offset, Offset> position(Partition partition) const = 0;

  // Where its partitions end now, behind transactions that are still open.
  virtual Result<std::map<Partition, Offset>> ends() = 0;
};

struct ReadOptions {
  // Names the committed offsets.
  std::string group;
  // Partitions are shared out among the readers of the group, over all machines; else this reader
  // has all of them. It joins the group with its first poll, and polls from then on: the others
  // wait for it.
  bool shared = false;
  // Starts this many records before the committed offset of each partition (as far as they are
  // kept).
  Offset rewind = 0;
  // Where a group that never committed begins: the oldest record, or (false) the end.
  bool from_oldest = true;
  // Kafka: what this reader commits happens exactly once, with its offsets, and the state of a
  // partition that comes to it is brought up to date from these records first. Needs `shared`.
  // EventLog::read ends what a process that died under the same name has left open.
  // Embedded: the store is the log's, so that is so anyway.
  std::shared_ptr<const Changelog> changelog;
  // Kafka: what is folded from a compacted topic, not shared and without a changelog, is whole only
  // as long as no tombstone was missed. Removes all of it from the store, and can be repeated;
  // called inside EventLog::read when the store was away for too long. The reader then begins with
  // the oldest record. Embedded: never called.
  std::function<Result<void>(Store& store)> wipe;
};

// Mentions and all that follows from them, in order. Two implementations: Kafka and the embedded
// log. Any thread may call it.
class EventLog {
 public:
  virtual ~EventLog() = default;

  virtual std::int32_t partitions(Topic topic) const = 0;

  // Writes the records and returns once they are durable. Records of Topic::Cursors become durable
  // only together with the others or after them. The records of one partition keep their order.
  // After a failure some may have been written (the ledger drops what is sent again).
  virtual Result<void> append(std::vector<Record> records) = 0;

  // The same of one record; returns its offset.
  virtual Result<Offset> append_one(Record record) = 0;

  // A reader whose commits put `Effects::state` into `store` with the offsets, in one write. The
  // store outlives the reader. Embedded: the store is the log's own.
  virtual Result<std::unique_ptr<LogReader>> read(Topic topic, ReadOptions options,
                                                  Store& store) = 0;

  // Newest value of a key of Cursors, Alerts or Authors; empty when there is none.
  virtual Result<std::optional<std::string>> latest(Topic topic, std::string_view key) = 0;

  // Unavailable when the log cannot take records now; the message says why. For readiness.
  virtual Result<void> healthy() = 0;
};

// Where the newest value of a key of a compacted topic lies in Space::Latest: version(1) topic(1)
// key -> version(1) partition(2) stamp(8) value. The embedded log writes there, with the record's
// offset as stamp. With Kafka, workers and views keep `tagged` there for themselves, with the
// record time.
std::string latest_key(Topic topic, std::string_view key);
std::string latest_value(Partition partition, std::int64_t stamp, std::string_view value);

Partition latest_partition(std::string_view value);
// Before the value: version, partition and stamp.
constexpr std::size_t kLatestHead = 11;

// The newest `tagged` value of a message as this store has it; empty when it has none.
Result<std::optional<std::string>> stored_tagged(const Store& store, std::string_view key);

// Whether a row that latest_value made with a record time is older than `tagged` keeps its records.
bool latest_expired(std::string_view key, std::string_view value, Time stream_time);

// The partition of a record with this key in a topic of `log`.
Partition partition_for(const EventLog& log, Topic topic, std::string_view key);

}  // namespace vigie
