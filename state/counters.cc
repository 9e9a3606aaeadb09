#include "state/counters.h"

#include <algorithm>
#include <tuple>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "pipeline/core/bytes.h"

namespace vigie {
namespace {

Error damaged() {
  return {Code::Corrupt, "counters: a stored value is damaged"};
}

// Reads each counter in [begin, end) until `visit` answers false.
Result<void> scan_counters(const Store& store, std::string_view begin, std::string_view end,
                           const std::function<bool(CounterKey&&, const Measures&)>& visit) {
  bool is_whole = true;
  auto scanned =
      store.scan(Space::Counters, begin, end, [&](std::string_view key, std::string_view value) {
        auto parsed = parse_counter_key(key);
        const auto measures = parse_counter_value(value);
        is_whole = parsed && measures;
        return is_whole && visit(std::move(*parsed), *measures);
      });
  if (!scanned) return scanned;
  if (!is_whole) return std::unexpected(damaged());
  return {};
}

}  // namespace

struct CounterBatch::Impl {
  struct Of {
    Series series;
    CounterStem stem;
  };
  // Series, granularity and bucket in one number.
  static std::uint64_t slot(std::uint32_t index, Granularity granularity, std::int32_t bucket) {
    const std::uint64_t hours = granularity == Granularity::Hour ? 1 : 0;
    return std::uint64_t{index} << 33 | hours << 32 | static_cast<std::uint32_t>(bucket);
  }
  static Granularity granularity_of(std::uint64_t slot) {
    return (slot >> 32 & 1) != 0 ? Granularity::Hour : Granularity::Minute;
  }
  static std::int32_t bucket_of(std::uint64_t slot) {
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(slot));
  }

  const Store& store;
  Partition partition;
  std::vector<Of> series;
  std::unordered_map<std::string, std::uint32_t> indices;  // by both pieces of the stem
  std::unordered_map<std::uint64_t, Measures> additions;   // by slot
  // Of every bucket that changed and is not yet in the store, by its key there.
  struct Pending {
    Measures value{};
    Series series;
    Granularity granularity = Granularity::Minute;
    std::int32_t bucket = 0;
    bool is_flushed = false;
  };
  std::unordered_map<std::string, Pending> unsettled;
  std::string scratch;
};

CounterBatch::CounterBatch(const Store& store, Partition partition)
    : impl_(new Impl{store, partition, {}, {}, {}, {}, {}}) {}
CounterBatch::~CounterBatch() = default;
CounterBatch::CounterBatch(CounterBatch&&) noexcept = default;
CounterBatch& CounterBatch::operator=(CounterBatch&&) noexcept = default;

CounterBatch::Handle CounterBatch::handle(const SeriesView& series) {
  Impl& impl = *impl_;
  impl.scratch.assign(1, static_cast<char>(series.dimension));
  put_text(impl.scratch, series.id);
  impl.scratch += series.other;
  const auto [found, added] =
      impl.indices.try_emplace(impl.scratch, static_cast<std::uint32_t>(impl.series.size()));
  if (added) {
    impl.series.push_back({{series.dimension, std::string(series.id), std::string(series.other)},
                           counter_stem(impl.partition, series)});
  }
  Handle handle;
  handle.index_ = found->second;
  return handle;
}

void CounterBatch::add(Handle series, Minute minute, const Measures& delta,
                       std::optional<Time> stream_time) {
  const Dimension dimension = impl_->series[series.index_].series.dimension;
  const auto book = [&](Granularity granularity, std::int32_t bucket) {
    if (stream_time && counter_expired(dimension, granularity, bucket, *stream_time)) return;
    add_to(impl_->additions[Impl::slot(series.index_, granularity, bucket)], delta);
  };
  const Hour hour = hour_of_minute(minute);
  if (stream_time && hour_is_frozen(hour, *stream_time)) return;
  if (has_minutes(dimension)) book(Granularity::Minute, minute);
  book(Granularity::Hour, hour);
}

