#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/core/error.h"
#include "pipeline/log/event_log.h"
#include "pipeline/log/kafka_log.h"

// librdkafka's names, declared here so that its header stays out of ours.
// NOLINTBEGIN(readability-identifier-naming)
typedef struct rd_kafka_s rd_kafka_t;
typedef struct rd_kafka_conf_s rd_kafka_conf_t;
typedef struct rd_kafka_topic_partition_list_s rd_kafka_topic_partition_list_t;
// NOLINTEND(readability-identifier-naming)

namespace vigie {

struct KafkaFree {
  void operator()(rd_kafka_t* handle) const;
  void operator()(rd_kafka_conf_t* conf) const;
  void operator()(rd_kafka_topic_partition_list_t* list) const;
};
using KafkaConf = std::unique_ptr<rd_kafka_conf_t, KafkaFree>;
using KafkaHandle = std::unique_ptr<rd_kafka_t, KafkaFree>;
using KafkaOffsets = std::unique_ptr<rd_kafka_topic_partition_list_t, KafkaFree>;

enum class KafkaRole : std::uint8_t { Producer, Consumer };

// The options as librdkafka takes them, then `fixed`, of which each is_fixed_property().
// Invalid names the property that is refused, never its value.
Result<KafkaConf> kafka_conf(const KafkaOptions& options,
                             const std::map<std::string, std::string>& fixed);

// A handle made of the configuration.
Result<KafkaHandle> kafka_handle(KafkaConf conf, KafkaRole role);

// A handle that reads what it is assigned and is a member of no group. What is cut off while it is
// read is an error: it must not begin again over what was read.
Result<KafkaHandle> kafka_consumer(const KafkaOptions& options, std::string_view name,
                                   const std::string& isolation);

// Waits until the handle knows where the partitions of these topics are, at most so long: by itself
// it begins to ask up to a second after it first needs to know. Empty names are passed over.
void look_up_topics(rd_kafka_t* handle, std::span<const std::string> topics,
                    std::chrono::milliseconds wait);

// Tells a point that a crash may be tried at.
void pass_point(const KafkaOptions& options, std::string_view point);

// What to do about an error of librdkafka (an rd_kafka_resp_err_t).
Code kafka_code(int error);

// `what` failed, with librdkafka's reason.
Error kafka_error(std::string_view what, int error);

// The topic's name in Kafka.
std::string kafka_topic(const KafkaOptions& options, Topic topic);

// Queues a record and returns librdkafka's error. The record is neither copied nor freed: it
// outlives its delivery report, which gets `opaque`.
int kafka_produce(rd_kafka_t* producer, const char* topic, const Record& record, void* opaque);

// Offsets of partitions of one topic, as librdkafka takes them.
KafkaOffsets kafka_offsets(const std::string& topic,
                           const std::vector<std::pair<Partition, Offset>>& next);

// Where a partition begins and ends, to the handle's eyes.
Result<std::pair<Offset, Offset>> kafka_extent(rd_kafka_t* handle, const std::string& topic,
                                               Partition partition, std::chrono::milliseconds wait);
// The same for who cannot ask again: of a topic just made, or a leader just lost, it is asked until
// options.request_timeout is over.
Result<std::pair<Offset, Offset>> await_extent(rd_kafka_t* handle, const KafkaOptions& options,
                                               const std::string& topic, Partition partition);

// A wait as librdkafka takes it: milliseconds, none when it is over.
int kafka_wait(std::chrono::milliseconds wait);

// A key as it may stand in a message: printable and short.
std::string printable_key(std::string_view key);

}  // namespace vigie
