#include "pipeline/log/kafka_latest.h"

#include <chrono>

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include "pipeline/log/record_format.h"

namespace vigie {
namespace {

using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

}  // namespace

Result<std::optional<std::string>> KafkaLatest::get(Topic topic, Partition partition,
                                                    std::string_view key) {
  const std::lock_guard lock(mutex_);
  if (auto connected = connect(); !connected) return std::unexpected(connected.error());
  const Place place{kafka_topic(options_, topic), partition};
  const auto extent = await_extent(ends_.get(), options_, place.first, partition);
  if (!extent) return std::unexpected(extent.error());
  Table& table = tables_[place];
  // Only what there is to read is assigned, and once: a partition that is assigned anew while the
  // client still asks where it begins may never be fetched again, or abort the process (librdkafka
  // 2.0.2).
  if (!table.is_assigned && table.next < extent->second) {
    if (auto assigned = assign(place); !assigned) return std::unexpected(assigned.error());
    table.is_assigned = true;
  }
  if (auto read = read_to(place, extent->second); !read) {
    // A partition that librdkafka has left off never comes again on this handle.
    records_.reset();
    tables_.clear();
    return std::unexpected(read.error());
  }
  const auto at = table.values.find(key);
  if (at == table.values.end()) return std::nullopt;
  const Value& value = at->second;
  auto known = check_format(topic, place.first, partition, value.offset, value.bytes);
  if (!known) return std::unexpected(std::move(known.error()));
  return value.bytes;
}

// Two handles: on one that reads only what is committed, the end of a partition stops before an
// open transaction, and a value that is committed but not yet marked so would be missed.
Result<void> KafkaLatest::connect() {
  if (records_ != nullptr) return {};
  auto ends = kafka_consumer(options_, "latest", "read_uncommitted");
  if (!ends) return std::unexpected(ends.error());
  auto records = kafka_consumer(options_, "latest", "read_committed");
  if (!records) return std::unexpected(records.error());
  ends_ = std::move(*ends);
  records_ = std::move(*records);
  return {};
}

Result<void> KafkaLatest::assign(const Place& place) {
  const KafkaOffsets list = kafka_offsets(place.first, {{place.second, RD_KAFKA_OFFSET_BEGINNING}});
  rd_kafka_error_t* error = rd_kafka_incremental_assign(records_.get(), list.get());
  if (error == nullptr) return {};
  Error out = kafka_error(fmt::format("assign {}", place.first), rd_kafka_error_code(error));
  rd_kafka_error_destroy(error);
  return std::unexpected(std::move(out));
}

Result<void> KafkaLatest::read_to(const Place& place, Offset end) {
  const auto deadline = SteadyClock::now() + options_.request_timeout;
  while (tables_.at(place).next < end) {
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - SteadyClock::now());
    if (left.count() <= 0) {
      return fail(Code::Unavailable, fmt::format("kafka: {}/{}: its end was not reached in time",
                                                 place.first, number(place.second)));
    }
    rd_kafka_message_t* message =
        rd_kafka_consumer_poll(records_.get(), static_cast<int>(left.count()));
    if (message == nullptr) continue;
    const std::unique_ptr<rd_kafka_message_t, void (*)(rd_kafka_message_t*)> owner(
        message, rd_kafka_message_destroy);
    if (message->rkt == nullptr) {
      return std::unexpected(kafka_error("read compacted topics", message->err));
    }
    const auto at =
        tables_.find(Place{rd_kafka_topic_name(message->rkt), Partition{message->partition}});
    if (at == tables_.end()) continue;
    Table& table = at->second;
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      table.next = std::max(table.next, message->offset);
      continue;
    }
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return std::unexpected(kafka_error(fmt::format("read {}", place.first), message->err));
    }
    table.next = std::max(table.next, message->offset + 1);
    std::string key;
    if (message->key != nullptr)
      key.assign(static_cast<const char*>(message->key), message->key_len);
    if (message->payload == nullptr) {
      table.values.erase(key);
    } else {
      Value& value = table.values[key];
      value.offset = message->offset;
      value.bytes.assign(static_cast<const char*>(message->payload), message->len);
    }
  }
  return {};
}

}  // namespace vigie
