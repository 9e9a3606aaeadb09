#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipeline/cli/config.h"
#include "pipeline/cli/crash_point.h"
#include "pipeline/core/error.h"
#include "pipeline/core/ids.h"
#include "pipeline/log/embedded_log.h"
#include "pipeline/log/kafka_log.h"
#include "state/store.h"

namespace vigie {

// An installation with the embedded log whose service is stopped. As long as this lives, none can
// start over it. Nothing of it changes.
struct ExportSource {
  std::unique_ptr<Store> store;
  std::unique_ptr<Store> items;  // of the queues, with what the service had not folded yet
  std::unique_ptr<EmbeddedLog> log;
  std::unique_ptr<AuthorKeys> keys;

  // Invalid when it is none, or has something left that only its own service can do; Unavailable
  // while its service runs.
  static Result<ExportSource> open(const Config& config);
  // Makes `items`, in a directory that must not be there.
  Result<void> fold_items(const std::filesystem::path& directory);
  std::int32_t partitions() const { return log->partitions(Topic::Mentions); }
};

using TopicPartition = std::pair<Topic, Partition>;

// What was written, and where the workers go on.
struct Exported {
  std::map<TopicPartition, Offset> begins;  // where the empty topics began
  std::map<TopicPartition, std::uint64_t> records;
  std::map<Partition, Offset> next;        // the first mention that is not counted yet
  std::uint64_t waiting = 0;               // mentions behind it
  std::map<Topic, std::uint64_t> expired;  // left out: retention would delete them within the hour

  std::uint64_t records_of(Topic topic) const;
};

// Told how many records were written or read so far, and of what.
using Tell = std::function<void(std::string_view what, std::uint64_t records)>;

// Writes everything that the log and the state of `source` say into the topics of `target`, which
// are empty and begin at `exported.begins`. What was cut short is to be thrown away.
Result<void> fill_topics(ExportSource& source, EventLog& target, const KafkaOptions& options,
                         const AtPoint& at_point, const Tell& tell, Exported& exported);

// One line of what was compared.
struct Compared {
  std::string what;
  std::uint64_t source = 0;
  std::uint64_t found = 0;
  std::uint64_t different = 0;  // rows with other values, or on one side alone
};

// Folds the topics as workers and views of a service do that starts with nothing, in stores of its
// own in `scratch`, and compares: records by topic, then the state row by row.
Result<std::vector<Compared>> check_topics(const ExportSource& source, EventLog& target,
                                           const KafkaOptions& options,
                                           const std::filesystem::path& scratch, const Tell& tell,
                                           const Exported& exported);

}  // namespace vigie
