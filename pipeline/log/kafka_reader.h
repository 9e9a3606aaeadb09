#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/log/event_log.h"
#include "pipeline/log/kafka_handle.h"
#include "pipeline/log/kafka_producer.h"

typedef struct rd_kafka_message_s rd_kafka_message_t;  // NOLINT(readability-identifier-naming)

namespace vigie {

// Reads a topic of Kafka. One thread, and that of the rebalance callback is the same: librdkafka
// calls it inside poll. The producer and the store outlive the reader.
//
// A poll in which partitions were dealt anew returns nothing and forgets what was polled and not
// committed; each partition then goes on from its committed offset.
class KafkaReader : public LogReader {
 public:
  struct Source {
    Topic topic = Topic::Mentions;
    std::int32_t partitions = 0;
    std::string instance;  // static member of the group; empty: anonymous
  };
  static Result<std::unique_ptr<KafkaReader>> open(const KafkaOptions& options, Source source,
                                                   ReadOptions read, KafkaProducer& producer,
                                                   Store& store);
  ~KafkaReader() override;

  Result<std::span<const LogRecord>> poll(std::size_t max, std::chrono::milliseconds wait) override;
  Result<void> commit(Effects effects) override;
  std::vector<Partition> partitions() const override;
  std::pair<Offset, Offset> position(Partition partition) const override;

  // Called by librdkafka inside poll and close.
  void on_rebalance(int event, const rd_kafka_topic_partition_list_t* partitions);

 private:
  struct FreeMessage {
    void operator()(rd_kafka_message_t* message) const;
  };
  using Message = std::unique_ptr<rd_kafka_message_t, FreeMessage>;
  struct Place {
    Offset next = 0;
    Offset end = 0;
  };

  KafkaReader(const KafkaOptions& options, Source source, ReadOptions read, KafkaProducer& producer,
              Store& store);
  Result<void> connect();
  Result<void> bind_store();
  Result<void> settle(std::chrono::milliseconds wait);
  Result<void> settle_at_once();
  Result<std::map<Partition, Offset>> group_offsets(std::chrono::milliseconds wait);
  Result<Place> start_of(Partition partition, std::optional<Offset> in_group,
                         std::chrono::milliseconds wait);
  Result<void> assign();
  Result<void> take(Message message);
  Result<void> out_of_range(Partition partition);
  std::string offset_key(Partition partition) const;
  std::string place_name(Partition partition) const;
  void tell_group(const std::vector<std::pair<Partition, Offset>>& next);
  void tell_group_and_wait();

  const KafkaOptions options_;
  const Source source_;
  const ReadOptions read_;
  const std::string topic_;
  KafkaProducer& producer_;
  Store& store_;
  KafkaHandle handle_;

  std::map<Partition, Place> places_;            // what is read now
  std::optional<std::vector<Partition>> dealt_;  // given to us, where to start not yet known
  bool rebalanced_ = false;                      // in this poll
  std::map<Partition, Offset> told_;             // to the group, without waiting for its answer
  std::optional<Error> broken_;
  std::vector<Message> messages_;  // keep what the last poll returned
  std::vector<LogRecord> records_;
  std::size_t bytes_ = 0;
};

}  // namespace vigie
