#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <librdkafka/rdkafka.h>

#include "tests/model/world.h"

namespace vigie::model {

struct ProducerId {
  std::int64_t id = -1;
  std::int16_t epoch = -1;
  friend bool operator==(const ProducerId&, const ProducerId&) = default;
};

struct Entry {
  enum class State : std::uint8_t { Plain, Open, Committed, Aborted, Marker };
  std::string key;
  std::optional<std::string> value;
  State state = State::Plain;
  std::int64_t producer = -1;
  Micros written = 0;
  bool compacted = false;  // nobody reads it any more, but whoever judges
};

// One partition: records, what marks the end of transactions, and who may write.
class PartitionLog {
 public:
  std::int64_t end() const { return static_cast<std::int64_t>(entries_.size()); }
  // Before the first record of the oldest open transaction.
  std::int64_t stable_end() const;
  const Entry& at(std::int64_t offset) const { return entries_[static_cast<std::size_t>(offset)]; }

  std::int64_t append(std::string key, std::optional<std::string> value, Micros now);
  // The first record of a batch has this sequence. A batch that is there already gets the offset
  // that it has.
  rd_kafka_resp_err_t append_open(ProducerId by, std::int32_t sequence,
                                  const std::vector<Entry>& batch, Micros now,
                                  std::int64_t* offset);
  // Whether a transaction of this producer goes on here; then a late batch of it is taken.
  bool is_open(ProducerId by) const {
    const auto writer = writers_.find(by.id);
    return open_.contains(by.id) && writer->second.epoch == by.epoch;
  }
  // Ends what is open of a producer.
  void mark(ProducerId by, bool commit, Micros now);
  // Of what lies before an offset, and is no longer open, keeps the newest record of each key.
  void compact(std::int64_t before);

 private:
  struct Writer {
    std::int16_t epoch = -1;
    std::int32_t next = 0;
    std::map<std::int32_t, std::int64_t> offsets;  // of batches, by sequence
  };
  std::vector<Entry> entries_;
  std::map<std::int64_t, Writer> writers_;
  std::map<std::int64_t, std::int64_t> open_;  // first offset, by producer
};

}  // namespace vigie::model
