#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pipeline/core/clock.h"
#include "pipeline/core/ids.h"

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
  Author,
  Country,
  City,
  Hashtag,
  // Pairs: what the first one has in common with the second.
  ThemeNetwork,
  CampaignNetwork,
  ThemeKind,
  CampaignAmbassador,
  ThemeHashtag,
  ThemeLink,
  ThemeAuthor,
  // What reports about members are made from. They count `mentions` and `own`, no engagement.
  Ambassador,        // an account of the rules, `x:@ana`: what it wrote (own), what others wrote to
                     // or about it
  AmbassadorAuthor,  // the ambassador's answers (own) to an author
  AuthorBrand,       // an author's mentions of the brand
};
constexpr std::size_t kDimensions = 22;
// A pair is its halves joined by `×`.
std::string_view name(Dimension dimension);
std::optional<Dimension> parse_dimension(std::string_view text);

constexpr bool is_pair(Dimension dimension) {
  return dimension >= Dimension::ThemeNetwork && dimension != Dimension::Ambassador;
}
// Authors in these stand under KeyedHash erased(author): what an ambassador answered stays when the
// one who asked is erased.
constexpr bool is_of_members(Dimension dimension) {
  return dimension >= Dimension::Ambassador;
}
// Pairs whose largest are asked for: their keys stand hour by hour, so that an hour is one range.
constexpr bool is_ranked(Dimension dimension) {
  return dimension >= Dimension::ThemeHashtag && dimension <= Dimension::ThemeAuthor;
}
// Of these there are too many for a bucket a minute.
constexpr bool has_minutes(Dimension dimension) {
  return dimension != Dimension::Author && !is_ranked(dimension) && !is_of_members(dimension);
}
// Hours of these stay beyond the time in which they may change.
constexpr bool is_long(Dimension dimension) {
  return dimension == Dimension::Brand || dimension == Dimension::Theme ||
         dimension == Dimension::Campaign || dimension == Dimension::Network;
}

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
constexpr std::int64_t& at(Measures& measures, Measure measure) {
  return measures[static_cast<std::size_t>(measure)];
}
constexpr std::int64_t at(const Measures& measures, Measure measure) {
  return measures[static_cast<std::size_t>(measure)];
}

struct Series {
  Dimension dimension = Dimension::All;
  std::string id;     // "all", a network, a theme's id, an author key in hex, `FR/Lyon`
  std::string other;  // second half of a pair
  friend bool operator==(const Series&, const Series&) = default;
};
// The same without owning its texts.
struct SeriesView {
  Dimension dimension = Dimension::All;
  std::string_view id;
  std::string_view other;
  SeriesView(Dimension d, std::string_view i, std::string_view o = {})
      : dimension(d), id(i), other(o) {}
  SeriesView(const Series& series)  // NOLINT(google-explicit-constructor): a view of it
      : SeriesView(series.dimension, series.id, series.other) {}
};

// How an id is written: that of a pair is joined by `×`.
std::string id_text(const SeriesView& series);
// Its halves; nothing when a pair's is not joined. No theme or campaign has a `×` in its id, so the
// first one parts them.
std::optional<Series> series_of(Dimension dimension, std::string_view id_text);

enum class Granularity : std::uint8_t { Minute = 'm', Hour = 'h' };

constexpr std::chrono::hours kMinutesKept{25};
constexpr std::chrono::hours kHoursKept{35 * 24};       // and after that time nothing changes
constexpr std::chrono::hours kLongHoursKept{112 * 24};  // 16 weeks
constexpr std::chrono::hours kRankedHoursKept{8 * 24};
constexpr std::chrono::hours kBrandHoursKept{63 * 24};  // of an author: four weeks before an answer
constexpr std::chrono::hours kept_for(Dimension dimension, Granularity granularity) {
  if (granularity == Granularity::Minute) return kMinutesKept;
  if (is_ranked(dimension)) return kRankedHoursKept;
  if (dimension == Dimension::AuthorBrand) return kBrandHoursKept;
  return is_long(dimension) ? kLongHoursKept : kHoursKept;
}

// What is kept for longer than it may change.
constexpr bool is_kept_long(Dimension dimension, Granularity granularity) {
  return kept_for(dimension, granularity) > kHoursKept;
}

struct CounterKey {
  Partition partition{};
  Series series;
  Granularity granularity = Granularity::Minute;
  std::int32_t bucket = 0;  // a Minute or an Hour
};
// The key of a stored counter, in two pieces that are the same in every bucket of a series. Between
// them stand granularity and bucket.
struct CounterStem {
  std::string before;
  std::string after;
  void append_key(std::string& out, Granularity granularity, std::int32_t bucket) const;
};
CounterStem counter_stem(Partition partition, const SeriesView& series);
std::string counter_key(const CounterKey& key);
// Nothing when it has another form.
std::optional<CounterKey> parse_counter_key(std::string_view key);
// What all keys of a partition begin with, and all of one dimension in it.
std::string counters_of(Partition partition);
std::string counters_of(Partition partition, Dimension dimension);

std::string encode(const Measures& value);
std::optional<Measures> parse_counter_value(std::string_view value);

bool is_zero(const Measures& value);
constexpr void add_to(Measures& sum, const Measures& more) {
  for (std::size_t i = 0; i < kMeasures; ++i) sum[i] += more[i];
}

// Whether a bucket is past its keeping at `stream_time`.
bool counter_expired(Dimension dimension, Granularity granularity, std::int32_t bucket,
                     Time stream_time);
// Whether what was booked in an hour stands for good at `stream_time`.
bool hour_is_frozen(Hour hour, Time stream_time);
// The first of a stored key, for the store's compaction.
bool counter_expired(std::string_view key, Time stream_time);

}  // namespace vigie
