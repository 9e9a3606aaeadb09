#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/core/clock.h"
#include "pipeline/core/error.h"
#include "pipeline/core/ids.h"
#include "state/counter_key.h"
#include "state/store.h"

namespace vigie {

// Adds up what one worker's batch changes and turns it into absolute values in one store write. One
// thread; `store` outlives it. What was flushed is remembered until `settled` says that it is
// written.
class CounterBatch {
 public:
  CounterBatch(const Store& store, Partition partition);
  ~CounterBatch();
  CounterBatch(CounterBatch&&) noexcept;
  CounterBatch& operator=(CounterBatch&&) noexcept;

  // Adds to the minute (where the dimension has minutes) and the hour bucket of `minute`. Buckets
  // that are no longer kept at `stream_time`, or frozen, are left alone; without one nothing is.
  void add(const SeriesView& series, Minute minute, const Measures& delta,
           std::optional<Time> stream_time);

  // A series to which more is added at once. Valid until the next changes() or flush.
  class Handle {
   private:
    friend class CounterBatch;
    std::uint32_t index_ = 0;
  };
  Handle handle(const SeriesView& series);
  void add(Handle series, Minute minute, const Measures& delta, std::optional<Time> stream_time);

  // One bucket with its new absolute value; all zero when it vanished.
  struct Change {
    Series series;
    Granularity granularity = Granularity::Minute;
    std::int32_t bucket = 0;
    Measures value{};
    std::string key;                   // in Space::Counters
    std::optional<std::string> bytes;  // stored form; none when it vanished; of flush() alone
  };
  // The buckets to which was added since the last call or flush, as they stand in the middle of a
  // batch: flush() has them all the same. Sorted by key; one whose additions cancel out is not
  // among them.
  Result<std::vector<Change>> changes();

  // Puts the value of every bucket that changed since the last flush into `batch`. Sorted by key.
  Result<std::vector<Change>> flush(StoreBatch& batch);

  // The batch that flushes went into is written: the store has every value.
  void settled();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Reads counters of all partitions of a store. Any thread.
class CounterReader {
 public:
  explicit CounterReader(const Store& store, std::int32_t partitions);

  struct Bucket {
    std::int32_t bucket = 0;  // a Minute or an Hour
    Measures value{};
  };
  // Buckets from `first` to `last`, both included, in order; zero ones are left out. Of a dimension
  // without minutes only hours.
  Result<std::vector<Bucket>> series(const SeriesView& series, Granularity granularity,
                                     std::int32_t first, std::int32_t last) const;

  // What each id of a dimension came to in the hours from `first` to `last`, both included: of a
  // pair, each other half that `id` has; else each id (and `id` is empty). Exact. Invalid when
  // there are more than `most` of them.
  using Totals = std::map<std::string, Measures, std::less<>>;
  Result<Totals> totals(Dimension dimension, std::string_view id, Hour first, Hour last,
                        std::size_t most) const;

  // Each stored hour bucket of a dimension from `first` to `last`, both included, one partition's
  // after the other's, until `visit` answers false; of those whose first half is `id`, if the
  // dimension is a pair. Not for ranked pairs.
  Result<void> each_hour(
      Dimension dimension, std::string_view id, Hour first, Hour last,
      const std::function<bool(const CounterKey&, const Measures&)>& visit) const;

  // Every hour bucket that is kept at `stream_time` (all, when it is empty), in the order of
  // (dimension name, id, measure name, hour), summed over partitions; `visit` gets one non-zero
  // value a call. Holds one dimension in memory at a time.
  Result<void> dump(std::optional<Time> stream_time,
                    const std::function<void(Dimension, std::string_view id, Measure, Hour,
                                             std::int64_t value)>& visit) const;

  // Those that have a counter, in order: also of a store that another configuration wrote.
  Result<std::vector<Partition>> present() const;

  // Ids of a dimension that is no pair which have a bucket.
  Result<std::vector<std::string>> ids(Dimension dimension) const;

 private:
  Result<std::vector<Bucket>> ranked(const SeriesView& series, Hour first, Hour last) const;

  const Store& store_;
  std::int32_t partitions_;
};

}  // namespace vigie
