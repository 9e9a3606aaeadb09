// Counters: 0x01 partition:u16 dimension:u8 id:text granularity:u8 bucket:u32 -> 0x01 mask:varint
// values
//
// `bucket` has its sign bit turned, so that years before 1970 sort first. `mask` has a bit for each
// measure that is not zero; the values follow in the order of the bits, as signed varints. A bucket
// of zeros is not stored.
#include "state/counters.h"

#include <algorithm>
#include <array>
#include <map>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "pipeline/core/bytes.h"

namespace vigie {
namespace {

constexpr char kVersion = '\x01';
constexpr std::array<std::string_view, 9> kDimensions = {
    "", "all", "network", "brand", "competitor", "theme", "campaign", "queue", "kind"};
constexpr std::array<std::string_view, kMeasures> kMeasureNames = {
    "mentions", "own", "questions", "likes", "replies", "shares", "views", "clicks", "conversions"};

void put_series(std::string& key, Partition partition, Dimension dimension, std::string_view id) {
  key += kVersion;
  put_fixed(key, static_cast<std::uint16_t>(number(partition)));
  key += static_cast<char>(dimension);
  put_text(key, id);
}

void put_bucket(std::string& key, std::int32_t bucket) {
  put_fixed(key, static_cast<std::uint32_t>(bucket) ^ 0x80000000U);
}

std::string encode(const Measures& value) {
  std::uint64_t mask = 0;
  for (std::size_t i = 0; i < kMeasures; ++i) {
    if (value[i] != 0) mask |= std::uint64_t{1} << i;
  }
  std::string bytes(1, kVersion);
  put_varint(bytes, mask);
  for (const std::int64_t measure : value) {
    if (measure != 0) put_signed(bytes, measure);
  }
  return bytes;
}

bool is_zero(const Measures& value) {
  return std::ranges::all_of(value, [](std::int64_t measure) { return measure == 0; });
}

}  // namespace

std::string_view name(Dimension dimension) {
  return kDimensions[static_cast<std::size_t>(dimension)];
}

std::optional<Dimension> parse_dimension(std::string_view text) {
  for (std::size_t i = 1; i < kDimensions.size(); ++i) {
    if (kDimensions[i] == text) return static_cast<Dimension>(i);
  }
  return std::nullopt;
}

std::string_view name(Measure measure) {
  return kMeasureNames[static_cast<std::size_t>(measure)];
}

std::optional<Measure> parse_measure(std::string_view text) {
  for (std::size_t i = 0; i < kMeasureNames.size(); ++i) {
    if (kMeasureNames[i] == text) return static_cast<Measure>(i);
  }
  return std::nullopt;
}

std::optional<CounterKey> parse_counter_key(std::string_view key) {
  ByteReader bytes(key);
  CounterKey parsed;
  if (bytes.fixed<char>() != kVersion) return std::nullopt;
  parsed.partition = Partition{bytes.fixed<std::uint16_t>()};
  const auto dimension = bytes.fixed<std::uint8_t>();
  parsed.series.id = bytes.text();
  const auto granularity = bytes.fixed<std::uint8_t>();
  parsed.bucket = static_cast<std::int32_t>(bytes.fixed<std::uint32_t>() ^ 0x80000000U);
  const bool granular = granularity == std::to_underlying(Granularity::Minute) ||
                        granularity == std::to_underlying(Granularity::Hour);
  if (!bytes.ok() || !bytes.at_end() || dimension == 0 || dimension >= kDimensions.size() ||
      !granular) {
    return std::nullopt;
  }
  parsed.series.dimension = static_cast<Dimension>(dimension);
  parsed.granularity = static_cast<Granularity>(granularity);
  return parsed;
}

std::optional<Measures> parse_counter_value(std::string_view value) {
  ByteReader bytes(value);
  if (bytes.fixed<char>() != kVersion) return std::nullopt;
  const std::uint64_t mask = bytes.varint();
  if (mask >> kMeasures != 0) return std::nullopt;
  Measures measures{};
  for (std::size_t i = 0; i < kMeasures; ++i) {
    if ((mask >> i & 1) != 0) measures[i] = bytes.signed_varint();
  }
  if (!bytes.ok()) return std::nullopt;
  return measures;
}

bool counter_expired(Granularity granularity, std::int32_t bucket, Time stream_time) {
  if (granularity == Granularity::Minute) {
    return start_of_minute(bucket) <= stream_time - kMinutesKept;
  }
  return start_of_hour(bucket) <= stream_time - kHoursKept;
}

bool counter_expired(std::string_view key, Time stream_time) {
  const auto parsed = parse_counter_key(key);
  return parsed && counter_expired(parsed->granularity, parsed->bucket, stream_time);
}

struct CounterBatch::Impl {
  const Store& store;
  Partition partition;
  std::unordered_map<std::string, Measures> additions;
  std::unordered_map<std::string, Measures> unsettled;  // flushed, not yet in the store
  std::string scratch;
};

CounterBatch::CounterBatch(const Store& store, Partition partition)
    : impl_(new Impl{store, partition, {}, {}, {}}) {}
CounterBatch::~CounterBatch() = default;
CounterBatch::CounterBatch(CounterBatch&&) noexcept = default;
CounterBatch& CounterBatch::operator=(CounterBatch&&) noexcept = default;

void CounterBatch::add(const Series& series, Minute minute, const Measures& delta,
                       std::optional<Time> stream_time) {
  std::string& key = impl_->scratch;
  key.clear();
  put_series(key, impl_->partition, series.dimension, series.id);
  const std::size_t stem = key.size();
  const auto book = [&](Granularity granularity, std::int32_t bucket) {
    if (stream_time && counter_expired(granularity, bucket, *stream_time)) return;
    key.resize(stem);
    key += static_cast<char>(granularity);
    put_bucket(key, bucket);
    Measures& sum = impl_->additions[key];
    for (std::size_t i = 0; i < kMeasures; ++i) sum[i] += delta[i];
  };
  book(Granularity::Minute, minute);
  book(Granularity::Hour, hour_of_minute(minute));
}

void CounterBatch::settled() {
  impl_->unsettled.clear();
}

Result<std::vector<CounterBatch::Change>> CounterBatch::flush(StoreBatch& batch) {
  std::vector<std::pair<std::string, Measures>> additions;
  additions.reserve(impl_->additions.size());
  for (auto& [key, sum] : impl_->additions) {
    if (!is_zero(sum)) additions.emplace_back(key, sum);
  }
  impl_->additions.clear();
  std::ranges::sort(additions, {}, &std::pair<std::string, Measures>::first);
  std::vector<std::string_view> keys;
  keys.reserve(additions.size());
  for (const auto& [key, sum] : additions) keys.push_back(key);
  auto stored = impl_->store.get_many(Space::Counters, keys);
  if (!stored) return std::unexpected(std::move(stored.error()));

  std::vector<Change> changes;
  changes.reserve(additions.size());
  for (std::size_t i = 0; i < additions.size(); ++i) {
    const auto parsed = parse_counter_key(additions[i].first);
    Measures value{};
    if (const auto it = impl_->unsettled.find(additions[i].first); it != impl_->unsettled.end()) {
      value = it->second;
    } else if ((*stored)[i]) {
      const auto old = parse_counter_value(*(*stored)[i]);
      if (!old) return fail(Code::Corrupt, "counters: a stored value is damaged");
      value = *old;
    }
    for (std::size_t k = 0; k < kMeasures; ++k) value[k] += additions[i].second[k];
    impl_->unsettled[additions[i].first] = value;
    Change& change = changes.emplace_back();
    change.series = parsed->series;
    change.granularity = parsed->granularity;
    change.bucket = parsed->bucket;
    change.value = value;
    change.key = std::move(additions[i].first);
    if (is_zero(value)) {
      batch.erase(Space::Counters, change.key);
    } else {
      change.bytes = encode(value);
      batch.put(Space::Counters, change.key, *change.bytes);
    }
  }
  return changes;
}

CounterReader::CounterReader(const Store& store, std::int32_t partitions)
    : store_(store), partitions_(partitions) {}

Result<std::vector<CounterReader::Bucket>> CounterReader::series(const Series& series,
                                                                 Granularity granularity,
                                                                 std::int32_t first,
                                                                 std::int32_t last) const {
  std::map<std::int32_t, Measures> sums;
  for (std::int32_t partition = 0; partition < partitions_; ++partition) {
    std::string begin;
    put_series(begin, Partition{partition}, series.dimension, series.id);
    begin += static_cast<char>(granularity);
    std::string end = begin;
    put_bucket(begin, first);
    put_bucket(end, last);
    end += '\0';
    bool damaged = false;
    auto scanned =
        store_.scan(Space::Counters, begin, end, [&](std::string_view key, std::string_view value) {
          const auto parsed = parse_counter_key(key);
          const auto measures = parse_counter_value(value);
          if (!parsed || !measures) {
            damaged = true;
            return false;
          }
          Measures& sum = sums[parsed->bucket];
          for (std::size_t i = 0; i < kMeasures; ++i) sum[i] += (*measures)[i];
          return true;
        });
    if (!scanned) return std::unexpected(std::move(scanned.error()));
    if (damaged) return fail(Code::Corrupt, "counters: a stored value is damaged");
  }
  std::vector<Bucket> buckets;
  for (const auto& [bucket, sum] : sums) {
    if (!is_zero(sum)) buckets.push_back({bucket, sum});
  }
  return buckets;
}

Result<void> CounterReader::dump(std::optional<Time> stream_time,
                                 const std::function<void(Dimension, std::string_view, Measure,
                                                          Hour, std::int64_t)>& visit) const {
  using Line =
      std::tuple<std::string_view, std::string, std::string_view, Hour, Dimension, Measure>;
  std::map<Line, std::int64_t> lines;
  bool damaged = false;
  auto scanned =
      store_.scan(Space::Counters, "", "", [&](std::string_view key, std::string_view value) {
        const auto parsed = parse_counter_key(key);
        const auto measures = parse_counter_value(value);
        if (!parsed || !measures) {
          damaged = true;
          return false;
        }
        if (parsed->granularity != Granularity::Hour) return true;
        if (stream_time && counter_expired(Granularity::Hour, parsed->bucket, *stream_time)) {
          return true;
        }
        for (std::size_t i = 0; i < kMeasures; ++i) {
          if ((*measures)[i] == 0) continue;
          const auto measure = static_cast<Measure>(i);
          lines[{name(parsed->series.dimension), parsed->series.id, name(measure), parsed->bucket,
                 parsed->series.dimension, measure}] += (*measures)[i];
        }
        return true;
      });
  if (!scanned) return scanned;
  if (damaged) return fail(Code::Corrupt, "counters: a stored value is damaged");
  for (const auto& [line, value] : lines) {
    const auto& [dimension_name, id, measure_name, hour, dimension, measure] = line;
    if (value != 0) visit(dimension, id, measure, hour, value);
  }
  return {};
}

Result<std::vector<std::string>> CounterReader::ids(Dimension dimension) const {
  std::vector<std::string> ids;
  for (std::int32_t partition = 0; partition < partitions_; ++partition) {
    std::string begin(1, kVersion);
    put_fixed(begin, static_cast<std::uint16_t>(partition));
    begin += static_cast<char>(dimension);
    std::string next = begin;
    const std::string end = prefix_end(begin);
    // Leaps from one id to the first key beyond it.
    while (true) {
      std::optional<std::string> found;
      auto scanned =
          store_.scan(Space::Counters, next, end, [&](std::string_view key, std::string_view) {
            const auto parsed = parse_counter_key(key);
            if (parsed) found = parsed->series.id;
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
