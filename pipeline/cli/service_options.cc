// What the config says, in the terms of those who run by it.
#include <array>
#include <chrono>

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "pipeline/alerts/surge.h"
#include "pipeline/cli/service.h"
#include "pipeline/log/embedded_log.h"
#include "pipeline/log/kafka_log.h"
#include "pipeline/run/connector_runner.h"
#include "state/authors.h"
#include "state/counter_key.h"
#include "state/ledger.h"
#include "state/store.h"

namespace vigie {

using std::chrono::milliseconds;
using std::chrono::minutes;

Result<Roles> parse_roles(std::string_view text) {
  Roles roles{.ingest = false, .worker = false, .view = false};
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    const std::string_view role = text.substr(0, comma);
    if (role == "ingest") {
      roles.ingest = true;
    } else if (role == "worker") {
      roles.worker = true;
    } else if (role == "view") {
      roles.view = true;
    } else {
      return fail(Code::Invalid,
                  fmt::format("--roles: unknown role \"{}\"; expected ingest, worker "
                              "or view, with commas",
                              role));
    }
    text = comma == std::string_view::npos ? "" : text.substr(comma + 1);
  }
  return roles;
}

namespace {

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "";
  return name.data();
}

}  // namespace

KafkaOptions kafka_options(const LogConfig& config) {
  KafkaOptions options;
  options.bootstrap = config.kafka.bootstrap;
  options.topic_prefix = config.kafka.topic_prefix;
  options.partitions = config.kafka.partitions;
  options.replication_factor = config.kafka.replication_factor;
  options.mentions_retention = std::chrono::duration_cast<std::chrono::hours>(config.retention);
  options.client_id = config.kafka.client_id;
  options.instance_id = config.kafka.instance_id.empty() ? host_name() : config.kafka.instance_id;
  options.accept_gap = config.kafka.accept_gap;
  for (const auto& [key, value] : config.kafka.properties) options.properties[key] = value;
  return options;
}

SurgeOptions surge_options(const SurgeConfig& config) {
  const auto whole_minutes = [](milliseconds length) {
    return std::chrono::duration_cast<minutes>(length);
  };
  SurgeOptions options;
  options.enabled = config.enabled;
  options.window = whole_minutes(config.window);
  options.floor = config.floor;
  options.min_authors = config.min_authors;
  options.ratio = config.ratio;
  options.z = config.z;
  options.clear_z = config.clear_z;
  options.clear_after = whole_minutes(config.clear_after);
  options.cooldown = whole_minutes(config.cooldown);
  options.min_history = whole_minutes(config.min_history);
  return options;
}

StoreOptions store_options(const Config& config, const std::atomic<std::int64_t>& horizon) {
  StoreOptions options;
  options.block_cache_bytes = config.store.block_cache;
  options.write_buffer_bytes = config.store.write_buffers;
  options.drop = [&](Space space, std::string_view key, std::string_view value) {
    const std::int64_t micros = horizon.load(std::memory_order_relaxed);
    if (micros == 0) return false;
    const Time stream_time{std::chrono::microseconds{micros}};
    return is_past_keeping(config, space, key, value, stream_time);
  };
  return options;
}

EmbeddedOptions embedded_options(const LogConfig& config) {
  EmbeddedOptions options;
  options.partitions = config.partitions;
  options.mentions_retention = std::chrono::duration_cast<std::chrono::hours>(config.retention);
  options.mentions_max_bytes = config.max_bytes;
  return options;
}

bool brings_its_time(const ConnectorConfig& connector) {
  const YamlNode* time = connector.options.find("time");
  return time != nullptr && time->text == "input";
}

RunnerOptions runner_options(const Config& config, const ConnectorConfig& entry) {
  RunnerOptions options;
  options.name = entry.name;
  options.rate = entry.rate;
  options.stall = entry.stall;
  options.ingest.detect_lang = config.detect_lang;
  options.ingest.keep_matched = entry.keep == Keep::Matched;
  options.ingest.time_from_input = brings_its_time(entry);
  options.say = [](std::string_view line) { spdlog::warn("{}", line); };
  return options;
}

bool is_past_keeping(const Config& config, Space space, std::string_view key,
                     std::string_view value, Time stream_time) {
  const bool embedded = config.log.kind == LogConfig::Kind::Embedded;
  switch (space) {
    case Space::Ledger:
      return ledger_expired(key, value, stream_time);
    case Space::Counters:
      return counter_expired(key, stream_time);
    case Space::Authors:
      return author_row_expired(key, value, stream_time);
    case Space::Latest:
      return (!embedded && latest_expired(key, value, stream_time)) ||
             config.retention.expired_row(key, value, stream_time);
    default:
      return false;
  }
}

}  // namespace vigie
