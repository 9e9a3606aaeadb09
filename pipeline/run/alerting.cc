// Meta : 0x01 'a' -> the surge detector's own form, as of the committed offsets
#include "pipeline/run/alerting.h"

#include <map>
#include <optional>

#include <prometheus/counter.h>
#include <prometheus/registry.h>

#include "state/cut.h"

namespace vigie {
namespace {

constexpr std::size_t kBatch = 500;
// The detector's memory is written with every alert and after this many cuts. In between, a restart
// judges the same cuts again to the same end.
constexpr int kSaveEvery = 60;

const std::string kStateKey{'\x01', 'a'};

}  // namespace

struct Alerting::Impl {
  EventLog& log;
  prometheus::Family<prometheus::Counter>& alerts;
  SurgeDetector detector;
  std::unique_ptr<LogReader> reader;
  std::map<Partition, Offset> next;
  int unsaved = 0;
  std::vector<Record> outputs;
  CutJoiner joiner;

  Result<void> save();
};

Result<void> Alerting::Impl::save() {
  Effects effects;
  effects.outputs = std::move(outputs);
  outputs.clear();
  effects.state.put(Space::Meta, kStateKey, detector.save());
  for (const auto& [partition, offset] : next) effects.next.emplace_back(partition, offset);
  next.clear();
  unsaved = 0;
  return reader->commit(std::move(effects));
}

Alerting::Alerting(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Alerting::~Alerting() = default;

Result<std::unique_ptr<Alerting>> Alerting::open(EventLog& log, Store& store,
                                                 prometheus::Registry& registry,
                                                 const SurgeOptions& options) {
  const std::int32_t partitions = log.partitions(Topic::Mentions);
  auto stored = store.get(Space::Meta, kStateKey);
  if (!stored) return std::unexpected(std::move(stored.error()));
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
  auto impl =
      std::make_unique<Impl>(Impl{log, alerts, std::move(detector), nullptr, {}, 0, {}, {}});
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
      Record out;
      out.topic = Topic::Alerts;
      out.key = alert.id;
      out.partition = partition_for(impl_->log, Topic::Alerts, out.key);
      append_json(out.value.emplace(), alert);
      impl_->alerts
          .Add({{"kind", std::string(name(alert.kind))}, {"state", std::string(name(alert.state))}})
          .Increment();
      impl_->outputs.push_back(std::move(out));
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
