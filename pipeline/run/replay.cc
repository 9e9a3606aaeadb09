#include "pipeline/run/replay.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <map>
#include <system_error>

#include <fmt/format.h>
#include <prometheus/registry.h>

#include "pipeline/core/json.h"
#include "pipeline/log/embedded_log.h"
#include "pipeline/run/alerting.h"
#include "pipeline/run/ingest.h"
#include "pipeline/run/view.h"
#include "pipeline/run/worker.h"

namespace vigie {
namespace {

using std::chrono::milliseconds;

constexpr std::array kWritten = {Topic::Tagged, Topic::QueueSocial, Topic::QueueCommunity,
                                 Topic::Alerts, Topic::Deadletter};

// One NDJSON file a topic: a line {"key","value"} a record, in commit order.
class TopicFiles {
 public:
  Result<void> open(const std::filesystem::path& directory) {
    std::error_code failed;
    std::filesystem::create_directories(directory, failed);
    if (failed) {
      return fail(Code::Unavailable,
                  fmt::format("cannot make {}: {}", directory.string(), failed.message()));
    }
    for (const Topic topic : kWritten) {
      const auto file = directory / fmt::format("{}.ndjson", info(topic).name);
      std::ofstream& stream = files_[topic];
      stream.open(file, std::ios::binary | std::ios::trunc);
      if (!stream) {
        return fail(Code::Unavailable, fmt::format("cannot write {}: {}", file.string(),
                                                   std::generic_category().message(errno)));
      }
    }
    return {};
  }

  void write(const Record& record) {
    const auto it = files_.find(record.topic);
    if (it == files_.end()) return;
    line_.clear();
    JsonWriter json(line_);
    json.begin_object().field("key", record.key).key("value");
    if (record.value) {
      json.raw(*record.value);
    } else {
      json.null();
    }
    json.end_object();
    line_ += '\n';
    it->second.write(line_.data(), static_cast<std::streamsize>(line_.size()));
  }

  Result<void> close() {
    for (auto& [topic, stream] : files_) {
      stream.close();
      if (stream.fail()) {
        return fail(Code::Unavailable, fmt::format("cannot write {}.ndjson", info(topic).name));
      }
    }
    return {};
  }

 private:
  std::map<Topic, std::ofstream> files_;
  std::string line_;
};

Result<void> write_counters(const View& view, const std::filesystem::path& directory,
                            std::optional<Time> stream_time) {
  std::ofstream counted(directory / "counters.ndjson", std::ios::binary | std::ios::trunc);
  std::ofstream of_members(directory / "members.ndjson", std::ios::binary | std::ios::trunc);
  std::string line;
  auto dumped =
      dump_counts(view.counters(), view.author_sets(), stream_time, [&](const CountLine& count) {
        line.clear();
        append_count(line, count);
        (is_of_members(count.dimension) ? of_members : counted) << line << '\n';
      });
  if (!dumped) return dumped;
  counted.close();
  of_members.close();
  if (counted.fail()) return fail(Code::Unavailable, "cannot write counters.ndjson");
  if (of_members.fail()) return fail(Code::Unavailable, "cannot write members.ndjson");
  return {};
}

std::string item_json(const QueueItem& item) {
  std::string out;
  JsonWriter json(out);
  json.begin_object().field("id", item.id).field("queue", item.queue);
  json.field("state", name(item.state)).field("priority", item.priority);
  json.field("route", item.route).key("messages").begin_array();
  for (const ItemMessage& message : item.messages) json.string(message.key);
  json.end_array().end_object();
  return out;
}

// Every item of both queues, answered ones too, in the order of their ids.
Result<void> write_items(const View& view, const std::filesystem::path& directory) {
  std::map<std::string, std::string> lines;
  for (const char* queue : {"social", "community"}) {
    std::string after;
    do {
      auto page = view.queues().list(queue, true, after, 1000);
      if (!page) return std::unexpected(std::move(page.error()));
      for (const QueueItem& item : page->items) lines[item.id] = item_json(item);
      after = std::move(page->next);
    } while (!after.empty());
  }
  std::ofstream stream(directory / "items.ndjson", std::ios::binary | std::ios::trunc);
  for (const auto& [id, line] : lines) stream << line << '\n';
  stream.close();
  if (stream.fail()) return fail(Code::Unavailable, "cannot write items.ndjson");
  return {};
}

// The stations of the pipeline, stepped in turn until none has anything to do.
struct Stations {
  Worker& worker;
  Alerting& alerting;
  View& view;

