#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "pipeline/core/error.h"
#include "pipeline/log/kafka_handle.h"

namespace vigie {

// The newest value of each key of the compacted topics it was asked about. Each question reads the
// key's partition on to its end first, so an answer holds whatever was acknowledged before the
// question. A value of a newer format is Corrupt. Keeps the partitions it was asked about in
// memory. Any thread may call it.
class KafkaLatest {
 public:
  explicit KafkaLatest(KafkaOptions options) : options_(std::move(options)) {}

  Result<std::optional<std::string>> get(Topic topic, Partition partition, std::string_view key);

 private:
  using Place = std::pair<std::string, Partition>;  // Kafka's name of the topic
  struct Value {
    Offset offset = 0;
    std::string bytes;
  };
  struct Table {
    std::map<std::string, Value, std::less<>> values;
    Offset next = 0;
    bool is_assigned = false;
  };

  Result<void> connect();
  Result<void> assign(const Place& place);
  Result<void> read_to(const Place& place, Offset end);

  const KafkaOptions options_;
  std::mutex mutex_;  // held while reading: the second asker would read the same
  KafkaHandle ends_;
  KafkaHandle records_;
  std::map<Place, Table> tables_;
};

}  // namespace vigie
