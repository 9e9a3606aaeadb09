#include "pipeline/log/kafka_handle.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <thread>
#include <tuple>

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>
#include <spdlog/spdlog.h>

#include "pipeline/log/kafka_properties.h"

namespace vigie {
namespace {

void log_line(const rd_kafka_t* handle, int level, const char* facility, const char* text) {
  // librdkafka warns about each consumer property in a producer; one map serves both.
  if (std::string_view(facility) == "CONFWARN") return;
  constexpr int kWarning = 4;
  constexpr int kError = 3;
  if (level > kWarning) return;
  const auto severity = level <= kError ? spdlog::level::err : spdlog::level::warn;
  spdlog::log(severity, "kafka client={} {}: {}", rd_kafka_name(handle), facility, text);
}

Result<void> set(rd_kafka_conf_t* conf, const std::string& name, const std::string& value) {
  // librdkafka's own text repeats the value, which may be a secret.
  switch (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), nullptr, 0)) {
    case RD_KAFKA_CONF_OK:
      return {};
    case RD_KAFKA_CONF_UNKNOWN:
      return fail(Code::Invalid, fmt::format("kafka: librdkafka knows no property `{}`", name));
    default:
      return fail(Code::Invalid,
                  fmt::format("kafka: librdkafka refuses the value of property `{}`", name));
  }
}

}  // namespace

void KafkaFree::operator()(rd_kafka_t* handle) const {
  rd_kafka_destroy(handle);
}

void KafkaFree::operator()(rd_kafka_conf_t* conf) const {
  rd_kafka_conf_destroy(conf);
}

void KafkaFree::operator()(rd_kafka_topic_partition_list_t* list) const {
  rd_kafka_topic_partition_list_destroy(list);
}

Result<KafkaConf> kafka_conf(const KafkaOptions& options,
                             const std::map<std::string, std::string>& fixed) {
  KafkaConf conf(rd_kafka_conf_new());
  rd_kafka_conf_set_log_cb(conf.get(), log_line);
  const std::map<std::string, std::string> defaults = {
      {"bootstrap.servers", options.bootstrap},
      {"client.id", options.client_id},
      {"compression.type", "lz4"},
      {"socket.timeout.ms", fmt::to_string(options.request_timeout.count())},
      {"reconnect.backoff.max.ms", "1000"},  // 10 s by default: too long after a restart
      // A fifth of the default, two or three batches of a worker: what is ahead of them is memory
      // for nothing. A client that has so much fetches nothing for up to a second.
      {"queued.max.messages.kbytes", "12288"},
      // Off, error callbacks are not told of broken connections, and a late EndTxn goes unnoticed.
      {"log.connection.close", "true"},
  };
  for (const auto& [name, value] : defaults) {
    if (auto done = set(conf.get(), name, value); !done) return std::unexpected(done.error());
  }
  for (const auto& [name, value] : options.properties) {
    if (is_fixed_property(name)) {
      return fail(Code::Invalid, fmt::format("kafka: property `{}` cannot be set: vigie sets it "
                                             "itself",
                                             name));
    }
    if (auto done = set(conf.get(), name, value); !done) return std::unexpected(done.error());
  }
  for (const auto& [name, value] : fixed) {
    assert(is_fixed_property(name));
    if (auto done = set(conf.get(), name, value); !done) return std::unexpected(done.error());
  }
  return conf;
}

Result<KafkaHandle> kafka_handle(KafkaConf conf, KafkaRole role) {
  std::array<char, 256> reason{};
  rd_kafka_t* handle =
      rd_kafka_new(role == KafkaRole::Producer ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER, conf.get(),
                   reason.data(), reason.size());
  if (handle == nullptr) {
    return fail(Code::Invalid, fmt::format("kafka: cannot make a client: {}", reason.data()));
  }
  std::ignore = conf.release();  // the handle owns it now
  return KafkaHandle(handle);
}

Result<KafkaHandle> kafka_consumer(const KafkaOptions& options, std::string_view name,
                                   const std::string& isolation) {
  auto conf = kafka_conf(options, {{"group.id", options.topic_prefix + std::string(name)},
                                   {"enable.auto.commit", "false"},
                                   {"enable.auto.offset.store", "false"},
                                   {"isolation.level", isolation},
                                   {"auto.offset.reset", "error"},
                                   {"enable.partition.eof", "true"}});
  if (!conf) return std::unexpected(conf.error());
  auto handle = kafka_handle(std::move(*conf), KafkaRole::Consumer);
  if (handle) rd_kafka_poll_set_consumer(handle->get());
  return handle;
}

