// Meta : 0x01 'a' -> the surge detector's own form, as of the committed offsets
#include "pipeline/run/alerting.h"

#include <deque>
#include <map>
#include <optional>

#include <prometheus/counter.h>
#include <prometheus/registry.h>

#include "pipeline/core/clock.h"
#include "pipeline/run/handover.h"
#include "state/cut.h"

namespace vigie {
namespace {

constexpr std::size_t kBatch = 500;
// The detector's memory is written with every alert and after this many cuts. In between, a restart
// judges the same cuts again to the same end.
constexpr int kSaveEvery = 60;

// What a node that takes over may have to write: far more than are raised while nobody writes.
constexpr std::size_t kRaisedKept = 1'000;

}  // namespace

struct Alerting::Impl {
  EventLog& log;
  prometheus::Family<prometheus::Counter>& alerts;
  SurgeDetector detector;
  std::unique_ptr<LogReader> reader;
  std::map<Partition, Offset> next;
  int unsaved = 0;
  bool is_handed_over = true;  // what an export told may still be in the topic
  std::vector<Record> outputs;
  CutJoiner joiner;
  // Of one node among several.
  Turn turn;
  bool writes = true;
  std::deque<Alert> raised;  // of late

  Result<void> take_turns();
  Result<void> raise(const Alert& alert);
  Result<bool> is_written(const Alert& alert);
  Result<void> save();
};

// The node that wrote before may have gone between raising and writing.
Result<void> Alerting::Impl::take_turns() {
  const Result<bool> asked = turn();
  if (!asked) return std::unexpected(asked.error());
  const bool mine = *asked;
  if (mine && !std::exchange(writes, mine)) {
    for (const Alert& alert : raised) {
      if (auto written = raise(alert); !written) return written;
    }
  }
  writes = mine;
  return {};
}

Result<bool> Alerting::Impl::is_written(const Alert& alert) {
  auto newest = log.latest(Topic::Alerts, alert.id);
  if (!newest) return std::unexpected(std::move(newest.error()));
  if (!*newest) return false;
  auto known = parse_alert(**newest);
  if (!known) return std::unexpected(std::move(known.error()));
  return known->state == alert.state || known->state == AlertState::Resolved;
}

Result<void> Alerting::Impl::raise(const Alert& alert) {
  if (!writes) return {};
  if (turn) {
    auto written = is_written(alert);
    if (!written) return std::unexpected(std::move(written.error()));
    if (*written) return {};
  }
  Record out;
  out.topic = Topic::Alerts;
  out.key = alert.id;
  out.partition = partition_for(log, Topic::Alerts, out.key);
  append_json(out.value.emplace(), alert);
  alerts.Add({{"kind", std::string(name(alert.kind))}, {"state", std::string(name(alert.state))}})
      .Increment();
  outputs.push_back(std::move(out));
  return {};
}

Result<void> Alerting::Impl::save() {
  Effects effects;
  effects.outputs = std::move(outputs);
  outputs.clear();
  effects.state.put(Space::Meta, kDetectorState, detector.save());
  for (const auto& [partition, offset] : next) effects.next.emplace_back(partition, offset);
  next.clear();
  unsaved = 0;
  auto committed = reader->commit(std::move(effects));
  if (!committed || !std::exchange(is_handed_over, false)) return committed;
  return drop_handed_over_detector(log);
}

Alerting::Alerting(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Alerting::~Alerting() = default;

Result<std::unique_ptr<Alerting>> Alerting::open(EventLog& log, Store& store,
                                                 prometheus::Registry& registry,
                                                 const SurgeOptions& options, Turn turn) {
  const std::int32_t partitions = log.partitions(Topic::Mentions);
  auto stored = store.get(Space::Meta, kDetectorState);
  if (!stored) return std::unexpected(std::move(stored.error()));
  if (!*stored) {
    stored = handed_over_detector(log, system_clock()());
    if (!stored) return std::unexpected(std::move(stored.error()));
  }
  SurgeDetector detector(options, partitions);
  if (*stored) {
    auto loaded = SurgeDetector::load(**stored, options, partitions);
    if (!loaded) return std::unexpected(std::move(loaded.error()));
    detector = std::move(*loaded);
  }
  auto& alerts = prometheus::BuildCounter()
                     .Name("vigie_alerts_total")
                     .Help("Alerts that began to fire or were resolved")
                     .Register(registry);
  // Series exist from the start, so that the first alert shows as an increase.
  for (const AlertState state : {AlertState::Firing, AlertState::Resolved}) {
    alerts.Add(
        {{"kind", std::string(name(AlertKind::Surge))}, {"state", std::string(name(state))}});
  }
  const bool alone = !turn;
  auto impl = std::make_unique<Impl>(Impl{.log = log,
                                          .alerts = alerts,
                                          .detector = std::move(detector),
                                          .turn = std::move(turn),
                                          .writes = alone});
  ReadOptions read;
  read.group = "alerts";
  auto reader = log.read(Topic::Counters, read, store);
  if (!reader) return std::unexpected(std::move(reader.error()));
  impl->reader = std::move(*reader);
  return std::unique_ptr<Alerting>(new Alerting(std::move(impl)));
}

Result<void> Alerting::save() {
  if (impl_->joiner.waits()) return {};
  return impl_->save();
}

Result<std::size_t> Alerting::step(std::chrono::milliseconds wait) {
  if (impl_->turn) {
    if (auto taken = impl_->take_turns(); !taken) return std::unexpected(std::move(taken.error()));
  }
  auto polled = impl_->reader->poll(kBatch, wait);
  if (!polled) return std::unexpected(std::move(polled.error()));
  for (const LogRecord& record : *polled) {
    impl_->next[record.partition] = record.offset + 1;
    if (!is_cut_key(record.key) || !record.value) continue;
    auto part = parse_cut_part(*record.value);
    if (!part) return std::unexpected(std::move(part.error()));
    const std::optional<Cut> cut = impl_->joiner.add(std::move(*part));
    if (!cut) continue;
    ++impl_->unsaved;
    for (const Alert& alert : impl_->detector.fold(*cut)) {
      if (auto raised = impl_->raise(alert); !raised) {
        return std::unexpected(std::move(raised.error()));
      }
      if (!impl_->turn) continue;
      impl_->raised.push_back(alert);
      if (impl_->raised.size() > kRaisedKept) impl_->raised.pop_front();
    }
  }
  // A cut of which a part is still to come is read from its first part again after a restart.
  if (impl_->joiner.waits()) return polled->size();
  if (!impl_->outputs.empty() || impl_->unsaved >= kSaveEvery) {
    auto saved = impl_->save();
    if (!saved) return std::unexpected(std::move(saved.error()));
  }
  return polled->size();
}

}  // namespace vigie
