#include "state/upgrade.h"

#include <map>
#include <string>
#include <utility>

#include "state/contributions.h"
#include "state/counters.h"
#include "state/ledger.h"

namespace vigie {
namespace {

// The first that format 3 brought.
constexpr auto kFirstNewer = std::to_underlying(Dimension::Author);
constexpr std::size_t kRecordsInBatch = 2000;

Result<void> write(Store& store, std::map<Partition, CounterBatch>& counters) {
  StoreBatch batch;
  for (auto& [partition, one] : counters) {
    auto changes = one.flush(batch);
    if (!changes) return std::unexpected(std::move(changes.error()));
  }
  auto written = store.write(batch, Durability::Buffered);
  for (auto& [partition, one] : counters) one.settled();
  return written;
}

// What an upgrade that was cut off left would be counted twice.
Result<void> forget(Store& store, Partition partition) {
  StoreBatch batch;
  for (std::size_t i = kFirstNewer; i <= kDimensions; ++i) {
    const std::string begin = counters_of(partition, static_cast<Dimension>(i));
    batch.erase_range(Space::Counters, begin, prefix_end(begin));
  }
  return store.write(batch, Durability::Buffered);
}

}  // namespace

Result<void> count_newer_dimensions(Store& store) {
  std::map<Partition, CounterBatch> counters;
  Result<void> failed;
  std::size_t records = 0;
  auto scanned =
      store.scan(Space::Ledger, "", "", [&](std::string_view key, std::string_view value) {
        const auto row = parse_ledger_key(key);
        if (!row || row->is_unmatched || row->is_erased) return true;
        auto record = decode_ledger(value);
        if (!record) {
          failed = std::unexpected(std::move(record.error()));
          return false;
        }
        auto found = counters.find(row->partition);
        if (found == counters.end()) {
          failed = forget(store, row->partition);
          if (!failed) return false;
          found = counters.try_emplace(row->partition, store, row->partition).first;
        }
        ContributionSink sink;
        sink.count = [&](const SeriesView& series, Minute minute, const Measures& measures) {
          if (std::to_underlying(series.dimension) < kFirstNewer) return;
          found->second.add(series, minute, measures, std::nullopt);
        };
        sink.author = [](const SeriesView&, Hour) {};
        contributions(*record, sink);
        if (++records % kRecordsInBatch == 0) failed = write(store, counters);
        return failed.has_value();
      });
  if (!scanned) return scanned;
  if (!failed) return failed;
  return write(store, counters);
}

}  // namespace vigie
