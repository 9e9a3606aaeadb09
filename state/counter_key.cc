// Counters:
//   0x01 partition:u16 dimension:u8 id:text            granularity:u8 bucket:u32             ->
//   value 0x01 partition:u16 dimension:u8 id:text other:text granularity:u8 bucket:u32 -> value
//   0x01 partition:u16 dimension:u8 id:text            granularity:u8 bucket:u32 other:bytes ->
//   value value := 0x01 mask:varint value:signed*
//
// The second form is that of pairs, the third that of pairs which are ranked: all of one hour stand
// together. `bucket` has its sign bit turned, so that years before 1970 sort first. `mask` has a
// bit for each measure that is not zero; the values follow in the order of the bits. A bucket of
// zeros is not stored.
#include "state/counter_key.h"

#include <algorithm>
#include <utility>

#include "pipeline/core/bytes.h"

namespace vigie {
namespace {

constexpr char kVersion = '\x01';
constexpr std::array<std::string_view, kDimensions + 1> kNames = {"",
                                                                  "all",
                                                                  "network",
                                                                  "brand",
                                                                  "competitor",
                                                                  "theme",
                                                                  "campaign",
                                                                  "queue",
                                                                  "kind",
                                                                  "author",
                                                                  "country",
                                                                  "city",
                                                                  "hashtag",
                                                                  "theme×network",
                                                                  "campaign×network",
                                                                  "theme×kind",
                                                                  "campaign×ambassador",
                                                                  "theme×hashtag",
                                                                  "theme×link",
                                                                  "theme×author",
                                                                  "ambassador",
                                                                  "ambassador×author",
                                                                  "author×brand"};
constexpr std::array<std::string_view, kMeasures> kMeasureNames = {
    "mentions", "own", "questions", "likes", "replies", "shares", "views", "clicks", "conversions"};
constexpr std::string_view kJoint = "×";
constexpr std::uint32_t kSign = 0x80000000U;

}  // namespace

std::string_view name(Dimension dimension) {
  return kNames[static_cast<std::size_t>(dimension)];
}

std::optional<Dimension> parse_dimension(std::string_view text) {
  for (std::size_t i = 1; i < kNames.size(); ++i) {
    if (kNames[i] == text) return static_cast<Dimension>(i);
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

std::string id_text(const SeriesView& series) {
  std::string text(series.id);
  if (is_pair(series.dimension)) text.append(kJoint).append(series.other);
  return text;
}

std::optional<Series> series_of(Dimension dimension, std::string_view id_text) {
  if (!is_pair(dimension)) return Series{dimension, std::string(id_text), {}};
  const std::size_t joint = id_text.find(kJoint);
  if (joint == std::string_view::npos) return std::nullopt;
  return Series{dimension, std::string(id_text.substr(0, joint)),
                std::string(id_text.substr(joint + kJoint.size()))};
}

void CounterStem::append_key(std::string& out, Granularity granularity, std::int32_t bucket) const {
  out += before;
  out += static_cast<char>(granularity);
  put_fixed(out, static_cast<std::uint32_t>(bucket) ^ kSign);
  out += after;
}

std::string counters_of(Partition partition) {
  std::string key(1, kVersion);
  put_fixed(key, static_cast<std::uint16_t>(number(partition)));
  return key;
}

std::string counters_of(Partition partition, Dimension dimension) {
  return counters_of(partition) + static_cast<char>(dimension);
}

CounterStem counter_stem(Partition partition, const SeriesView& series) {
  CounterStem stem{counters_of(partition, series.dimension), {}};
  put_text(stem.before, series.id);
  if (is_ranked(series.dimension)) {
    stem.after = series.other;
  } else if (is_pair(series.dimension)) {
    put_text(stem.before, series.other);
  }
  return stem;
}

std::string counter_key(const CounterKey& key) {
  std::string out;
  counter_stem(key.partition, key.series).append_key(out, key.granularity, key.bucket);
  return out;
}

std::optional<CounterKey> parse_counter_key(std::string_view key) {
  ByteReader bytes(key);
  CounterKey parsed;
  if (bytes.fixed<char>() != kVersion) return std::nullopt;
  parsed.partition = Partition{bytes.fixed<std::uint16_t>()};
  const auto dimension = bytes.fixed<std::uint8_t>();
  if (dimension == 0 || dimension > kDimensions) return std::nullopt;
  parsed.series.dimension = static_cast<Dimension>(dimension);
  parsed.series.id = bytes.text();
  const bool ranked = is_ranked(parsed.series.dimension);
  if (is_pair(parsed.series.dimension) && !ranked) parsed.series.other = bytes.text();
  const auto granularity = bytes.fixed<std::uint8_t>();
  parsed.bucket = static_cast<std::int32_t>(bytes.fixed<std::uint32_t>() ^ kSign);
  if (ranked && bytes.ok()) {
    parsed.series.other = bytes.rest();
  } else if (!bytes.at_end()) {
    return std::nullopt;
  }
  const bool granular = granularity == std::to_underlying(Granularity::Minute) ||
                        granularity == std::to_underlying(Granularity::Hour);
  if (!bytes.ok() || !granular) return std::nullopt;
  parsed.granularity = static_cast<Granularity>(granularity);
  return parsed;
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

bool is_zero(const Measures& value) {
  return std::ranges::all_of(value, [](std::int64_t measure) { return measure == 0; });
}

bool counter_expired(Dimension dimension, Granularity granularity, std::int32_t bucket,
                     Time stream_time) {
  const Time start =
      granularity == Granularity::Minute ? start_of_minute(bucket) : start_of_hour(bucket);
  return start <= stream_time - kept_for(dimension, granularity);
}

bool hour_is_frozen(Hour hour, Time stream_time) {
  return start_of_hour(hour) <= stream_time - kHoursKept;
}

bool counter_expired(std::string_view key, Time stream_time) {
  const auto parsed = parse_counter_key(key);
  return parsed && counter_expired(parsed->series.dimension, parsed->granularity, parsed->bucket,
                                   stream_time);
}

}  // namespace vigie