void CounterBatch::add(const SeriesView& series, Minute minute, const Measures& delta,
                       std::optional<Time> stream_time) {
  add(handle(series), minute, delta, stream_time);
}

void CounterBatch::settled() {
  impl_->unsettled.clear();
}

Result<std::vector<CounterBatch::Change>> CounterBatch::changes() {
  Impl& impl = *impl_;
  // Keys are sorted by their places: what belongs to them is large to move.
  struct Sum {
    std::string key;
    std::uint64_t slot;
    const Measures* value;
  };
  std::vector<Sum> sums;
  sums.reserve(impl.additions.size());
  for (const auto& [slot, sum] : impl.additions) {
    if (is_zero(sum)) continue;
    Sum& one = sums.emplace_back(std::string(), slot, &sum);
    impl.series[slot >> 33].stem.append_key(one.key, Impl::granularity_of(slot),
                                            Impl::bucket_of(slot));
  }
  std::ranges::sort(sums, {}, &Sum::key);
  std::vector<Change> changes;
  changes.reserve(sums.size());
  for (Sum& one : sums) {
    Change& change = changes.emplace_back();
    change.series = impl.series[one.slot >> 33].series;
    change.granularity = Impl::granularity_of(one.slot);
    change.bucket = Impl::bucket_of(one.slot);
    change.value = *one.value;
    change.key = std::move(one.key);
  }
  impl.additions.clear();
  impl.series.clear();
  impl.indices.clear();

  // What is pending is not read again.
  std::vector<std::string_view> keys;
  std::vector<Impl::Pending*> pending;
  std::vector<Impl::Pending*> unread;
  keys.reserve(changes.size());
  pending.reserve(changes.size());
  for (const Change& change : changes) {
    const auto [found, first] = impl.unsettled.try_emplace(change.key);
    pending.push_back(&found->second);
    if (!first) continue;
    found->second.series = change.series;
    found->second.granularity = change.granularity;
    found->second.bucket = change.bucket;
    keys.push_back(found->first);
    unread.push_back(&found->second);
  }
  auto stored = impl.store.get_many(Space::Counters, keys);
  if (!stored) return std::unexpected(std::move(stored.error()));
  for (std::size_t i = 0; i < unread.size(); ++i) {
    if (!(*stored)[i]) continue;
    const auto old = parse_counter_value(*(*stored)[i]);
    if (!old) return std::unexpected(damaged());
    unread[i]->value = *old;
  }
  for (std::size_t i = 0; i < changes.size(); ++i) {
    add_to(pending[i]->value, changes[i].value);
    changes[i].value = pending[i]->value;
    pending[i]->is_flushed = false;
  }
  return changes;
}

Result<std::vector<CounterBatch::Change>> CounterBatch::flush(StoreBatch& batch) {
  auto since = changes();
  if (!since) return since;
  using Entry = std::pair<const std::string, Impl::Pending>;
  std::vector<Entry*> entries;
  entries.reserve(impl_->unsettled.size());
  for (Entry& entry : impl_->unsettled) {
    if (!std::exchange(entry.second.is_flushed, true)) entries.push_back(&entry);
  }
  std::ranges::sort(entries, {},
                    [](const Entry* entry) -> const std::string& { return entry->first; });
  std::vector<Change> all;
  all.reserve(entries.size());
  for (const Entry* entry : entries) {
    const auto& [key, pending] = *entry;
    Change& change = all.emplace_back(Change{.series = pending.series,
                                             .granularity = pending.granularity,
                                             .bucket = pending.bucket,
                                             .value = pending.value,
                                             .key = key,
                                             .bytes = {}});
    if (is_zero(change.value)) {
      batch.erase(Space::Counters, change.key);
    } else {
      change.bytes = encode(change.value);
      batch.put(Space::Counters, change.key, *change.bytes);
    }
  }
  return all;
}

CounterReader::CounterReader(const Store& store, std::int32_t partitions)
    : store_(store), partitions_(partitions) {}