  Result<void> drain() {
    while (true) {
      std::size_t moved = 0;
      for (const auto& step : {worker.step(milliseconds{0}), alerting.step(milliseconds{0}),
                               view.step(milliseconds{0})}) {
        if (!step) return std::unexpected(step.error());
        moved += *step;
      }
      if (moved == 0) return {};
    }
  }
};

}  // namespace

void append_count(std::string& out, const CountLine& count) {
  JsonWriter json(out);
  json.begin_object().field("dimension", name(count.dimension)).field("id", count.id);
  json.field("measure", count.measure).field("hour", format_time(start_of_hour(count.hour)));
  json.field("value", count.value);
  if (count.estimate) json.field("estimate", true);
  json.end_object();
}

Result<ReplaySummary> run_replay(ReplayRun run) {
  // Before anything is written. A connector would be opened again later; here whoever named the
  // input is told.
  if (auto opened = run.input->open("", {}); !opened) {
    return fail(Code::Invalid, std::move(opened.error().message));
  }
  TopicFiles files;
  if (run.out) {
    auto opened = files.open(*run.out);
    if (!opened) return std::unexpected(std::move(opened.error()));
  }
  ReplaySummary summary;
  prometheus::Registry registry;
  auto store = Store::open(run.state, {});
  if (!store) return std::unexpected(std::move(store.error()));
  EmbeddedOptions log_options;
  log_options.durability = Durability::Buffered;
  log_options.clock = nullptr;
  log_options.observer = [&](const Record& record) {
    if (run.out) files.write(record);
    ++summary.outputs[std::string(info(record.topic).name)];
  };
  auto log = EmbeddedLog::open(std::move(log_options), **store);
  if (!log) return std::unexpected(std::move(log.error()));
  const AuthorKeys keys(run.author_secret);
  Ingest ingest(**log, nullptr, RecordClock{}, registry);
  WorkerOptions worker_options;
  worker_options.keep = run.keep;
  worker_options.texts = run.texts;
  Worker worker(**log, **store, keys, [&] { return run.rules; }, registry, worker_options);
  auto started = worker.start();
  if (!started) return std::unexpected(std::move(started.error()));
  auto alerting = Alerting::open(**log, **store, registry, run.surge);
  if (!alerting) return std::unexpected(std::move(alerting.error()));
  auto view = View::open(**log, **store, registry, {});
  if (!view) return std::unexpected(std::move(view.error()));
  Stations stations{worker, **alerting, **view};

  IngestOptions ingest_options;
  ingest_options.detect_lang = run.detect_lang;
  ingest_options.time_from_input = true;
  for (bool finished = false; !finished;) {
    if (run.interrupted && run.interrupted()) {
      return fail(Code::Closed, fmt::format("interrupted after {} mentions", summary.records));
    }
    auto batch = run.input->next(milliseconds{1000}, {});
    if (!batch) return std::unexpected(std::move(batch.error()));
    finished = batch->finished;
    auto accepted = ingest.accept("replay", std::move(batch->items), "", ingest_options);
    if (!accepted) return std::unexpected(std::move(accepted.error()));
    summary.records += accepted->logged + accepted->dead_lettered;
    summary.dead_letters += accepted->dead_lettered;
    auto drained = stations.drain();
    if (!drained) return std::unexpected(std::move(drained.error()));
    if (run.progress) run.progress(summary.records);
  }
  auto judged = worker.finish();
  if (!judged) return std::unexpected(std::move(judged.error()));
  auto drained = stations.drain();
  if (!drained) return std::unexpected(std::move(drained.error()));

  summary.stream_time = worker.stream_time();
  summary.social_items = (*view)->queues().open_items("social");
  summary.community_items = (*view)->queues().open_items("community");
  if (run.out) {
    std::optional<Time> expiry;
    if (!run.keep) expiry = summary.stream_time;
    auto written = write_counters(**view, *run.out, expiry);
    if (written) written = write_items(**view, *run.out);
    if (written) written = files.close();
    if (!written) return std::unexpected(std::move(written.error()));
  }
  return summary;
}

}  // namespace vigie
