// The command that moves a team from the embedded log to Kafka.
#include <chrono>
#include <filesystem>

#include <fmt/format.h>

#include "pipeline/cli/author_secret.h"
#include "pipeline/cli/commands.h"
#include "pipeline/cli/config.h"
#include "pipeline/cli/crash_point.h"
#include "pipeline/cli/export.h"
#include "pipeline/cli/report.h"
#include "pipeline/cli/service.h"
#include "pipeline/run/handover.h"

namespace vigie {
namespace {

namespace fs = std::filesystem;

// A directory of this command in the data directory to be; both go with it, if they were not there.
class Scratch {
 public:
  explicit Scratch(const fs::path& data_dir)
      : data_dir_(data_dir), path_(data_dir / "export-check") {
    std::error_code failed;
    was_there_ = fs::exists(data_dir_, failed);
    fs::remove_all(path_, failed);  // of one that was killed
    fs::create_directories(path_, failed);
  }
  ~Scratch() {
    std::error_code failed;
    fs::remove_all(path_, failed);
    if (!was_there_) fs::remove(data_dir_, failed);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path data_dir_;
  fs::path path_;
  bool was_there_ = false;
};

// Who was erased or seen is known by a secret: with another one they would all be strangers.
Result<void> check_secret(const Config& from, const Config& to, const AuthorKeys& keys) {
  std::error_code failed;
  const bool is_known = to.author_key || fs::exists(to.data_dir / "author.key", failed);
  if (is_known) {
    auto secret = author_secret(to);
    if (!secret) return std::unexpected(std::move(secret.error()));
    if (secret_mark(AuthorKeys(*secret)) == secret_mark(keys)) return {};
  }
  const std::string how = from.author_key
                              ? std::string("as it is there")
                              : fmt::format(
                                    "`od -An -v -tx1 {} | tr -d ' \\n' > FILE` writes it into a "
                                    "file that `author_key_file` may name",
                                    (from.data_dir / "author.key").string());
  return fail(Code::Invalid, fmt::format("{}: author_key: expected the secret of {}: {}",
                                         to.file.string(), from.file.string(), how));
}

Result<void> check_target(const Config& from, const Config& to, const AuthorKeys& keys) {
  if (to.log.kind != LogConfig::Kind::Kafka) {
    return fail(Code::Invalid, fmt::format("{}: log.kind: expected kafka", to.file.string()));
  }
  std::error_code failed;
  for (const char* name : {"state", "view"}) {
    if (!fs::exists(to.data_dir / name, failed)) continue;
    return fail(Code::Invalid,
                fmt::format("{}: data_dir: {} holds a store already; expected an empty directory, "
                            "into which the service makes its state from the topics",
                            to.file.string(), to.data_dir.string()));
  }
  return check_secret(from, to, keys);
}

std::string how_to_begin_anew(const KafkaOptions& options) {
  return fmt::format("delete the topics ({}), or choose another log.kafka.topic_prefix",
                     command_to_delete(options.topic_prefix));
}

// A worker that runs already knows the topics as empty, and would count from there.
Result<void> nobody_works(const KafkaOptions& options) {
  const auto members = group_members(options, "worker");
  if (!members) return std::unexpected(members.error());
  if (*members == 0) return {};
  return fail(Code::Invalid, fmt::format("kafka: {} workers run over the topics `{}*`; stop them",
                                         *members, options.topic_prefix));
}

// Topics that are there hold nothing, and have the partitions of the embedded log; the others are
// made so. Nothing is changed before that is known.
Result<std::map<TopicPartition, Offset>> prepare_topics(const KafkaOptions& options) {
  auto plans = plan_topics(options);
  if (!plans) return std::unexpected(std::move(plans.error()));
  std::vector<Topic> known;
  for (std::size_t i = 0; i < plans->size(); ++i) {
    TopicPlan& plan = (*plans)[i];
    if (plan.is_missing) {
      plan.partitions = options.partitions;
      continue;
    }
    known.push_back(all_topics()[i].topic);
    if (plan.partitions == options.partitions) continue;
    return fail(Code::Invalid, fmt::format("topic {} has {} partitions, the embedded log {}: state "
                                           "lies by partition, so both need the same number; {}",
                                           plan.name, plan.partitions, options.partitions,
                                           how_to_begin_anew(options)));
  }
  const auto begins_of =
      [&](std::span<const Topic> topics) -> Result<std::map<TopicPartition, Offset>> {
    auto extents = topic_extents(options, topics, options.partitions);
    if (!extents) return std::unexpected(std::move(extents.error()));
    std::map<TopicPartition, Offset> begins;
    for (const TopicExtent& extent : *extents) {
      if (extent.end > extent.oldest) {
        return fail(
            Code::Invalid,
            fmt::format("topic {}{} holds records already; an export begins with empty "
                        "topics: {}",
                        options.topic_prefix, info(extent.topic).name, how_to_begin_anew(options)));
      }
      begins[{extent.topic, extent.partition}] = extent.end;
    }
    return begins;
  };
  if (auto empty = begins_of(known); !empty) return empty;
  auto applied = apply_topics(options, *plans);
  if (!applied) return std::unexpected(std::move(applied.error()));
  std::vector<Topic> all;
  for (const TopicInfo& topic : all_topics()) all.push_back(topic.topic);
  return begins_of(all);
}

bool print(const std::vector<Compared>& compared) {
  bool is_same = true;
  fmt::print("{:<28}{:>14}{:>14}\n", "", "embedded", "kafka");
  for (const Compared& line : compared) {
    fmt::print("{:<28}{:>14}{:>14}  {}\n", line.what, line.source, line.found,
               line.different == 0 ? "equal" : fmt::format("{} differ", line.different));
    is_same = is_same && line.different == 0;
  }
  return is_same;
}

Result<void> mark(EventLog& log, const AuthorKeys& keys, bool whole) {
  return log.append({handover_record(
      log, {.whole = whole, .at = system_clock()(), .authors = secret_mark(keys)})});
}

Result<bool> move(const Config& from, const Config& to) {
  const AtPoint at_point = crash_points(process_environment());
  const auto at = [&](std::string_view point) {
    if (at_point) at_point(point);
  };
  auto source = ExportSource::open(from);
  if (!source) return std::unexpected(std::move(source.error()));
  if (auto fits = check_target(from, to, *source->keys); !fits) {
    return std::unexpected(std::move(fits.error()));
  }
  KafkaOptions options = kafka_options(to.log);
  options.partitions = source->partitions();
  if (auto alone = nobody_works(options); !alone) return std::unexpected(alone.error());
  auto begins = prepare_topics(options);
  if (!begins) return std::unexpected(std::move(begins.error()));
  options.create_topics = false;
  auto target = KafkaLog::open(options);
  if (!target) return std::unexpected(std::move(target.error()));
  fmt::print("topics {}*: {} partitions, as the embedded log has{}\n", options.topic_prefix,
             options.partitions,
             options.partitions > 1 ? "" : "; a second node takes over, but shares no work");
  const Scratch scratch(to.data_dir);
  auto done = source->fold_items(scratch.path() / "items");
  Progress progress("records", 0);
  const Tell tell = [&](std::string_view, std::uint64_t records) { progress.at(records); };
  Exported exported;
  exported.begins = std::move(*begins);
  // First of all, so that nothing of it is taken for an installation before it is one.
  const Record first = handover_record(**target, {});
  ++exported.records[{first.topic, first.partition}];
  if (done) done = mark(**target, *source->keys, false);
  at("export.begun");
  if (done) done = fill_topics(*source, **target, options, at_point, tell, exported);
  at("export.filled");
  if (!done) return std::unexpected(std::move(done.error()));
  auto compared = check_topics(*source, **target, options, scratch.path(), tell, exported);
  if (!compared) return std::unexpected(std::move(compared.error()));
  for (const auto& [topic, count] : exported.expired) {
    fmt::print("{} records of {} were left out: their time is over within the hour\n", count,
               info(topic).name);
  }
  fmt::print("{} mentions wait to be counted\n", exported.waiting);
  if (!print(*compared)) return false;
  at("export.compared");
  done = nobody_works(options);
  if (done) done = mark(**target, *source->keys, true);
  at("export.whole");
  if (!done) return std::unexpected(std::move(done.error()));
  return true;
}

}  // namespace

Exit export_to_kafka(const ExportCommand& command) {
  auto from = load_config(command.config, process_environment());
  if (!from) return report(from.error());
  auto to = load_config(command.to, process_environment());
  if (!to) return report(to.error());
  const auto moved = move(*from, *to);
  if (!moved) return report(moved.error());
  if (!*moved) {
    return report(
        Error{Code::Corrupt,
              fmt::format("the topics differ from {}: they are marked as not whole, and "
                          "no service starts over them; {}",
                          from->data_dir.string(), how_to_begin_anew(kafka_options(to->log)))});
  }
  fmt::print("whole; start the service with {}, and not again with {}\n", command.to,
             command.config);
  return Exit::Good;
}

}  // namespace vigie
