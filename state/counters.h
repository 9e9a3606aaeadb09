#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/core/clock.h"
#include "pipeline/core/error.h"
#include "pipeline/core/ids.h"
#include "state/store.h"

namespace vigie {

// What a counter counts by. The numbers are stored; new ones are added at the end.
enum class Dimension : std::uint8_t {
  All = 1,
  Network,
  Brand,
  Competitor,
  Theme,
  Campaign,
  Queue,
  Kind,
};
std::string_view name(Dimension dimension);
std::optional<Dimension> parse_dimension(std::string_view text);

// What is counted. The numbers are stored; new ones are added at the end.
enum class Measure : std::uint8_t {
  Mentions = 0,
  Own,
  Questions,
  Likes,
  Replies,
  Shares,
  Views,
  Clicks,
  Conversions,
};
constexpr std::size_t kMeasures = 9;
std::string_view name(Measure measure);
std::optional<Measure> parse_measure(std::string_view text);

using Measures = std::array<std::int64_t, kMeasures>;

struct Series {
  Dimension dimension = Dimension::All;
  std::string id;  // "all", a network, a theme's id
  friend bool operator==(const Series&, const Series&) = default;
};

enum class Granularity : std::uint8_t { Minute = 'm', Hour = 'h' };

constexpr std::chrono::hours kMinutesKept{25};
constexpr std::chrono::hours kHoursKept{35 * 24};

// Adds up what one worker's batch changes and turns it into absolute values in one store write. One
// thread; `store` outlives it. A batch may be flushed several times before it is written; what was
// flushed is remembered until `settled` says that the write is done.
class CounterBatch {
 public:
  CounterBatch(const Store& store, Partition partition);
  ~CounterBatch();
  CounterBatch(CounterBatch&&) noexcept;
  CounterBatch& operator=(CounterBatch&&) noexcept;

  // Adds to the minute and the hour bucket of `minute`. Buckets no longer kept at `stream_time` are
  // left alone; without one nothing is past its keeping.
  void add(const Series& series, Minute minute, const Measures& delta,
           std::optional<Time> stream_time);

  // One bucket with its new absolute value; all zero when it vanished.
  struct Change {
    Series series;
    Granularity granularity = Granularity::Minute;
    std::int32_t bucket = 0;
    Measures value{};
    std::string key;                   // in Space::Counters
    std::optional<std::string> bytes;  // stored form; none when it vanished
  };
  // The batch that flushes went into is written: the store has every value.
  void settled();

  // Reads the old values, puts the new ones into `batch` and forgets the additions. Sorted by key;
  // a bucket whose additions cancel out is not among them.
  Result<std::vector<Change>> flush(StoreBatch& batch);

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
  // Buckets from `first` to `last`, both included, in order; zero ones are left out.
  Result<std::vector<Bucket>> series(const Series& series, Granularity granularity,
                                     std::int32_t first, std::int32_t last) const;

  // Every hour bucket that is kept at `stream_time` (all, when it is empty), in the order of
  // (dimension name, id, measure name, hour), summed over partitions; `visit` gets one non-zero
  // value a call.
  Result<void> dump(std::optional<Time> stream_time,
                    const std::function<void(Dimension, std::string_view id, Measure, Hour,
                                             std::int64_t value)>& visit) const;

  // Ids of a dimension that have a bucket.
  Result<std::vector<std::string>> ids(Dimension dimension) const;

 private:
  const Store& store_;
  std::int32_t partitions_;
};

// The series, granularity and bucket of a stored counter; empty when the key has another form.
struct CounterKey {
  Partition partition{};
  Series series;
  Granularity granularity = Granularity::Minute;
  std::int32_t bucket = 0;
};
std::optional<CounterKey> parse_counter_key(std::string_view key);
std::optional<Measures> parse_counter_value(std::string_view value);

// Whether a bucket is past its keeping at `stream_time`.
bool counter_expired(Granularity granularity, std::int32_t bucket, Time stream_time);
// The same of a stored key, for the store's compaction.
bool counter_expired(std::string_view key, Time stream_time);

}  // namespace vigie
