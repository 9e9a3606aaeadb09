#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "pipeline/cli/config.h"
#include "pipeline/core/clock.h"
#include "pipeline/core/error.h"

namespace vigie {

struct EmbeddedOptions;
struct KafkaOptions;
struct RunnerOptions;
struct StoreOptions;
struct SurgeOptions;
enum class Space : std::uint8_t;

// What this process does. With the embedded log it is always all of it.
struct Roles {
  bool ingest = true;
  bool worker = true;
  bool view = true;
};

// "ingest,worker,view" or a part of it.
Result<Roles> parse_roles(std::string_view text);

// The running service: every station of the pipeline in its threads. Started and stopped by one
// thread.
class Service {
 public:
  static Result<std::unique_ptr<Service>> start(const Config& config, Roles roles);
  ~Service();

  // Stops intake, lets the stations commit what they hold, closes. Takes seconds at most.
  void stop();

  // Asks for the rule file to be read again, now.
  void reload_rules();

  // Why the service cannot go on; empty while it can.
  std::optional<Error> failure() const;

  // Whether only another start in this process helps, as it does where Kafka is the log: a store
  // has refused a write, or was found damaged and will be made from the topics.
  bool needs_restart();

  // Port of the API: every process has one, for its metrics at the least.
  std::uint16_t port() const;

 private:
  struct Impl;
  explicit Service(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// How the log of a config with Kafka is opened.
KafkaOptions kafka_options(const LogConfig& config);
// `horizon`: stream time in microseconds up to which rows may go when the store compacts; 0: none.
StoreOptions store_options(const Config& config, const std::atomic<std::int64_t>& horizon);
EmbeddedOptions embedded_options(const LogConfig& config);
SurgeOptions surge_options(const SurgeConfig& config);
// Whether a connector stamps its mentions with times of their own.
bool brings_its_time(const ConnectorConfig& connector);
// How a connector is run.
RunnerOptions runner_options(const Config& config, const ConnectorConfig& entry);
// Whether a row may go at this stream time, when the store compacts.
bool is_past_keeping(const Config& config, Space space, std::string_view key,
                     std::string_view value, Time stream_time);

}  // namespace vigie
