// Meta : 0x01 'c' partition:u16 -> minute:i32, the last minute that was cut
#include "pipeline/run/cut_builder.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "pipeline/core/bytes.h"

namespace vigie {
namespace {

// How long after its end a minute is cut, by record time.
constexpr std::chrono::seconds kCutDelay{10};

// The last minute whose end lies kCutDelay or more before `seen_at`.
Minute last_over(Time seen_at) {
  return minute_of(seen_at - kCutDelay) - 1;
}

}  // namespace

std::string cut_state_key(Partition partition) {
  std::string key{'\x01', 'c'};
  put_fixed(key, static_cast<std::uint16_t>(number(partition)));
  return key;
}

std::optional<Minute> parse_cut_state(std::string_view value) {
  ByteReader bytes(value);
  const auto minute = bytes.fixed<Minute>();
  if (!bytes.ok() || !bytes.at_end()) return std::nullopt;
  return minute;
}

Result<void> CutBuilder::load(const Store& store, const Authors& authors, Time stream_time) {
  auto stored = store.get(Space::Meta, cut_state_key(partition_));
  if (!stored) return std::unexpected(std::move(stored.error()));
  if (*stored) {
    last_ = parse_cut_state(**stored);
    if (!last_) return fail(Code::Corrupt, "worker: the last cut is damaged");
    auto read = authors.read_sets(partition_, hour_of_minute(*last_ - Cut::kMinutes),
                                  [&](const Authors::SetChange& change) { changed(change); });
    if (!read) return read;
  }
  // Only these: the others are many.
  for (const Dimension dimension :
       {Dimension::Brand, Dimension::Competitor, Dimension::Theme, Dimension::Campaign}) {
    auto read = load_counters(store, dimension, stream_time);
    if (!read) return read;
  }
  return {};
}

Result<void> CutBuilder::load_counters(const Store& store, Dimension dimension, Time stream_time) {
  const std::string prefix = counters_of(partition_, dimension);
  bool is_whole = true;
  auto scanned = store.scan(
      Space::Counters, prefix, prefix_end(prefix),
      [&](std::string_view key, std::string_view value) {
        const auto parsed = parse_counter_key(key);
        const auto measures = parse_counter_value(value);
        is_whole = parsed && measures;
        if (!is_whole) return false;
        // A frozen hour tells nothing new.
        const Hour hour = parsed->granularity == Granularity::Hour ? parsed->bucket
                                                                   : hour_of_minute(parsed->bucket);
        if (counter_expired(key, stream_time) || hour_is_frozen(hour, stream_time)) {
          return true;
        }
        changed({.series = parsed->series,
                 .granularity = parsed->granularity,
                 .bucket = parsed->bucket,
                 .value = *measures,
                 .key = std::string(key),
                 .bytes = {}});
        return true;
      });
  if (!scanned) return scanned;
  if (!is_whole) return fail(Code::Corrupt, "counters: a stored value is damaged");
  return {};
}

void CutBuilder::begin(Time seen_at) {
  if (last_) return;
  last_ = last_over(seen_at);
  is_stored_ = false;
}

std::optional<Minute> CutBuilder::due(Time seen_at) const {
  if (!last_) return std::nullopt;
  const Minute over = last_over(seen_at);
  if (over <= *last_) return std::nullopt;
  return over;
}

void CutBuilder::changed(const CounterBatch::Change& change) {
  if (!raises_alerts(change.series.dimension)) return;
  values_[change.key] = {change.series, change.granularity, change.bucket,
                         change.value[static_cast<std::size_t>(Measure::Mentions)]};
}

void CutBuilder::changed(const Authors::SetChange& change) {
  if (!raises_alerts(change.series.dimension)) return;
  authors_[fmt::format("{}/{}/{}", static_cast<int>(change.series.dimension), change.series.id,
                       change.hour)] = {change.series, change.hour, change.authors};
}

std::vector<CutRecord> CutBuilder::take(Minute minute, StoreBatch& state) {
  Cut cut;
  cut.partition = partition_;
  cut.minute = minute;
  cut.whole = std::exchange(is_whole_, false);
  const Minute oldest = std::min(last_.value_or(minute), minute) - Cut::kMinutes;
  for (auto& [key, value] : values_) {
    const bool told = value.granularity == Granularity::Hour || value.bucket >= oldest;
    if (told) cut.values.push_back(std::move(value));
  }
  for (auto& [key, authors] : authors_) {
    if (authors.hour >= hour_of_minute(oldest)) cut.authors.push_back(std::move(authors));
  }
  values_.clear();
  authors_.clear();
  keep(minute, state);
  return cut_records(cut);
}

void CutBuilder::keep_begin(StoreBatch& state) {
  if (!is_stored_ && last_) keep(*last_, state);
}

void CutBuilder::keep(Minute minute, StoreBatch& state) {
  last_ = minute;
  const auto kept = row();
  state.put(Space::Meta, kept->first, kept->second);
  is_stored_ = true;
}

std::optional<std::pair<std::string, std::string>> CutBuilder::row() const {
  if (!last_) return std::nullopt;
  std::string value;
  put_fixed(value, *last_);
  return std::pair(cut_state_key(partition_), std::move(value));
}

}  // namespace vigie
