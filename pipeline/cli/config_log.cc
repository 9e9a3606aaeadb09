#include "pipeline/cli/config_log.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "pipeline/log/kafka_properties.h"

namespace vigie {
namespace {

using std::chrono::hours;

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr std::uint64_t kTiB = std::uint64_t{1} << 40;
constexpr std::string_view kFile = "_file";
// A commit over Kafka is a transaction, which costs as much for ten mentions as for a thousand.
constexpr std::size_t kKafkaBatch = 5000;

bool is_secret(std::string_view property) {
  return property.contains("password") || property.contains("secret") ||
         property == "ssl.key.pem" || property == "sasl.oauthbearer.config";
}

// A property, or the file that holds a secret one when `_file` stands behind its name.
std::optional<std::string> read_property(ConfigSource& source, const ConfigSection& properties,
                                         std::string_view name, const YamlNode& value) {
  const std::string full = properties.full(name);
  if (name.ends_with(kFile)) {
    const std::string_view property = name.substr(0, name.size() - kFile.size());
    if (properties.find(property) != nullptr) {
      source.refuse(value.mark, full,
                    fmt::format("expected only one of {} and {}", property, name));
      return std::nullopt;
    }
    return source.secret_file(value, full);
  }
  if (value.type != YamlNode::Type::Scalar) {
    source.refuse(value.mark, full, "expected a text");
    return std::nullopt;
  }
  if (ConfigSource::variable(value.text)) return source.from_environment(value, full);
  if (!is_secret(name)) return value.text;
  return source.secret(value, full, fmt::format("{}{}", name, kFile));
}

void read_properties(const ConfigSection& kafka, KafkaConfig& out) {
  const YamlNode* map = kafka.find("properties");
  if (map == nullptr) return;
  if (map->type != YamlNode::Type::Map) {
    kafka.refuse(*map, "properties", "expected a map");
    return;
  }
  ConfigSource& source = kafka.source();
  const ConfigSection properties = ConfigSection::open(source, *map, kafka.full("properties"));
  for (const auto& [key, value] : map->entries) {
    std::string_view name = key.text;
    if (name.ends_with(kFile)) name.remove_suffix(kFile.size());
    if (is_fixed_property(name)) {
      source.refuse(key.mark, properties.full(key.text), "the service sets this itself");
      continue;
    }
    auto text = read_property(source, properties, key.text, value);
    if (text) out.properties.emplace_back(name, std::move(*text));
  }
}

KafkaConfig read_kafka(const ConfigSection& log, bool used) {
  const ConfigSection kafka =
      log.section("kafka", {"bootstrap", "topic_prefix", "partitions", "replication_factor",
                            "client_id", "instance_id", "workers", "properties"});
  KafkaConfig out;
  out.bootstrap = kafka.text("bootstrap", "");
  if (used && kafka.find("bootstrap") == nullptr) {
    const Mark mark = kafka.node() != nullptr ? kafka.mark() : log.mark();
    log.source().refuse(mark, kafka.full("bootstrap"),
                        "required with kind: kafka, such as \"broker1:9092,broker2:9092\"");
  }
  out.topic_prefix = kafka.text("topic_prefix", out.topic_prefix);
  const bool legal = std::ranges::all_of(out.topic_prefix, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
  if (!legal || out.topic_prefix.size() > 200) {
    kafka.refuse(*kafka.find("topic_prefix"), "topic_prefix",
                 "expected at most 200 letters, digits, \".\", \"_\" or \"-\"");
  }
  out.partitions = kafka.whole<std::int32_t>("partitions", out.partitions, 1, 1024);
  out.replication_factor =
      kafka.whole<std::int16_t>("replication_factor", out.replication_factor, 1, 15);
  out.client_id = kafka.text("client_id", out.client_id);
  out.instance_id = kafka.text("instance_id", out.instance_id);
  out.workers = kafka.whole<int>("workers", out.workers, 1, 64);
  read_properties(kafka, out);
  return out;
}

}  // namespace

LogConfig read_log(const ConfigSection& top) {
  const ConfigSection log =
      top.section("log", {"kind", "partitions", "retention", "max_bytes", "batch", "kafka"});
  LogConfig out;
  out.kind = log.choice<LogConfig::Kind>(
      "kind", out.kind,
      {{"embedded", LogConfig::Kind::Embedded}, {"kafka", LogConfig::Kind::Kafka}});
  out.partitions = log.whole<std::int32_t>("partitions", out.partitions, 1, 256);
  out.retention = log.duration("retention", out.retention, hours{1}, hours{24 * 365});
  log.whole_units("retention", out.retention, hours{1}, "expected whole hours");
  out.max_bytes = log.size("max_bytes", out.max_bytes, 64 * kMiB, 64 * kTiB);
  if (out.kind == LogConfig::Kind::Kafka) out.batch_mentions = kKafkaBatch;
  const ConfigSection batch = log.section("batch", {"max_mentions"});
  out.batch_mentions = batch.whole<std::size_t>("max_mentions", out.batch_mentions, 1, 100'000);
  out.kafka = read_kafka(log, out.kind == LogConfig::Kind::Kafka);
  return out;
}

}  // namespace vigie