Result<std::vector<CounterReader::Bucket>> CounterReader::series(const SeriesView& series,
                                                                 Granularity granularity,
                                                                 std::int32_t first,
                                                                 std::int32_t last) const {
  if (granularity == Granularity::Minute && !has_minutes(series.dimension)) {
    return fail(Code::Invalid, fmt::format("{} is counted by the hour", name(series.dimension)));
  }
  if (is_ranked(series.dimension)) return ranked(series, first, last);
  std::map<std::int32_t, Measures> sums;
  for (std::int32_t partition = 0; partition < partitions_; ++partition) {
    const CounterStem stem = counter_stem(Partition{partition}, series);
    std::string begin;
    stem.append_key(begin, granularity, first);
    std::string end;
    stem.append_key(end, granularity, last);
    end += '\0';
    auto scanned =
        scan_counters(store_, begin, end, [&](CounterKey&& key, const Measures& measures) {
          add_to(sums[key.bucket], measures);
          return true;
        });
    if (!scanned) return std::unexpected(std::move(scanned.error()));
  }
  std::vector<Bucket> buckets;
  for (const auto& [bucket, sum] : sums) {
    if (!is_zero(sum)) buckets.push_back({bucket, sum});
  }
  return buckets;
}

// An hour of these is one range, so the hours of one series lie apart.
Result<std::vector<CounterReader::Bucket>> CounterReader::ranked(const SeriesView& series,
                                                                 Hour first, Hour last) const {
  std::map<std::int32_t, Measures> sums;
  for (std::int32_t partition = 0; partition < partitions_; ++partition) {
    const CounterStem stem = counter_stem(Partition{partition}, series);
    std::vector<std::string> keys;
    for (std::int64_t hour = first; hour <= last; ++hour) {
      stem.append_key(keys.emplace_back(), Granularity::Hour, static_cast<Hour>(hour));
    }
    auto stored =
        store_.get_many(Space::Counters, std::vector<std::string_view>(keys.begin(), keys.end()));
    if (!stored) return std::unexpected(std::move(stored.error()));
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (!(*stored)[i]) continue;
      const auto measures = parse_counter_value(*(*stored)[i]);
      if (!measures) return std::unexpected(damaged());
      add_to(sums[first + static_cast<Hour>(i)], *measures);
    }
  }
  std::vector<Bucket> buckets;
  for (const auto& [bucket, sum] : sums) {
    if (!is_zero(sum)) buckets.push_back({bucket, sum});
  }
  return buckets;
}

Result<void> CounterReader::each_hour(
    Dimension dimension, std::string_view id, Hour first, Hour last,
    const std::function<bool(const CounterKey&, const Measures&)>& visit) const {
  bool goes_on = true;
  for (std::int32_t partition = 0; partition < partitions_ && goes_on; ++partition) {
    std::string begin = counters_of(Partition{partition}, dimension);
    if (is_pair(dimension)) put_text(begin, id);
    auto scanned = scan_counters(
        store_, begin, prefix_end(begin), [&](CounterKey&& key, const Measures& measures) {
          const bool asked =
              key.granularity == Granularity::Hour && key.bucket >= first && key.bucket <= last;
          goes_on = !asked || visit(key, measures);
          return goes_on;
        });
    if (!scanned) return scanned;
  }
  return {};
}

Result<CounterReader::Totals> CounterReader::totals(Dimension dimension, std::string_view id,
                                                    Hour first, Hour last, std::size_t most) const {
  Totals totals;
  bool too_many = false;
  const auto add = [&](std::string_view of, const Measures& measures) {
    auto found = totals.find(of);
    if (found == totals.end()) {
      too_many = totals.size() == most;
      if (too_many) return false;
      found = totals.emplace(of, Measures{}).first;
    }
    add_to(found->second, measures);
    return true;
  };
  const auto take = [&](CounterKey&& key, const Measures& measures) {
    const bool asked =
        key.granularity == Granularity::Hour && key.bucket >= first && key.bucket <= last;
    return !asked || add(is_pair(dimension) ? key.series.other : key.series.id, measures);
  };
  for (std::int32_t partition = 0; partition < partitions_ && !too_many; ++partition) {
    std::string begin = counters_of(Partition{partition}, dimension);
    if (is_pair(dimension)) put_text(begin, id);
    std::string end = prefix_end(begin);
    if (is_ranked(dimension)) {
      const CounterStem stem = counter_stem(Partition{partition}, {dimension, id});
      begin.clear();
      stem.append_key(begin, Granularity::Hour, first);
      std::string after;
      stem.append_key(after, Granularity::Hour, last);
      end = prefix_end(after);
    }
    auto scanned = scan_counters(store_, begin, end, take);
    if (!scanned) return std::unexpected(std::move(scanned.error()));
  }
  if (too_many) {
    return fail(Code::Invalid, fmt::format("{}: more than {} in this window; ask for a shorter one",
                                           name(dimension), most));
  }
  return totals;
}