void look_up_topics(rd_kafka_t* handle, std::span<const std::string> topics,
                    std::chrono::milliseconds wait) {
  struct FreeTopic {
    void operator()(rd_kafka_topic_t* topic) const { rd_kafka_topic_destroy(topic); }
  };
  std::vector<std::unique_ptr<rd_kafka_topic_t, FreeTopic>> known;
  for (const std::string& topic : topics) {
    if (!topic.empty()) known.emplace_back(rd_kafka_topic_new(handle, topic.c_str(), nullptr));
  }
  const rd_kafka_metadata_t* metadata = nullptr;
  const auto error = rd_kafka_metadata(handle, 0, nullptr, &metadata, kafka_wait(wait));
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) rd_kafka_metadata_destroy(metadata);
}

void pass_point(const KafkaOptions& options, std::string_view point) {
  if (options.at_point) options.at_point(point);
}

Code kafka_code(int error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
      return Code::Denied;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
      return Code::Invalid;
    case RD_KAFKA_RESP_ERR_INVALID_MSG:  // the broker's checksum failed: the network's fault
    default:
      return Code::Unavailable;
  }
}

Error kafka_error(std::string_view what, int error) {
  const auto code = static_cast<rd_kafka_resp_err_t>(error);
  return Error{kafka_code(error), fmt::format("kafka: {}: {} ({})", what, rd_kafka_err2str(code),
                                              rd_kafka_err2name(code))};
}

std::string kafka_topic(const KafkaOptions& options, Topic topic) {
  return options.topic_prefix + std::string(info(topic).name);
}

int kafka_produce(rd_kafka_t* producer, const char* topic, const Record& record, void* opaque) {
  // A null pointer is a tombstone; the data of an empty string is not null.
  const char* value = record.value ? record.value->data() : nullptr;
  const std::size_t size = record.value ? record.value->size() : 0;
  std::array<rd_kafka_vu_t, 6> fields{};
  fields[0].vtype = RD_KAFKA_VTYPE_TOPIC;
  fields[0].u.cstr = topic;
  fields[1].vtype = RD_KAFKA_VTYPE_PARTITION;
  fields[1].u.i32 = number(record.partition);
  fields[2].vtype = RD_KAFKA_VTYPE_KEY;
  fields[2].u.mem = {const_cast<char*>(record.key.data()), record.key.size()};
  fields[3].vtype = RD_KAFKA_VTYPE_VALUE;
  fields[3].u.mem = {const_cast<char*>(value), size};
  fields[4].vtype = RD_KAFKA_VTYPE_OPAQUE;
  fields[4].u.ptr = opaque;
  fields[5].vtype = RD_KAFKA_VTYPE_TIMESTAMP;
  fields[5].u.i64 =
      std::chrono::floor<std::chrono::milliseconds>(record.written).time_since_epoch().count();
  rd_kafka_error_t* error = rd_kafka_produceva(producer, fields.data(), fields.size());
  if (error == nullptr) return RD_KAFKA_RESP_ERR_NO_ERROR;
  const auto code = rd_kafka_error_code(error);
  rd_kafka_error_destroy(error);
  return code;
}

KafkaOffsets kafka_offsets(const std::string& topic,
                           const std::vector<std::pair<Partition, Offset>>& next) {
  KafkaOffsets list(rd_kafka_topic_partition_list_new(static_cast<int>(next.size())));
  for (const auto& [partition, offset] : next) {
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), number(partition))->offset =
        offset;
  }
  return list;
}

Result<std::pair<Offset, Offset>> kafka_extent(rd_kafka_t* handle, const std::string& topic,
                                               Partition partition,
                                               std::chrono::milliseconds wait) {
  std::pair<Offset, Offset> extent;
  const auto error = rd_kafka_query_watermark_offsets(
      handle, topic.c_str(), number(partition), &extent.first, &extent.second, kafka_wait(wait));
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return extent;
  return std::unexpected(kafka_error(fmt::format("end of {}/{}", topic, number(partition)), error));
}

Result<std::pair<Offset, Offset>> await_extent(rd_kafka_t* handle, const KafkaOptions& options,
                                               const std::string& topic, Partition partition) {
  const auto deadline = options.steady() + options.request_timeout;
  while (true) {
    auto extent = kafka_extent(handle, topic, partition, options.request_timeout);
    if (extent || extent.error().code != Code::Unavailable || options.steady() > deadline) {
      return extent;
    }
    // No event tells when that is over.
    std::this_thread::sleep_for(std::chrono::milliseconds{50});
  }
}

int kafka_wait(std::chrono::milliseconds wait) {
  return static_cast<int>(std::max(wait, std::chrono::milliseconds{0}).count());
}

std::string printable_key(std::string_view key) {
  constexpr std::size_t kShown = 80;
  std::string out;
  for (const char c : key.substr(0, kShown)) {
    if (c >= ' ' && c <= '~') {
      out += c;
    } else {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  if (key.size() > kShown) out += "...";
  return out;
}

}  // namespace vigie
