#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipeline/api/server.h"
#include "pipeline/core/error.h"
#include "pipeline/core/yaml.h"
#include "pipeline/log/text_retention.h"

namespace vigie {

// What the config file of one instance says; the values here are the defaults of keys that are not
// in the file. `deploy/vigie.yaml` explains every key to its reader.

struct KafkaConfig {
  std::string bootstrap;  // host:port,host:port; never empty when the log is Kafka
  std::string topic_prefix = "vigie.";
  std::int32_t partitions = 6;  // of topics that are created
  std::int16_t replication_factor = 1;
  std::string client_id = "vigie";
  int workers = 1;          // that read mentions side by side in this process
  std::string instance_id;  // names this node in consumer groups; empty: the host's name
  // Passed on to librdkafka, in the order of the file. Hold secrets: never log them.
  std::vector<std::pair<std::string, std::string>> properties;
  bool accept_gap = false;  // `run --accept-gap`; no key of the file
  friend bool operator==(const KafkaConfig&, const KafkaConfig&) = default;
};

struct LogConfig {
  enum class Kind : std::uint8_t { Embedded, Kafka };
  Kind kind = Kind::Embedded;
  std::int32_t partitions = 1;  // of the embedded log; fixed when its data directory is made
  std::chrono::milliseconds retention = std::chrono::hours{72};
  std::uint64_t max_bytes = std::uint64_t{20} << 30;  // embedded: the oldest mentions go first
  std::size_t batch_mentions = 2000;                  // with Kafka 5000, whose commits take longer
  KafkaConfig kafka;
  friend bool operator==(const LogConfig&, const LogConfig&) = default;
};

// Which of a connector's creates reach the log.
enum class Keep : std::uint8_t { All, Matched };

struct ConnectorConfig {
  std::string name;
  std::string kind;  // in the table of connector kinds
  Keep keep = Keep::All;
  std::optional<double> rate;                      // mentions a second; empty: no limit
  std::optional<std::chrono::milliseconds> stall;  // in place of the kind's own deadline
  // The whole entry for ConnectorKind::make: secrets read, and without `stall`, which is the
  // runner's. Holds secrets: never log it.
  YamlNode options;
};

struct SurgeConfig {
  bool enabled = true;
  std::chrono::milliseconds window = std::chrono::minutes{5};
  std::uint32_t floor = 10;
  std::uint32_t min_authors = 5;
  double ratio = 2.0;
  double z = 4.0;
  double clear_z = 1.5;
  std::chrono::milliseconds clear_after = std::chrono::minutes{10};
  std::chrono::milliseconds cooldown = std::chrono::minutes{30};
  std::chrono::milliseconds min_history = std::chrono::hours{24};
  friend bool operator==(const SurgeConfig&, const SurgeConfig&) = default;
};

struct AlertsConfig {
  SurgeConfig surge;
  friend bool operator==(const AlertsConfig&, const AlertsConfig&) = default;
};

struct StoreConfig {
  std::uint64_t block_cache = std::uint64_t{48} << 20;
  std::uint64_t write_buffers = std::uint64_t{64} << 20;
  friend bool operator==(const StoreConfig&, const StoreConfig&) = default;
};

// Intake stops when there is less room on the disk of data_dir than `stop_below`, and goes on above
// `resume_above`; what is not given depends on the size of the disk.
struct DiskConfig {
  std::optional<std::uint64_t> stop_below;
  std::optional<std::uint64_t> resume_above;
  friend bool operator==(const DiskConfig&, const DiskConfig&) = default;
};

struct LoggingConfig {
  enum class Level : std::uint8_t { Trace, Debug, Info, Warn, Error };
  enum class Format : std::uint8_t { Text, Json };
  Level level = Level::Info;
  Format format = Format::Text;
  friend bool operator==(const LoggingConfig&, const LoggingConfig&) = default;
};

struct Config {
  std::filesystem::path file;                 // where it was read from
  std::filesystem::path data_dir = "./data";  // as written: from the working directory
  std::filesystem::path rules;                // seen from the working directory
  bool detect_lang = true;
  // The secret of author keys. Empty: the service makes one and keeps it in its data directory.
  std::optional<std::array<std::uint8_t, 32>> author_key;
  LogConfig log;
  std::vector<ConnectorConfig> connectors;
  ApiOptions api;
  AlertsConfig alerts;
  StoreConfig store;
  DiskConfig disk;
  TextRetention retention;
  LoggingConfig logging;
};

// The value of an environment variable, or empty when it is not set.
using Environment = std::function<std::optional<std::string>(std::string_view)>;
Environment process_environment();

// Reads, checks and completes a config file. A failure is Invalid and names everything that is
// wrong, one "file:line:column: key: message" a line in the order of the file; a file that cannot
// be read is NotFound. No message holds a secret.
Result<Config> load_config(const std::filesystem::path& file, const Environment& environment);

// The same for a text that was read from `file`; relative paths start at its folder.
Result<Config> parse_config(std::string_view text, const std::filesystem::path& file,
                            const Environment& environment);

}  // namespace vigie