Result<std::vector<Partition>> CounterReader::present() const {
  std::vector<Partition> partitions;
  std::string next;
  while (true) {
    std::optional<Partition> found;
    auto scanned = scan_counters(store_, next, "", [&](CounterKey&& key, const Measures&) {
      found = key.partition;
      return false;
    });
    if (!scanned) return std::unexpected(std::move(scanned.error()));
    if (!found) return partitions;
    partitions.push_back(*found);
    next = prefix_end(counters_of(*found));
  }
}

Result<void> CounterReader::dump(std::optional<Time> stream_time,
                                 const std::function<void(Dimension, std::string_view, Measure,
                                                          Hour, std::int64_t)>& visit) const {
  const auto partitions = present();
  if (!partitions) return std::unexpected(partitions.error());
  std::map<std::string_view, Dimension> dimensions;
  for (std::size_t i = 1; i <= kDimensions; ++i) {
    dimensions.emplace(name(static_cast<Dimension>(i)), static_cast<Dimension>(i));
  }
  for (const auto& [dimension_name, dimension] : dimensions) {
    using Line = std::tuple<std::string, std::string_view, Hour>;
    std::map<Line, std::pair<Measure, std::int64_t>> lines;
    const auto take = [&](CounterKey&& key, const Measures& measures) {
      const bool told =
          key.granularity == Granularity::Hour &&
          !(stream_time && counter_expired(dimension, Granularity::Hour, key.bucket, *stream_time));
      if (!told) return true;
      for (std::size_t i = 0; i < kMeasures; ++i) {
        if (measures[i] == 0) continue;
        const auto measure = static_cast<Measure>(i);
        auto& line = lines[{id_text(key.series), name(measure), key.bucket}];
        line.first = measure;
        line.second += measures[i];
      }
      return true;
    };
    for (const Partition partition : *partitions) {
      const std::string begin = counters_of(partition, dimension);
      auto scanned = scan_counters(store_, begin, prefix_end(begin), take);
      if (!scanned) return scanned;
    }
    for (const auto& [line, value] : lines) {
      const auto& [id, measure_name, hour] = line;
      if (value.second != 0) visit(dimension, id, value.first, hour, value.second);
    }
  }
  return {};
}

Result<std::vector<std::string>> CounterReader::ids(Dimension dimension) const {
  std::vector<std::string> ids;
  for (std::int32_t partition = 0; partition < partitions_; ++partition) {
    const std::string begin = counters_of(Partition{partition}, dimension);
    std::string next = begin;
    const std::string end = prefix_end(begin);
    // Leaps from one id to the first key beyond it.
    while (true) {
      std::optional<std::string> found;
      auto scanned = scan_counters(store_, next, end, [&](CounterKey&& key, const Measures&) {
        found = std::move(key.series.id);
        return false;
      });
      if (!scanned) return std::unexpected(std::move(scanned.error()));
      if (!found) break;
      ids.push_back(*found);
      std::string stem = begin;
      put_text(stem, *found);
      next = prefix_end(stem);
    }
  }
  std::ranges::sort(ids);
  const auto repeated = std::ranges::unique(ids);
  ids.erase(repeated.begin(), repeated.end());
  return ids;
}

}  // namespace vigie
