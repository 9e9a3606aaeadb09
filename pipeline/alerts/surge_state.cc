#include "pipeline/alerts/surge_state.h"

#include <algorithm>
#include <tuple>

namespace vigie {
namespace {

// Event time is at most two minutes ahead of record time; a bucket further ahead than this is not
// of our making and would never leave.
constexpr std::int64_t kAhead = 60;
// Minutes that a worker keeps, and so the most that a merged cut has to.
constexpr std::int64_t kMinutesTold = std::int64_t{25} * 60;

}  // namespace

void SurgeBuckets::set(std::int32_t bucket, std::int64_t mentions) {
  auto at = values_.end();
  if (!values_.empty() && values_.back().first >= bucket) {
    at = std::lower_bound(values_.begin(), values_.end(), bucket,
                          [](const auto& value, std::int32_t b) { return value.first < b; });
  }
  const bool known = at != values_.end() && at->first == bucket;
  if (mentions <= 0) {
    if (known) values_.erase(at);
    return;
  }
  if (known) {
    at->second = mentions;
    return;
  }
  values_.insert(at, {bucket, mentions});
}

std::int64_t SurgeBuckets::get(std::int64_t bucket) const {
  return sum(bucket, bucket);
}

std::int64_t SurgeBuckets::sum(std::int64_t first, std::int64_t last) const {
  auto at = std::lower_bound(values_.begin(), values_.end(), first,
                             [](const auto& value, std::int64_t b) { return value.first < b; });
  std::int64_t total = 0;
  for (; at != values_.end() && at->first <= last; ++at) total += at->second;
  return total;
}

void SurgeBuckets::drop_before(std::int64_t bucket) {
  const auto keep = std::find_if(values_.begin(), values_.end(),
                                 [&](const auto& v) { return v.first >= bucket; });
  values_.erase(values_.begin(), keep);
}

std::int64_t SurgeSeries::mentions(Granularity granularity, std::int64_t first,
                                   std::int64_t last) const {
  std::int64_t total = 0;
  for (const Part& part : parts) {
    total += (granularity == Granularity::Minute ? part.minutes : part.hours).sum(first, last);
  }
  return total;
}

std::int64_t SurgeSeries::authors(std::int64_t first_hour, std::int64_t last_hour) const {
  std::set<std::uint64_t> all;
  for (const Part& part : parts) {
    for (const auto& [hour, authors] : part.authors) {
      if (hour >= first_hour && hour <= last_hour) all.insert(authors.begin(), authors.end());
    }
  }
  return static_cast<std::int64_t>(all.size());
}

bool SurgeSeries::is_left_out(std::int64_t hour) const {
  return std::any_of(left_out.begin(), left_out.end(), [&](const auto& range) {
    return hour >= range.first && hour <= range.second;
  });
}

bool SurgeSeries::empty() const {
  return !firing && std::all_of(parts.begin(), parts.end(), [](const Part& part) {
    return part.minutes.empty() && part.hours.empty() && part.authors.empty();
  });
}

bool SeriesOrder::operator()(const Series& a, const Series& b) const {
  if (a.dimension != b.dimension) return name(a.dimension) < name(b.dimension);
  return a.id < b.id;
}

void SurgeState::push(const Cut& cut) {
  const auto index = static_cast<std::size_t>(number(cut.partition));
  if (number(cut.partition) < 0 || index >= partitions_.size()) {
    ++counts_.ignored_cuts;
    return;
  }
  Source& source = partitions_[index];
  if (source.seen && cut.minute <= source.last && !cut.whole) {
    ++counts_.ignored_cuts;
    return;
  }
  source.last = source.seen ? std::max<std::int64_t>(source.last, cut.minute) : cut.minute;
  source.seen = true;
  Cut& kept = source.pending.emplace_back(cut);
  std::erase_if(kept.values, [](const auto& v) { return !raises_alerts(v.series.dimension); });
  std::erase_if(kept.authors, [](const auto& a) { return !raises_alerts(a.series.dimension); });
  if (source.pending.size() <= kPendingCuts) return;
  // Values are absolute, so joined cuts lose no count; only the minutes between them are judged
  // from later values.
  Cut oldest = std::move(source.pending.front());
  source.pending.pop_front();
  merge(source.pending.front(), std::move(oldest));
  ++counts_.merged_cuts;
}

// Puts what `oldest` told, and `into`, which is later, does not, in front of it.
void SurgeState::merge(Cut& into, Cut&& oldest) {
  if (into.whole) return;
  using Key = std::tuple<Dimension, std::string, Granularity, std::int32_t>;
  const auto key = [](const Cut::Value& v) {
    return Key{v.series.dimension, v.series.id, v.granularity, v.bucket};
  };
  std::set<Key> told;
  for (const Cut::Value& value : into.values) told.insert(key(value));
  for (Cut::Value& value : oldest.values) {
    const bool old = value.granularity == Granularity::Minute &&
                     std::int64_t{value.bucket} < std::int64_t{into.minute} - kMinutesTold;
    if (!old && told.insert(key(value)).second) into.values.push_back(std::move(value));
  }
  std::set<Key> authors_told;
  for (const Cut::Authors& a : into.authors) {
    authors_told.insert({a.series.dimension, a.series.id, Granularity::Hour, a.hour});
  }
  for (Cut::Authors& a : oldest.authors) {
    const bool old = std::int64_t{a.hour} * 60 < std::int64_t{into.minute} - kMinutesTold;
    if (!old &&
        authors_told.insert({a.series.dimension, a.series.id, Granularity::Hour, a.hour}).second) {
      into.authors.push_back(std::move(a));
    }
  }
  into.whole = oldest.whole;
  into.minute = std::max(into.minute, oldest.minute);
}

bool SurgeState::ready() {
  std::int64_t frontier = 0;
  std::int64_t first = 0;
  bool any = false;
  for (const Source& source : partitions_) {
    if (!source.seen) return false;
    // Before the first judgement every cut still waits, so the oldest is the partition's first.
    const std::int64_t oldest =
        source.pending.empty() ? source.applied : source.pending.front().minute;
    frontier = any ? std::min(frontier, source.last) : source.last;
    first = any ? std::min(first, oldest) : oldest;
    any = true;
  }
  if (!started_) {
    started_ = true;
    since_ = next_ = first;
    for (Source& source : partitions_) source.applied = first - 1;
  }
  return next_ <= frontier;
}

void SurgeState::apply(std::int64_t window) {
  for (std::size_t p = 0; p < partitions_.size(); ++p) {
    Source& source = partitions_[p];
    while (source.applied < next_ && !source.pending.empty()) {
      const Cut cut = std::move(source.pending.front());
      source.pending.pop_front();
      source.applied = std::max<std::int64_t>(source.applied, cut.minute);
      apply(p, cut, window);
    }
  }
}

void SurgeState::apply(std::size_t partition, const Cut& cut, std::int64_t window) {
  if (cut.whole) {
    for (auto& [series, state] : series_) state.parts[partition] = {};
  }
  const std::int64_t latest = std::int64_t{cut.minute} + kAhead;
  const std::int64_t oldest_minute = next_ - window + 1;
  const std::int64_t oldest_hour = next_ / 60 - kHoursRemembered;
  for (const Cut::Value& value : cut.values) {
    const bool minute = value.granularity == Granularity::Minute;
    const std::int64_t bucket = value.bucket;
    if (minute ? bucket < oldest_minute || bucket > latest
               : bucket < oldest_hour || bucket * 60 > latest) {
      continue;
    }
    SurgeSeries* series = series_of(value.series);
    if (series == nullptr) continue;
    SurgeSeries::Part& part = series->parts[partition];
    (minute ? part.minutes : part.hours).set(value.bucket, value.mentions);
    if (minute && value.mentions > 0) active_.emplace(value.series, series);
  }
  for (const Cut::Authors& told : cut.authors) {
    const std::int64_t hour = told.hour;
    if (hour * 60 + 59 < oldest_minute) {
      // Nobody asks for that hour any more, and what was remembered of it may name an author who
      // has been erased.
      const auto known = series_.find(told.series);
      if (known != series_.end()) known->second.parts[partition].authors.erase(told.hour);
      continue;
    }
    if (hour * 60 > latest) continue;
    SurgeSeries* series = series_of(told.series);
    if (series == nullptr) continue;
    std::vector<std::uint64_t>& authors = series->parts[partition].authors[told.hour];
    const auto size = std::min(told.authors.size(), Cut::kAuthors);
    authors.assign(told.authors.begin(), told.authors.begin() + static_cast<std::ptrdiff_t>(size));
  }
}

SurgeSeries* SurgeState::series_of(const Series& series) {
  const auto known = series_.find(series);
  if (known != series_.end()) return &known->second;
  if (series_.size() >= max_series_) {
    ++counts_.refused_series;
    return nullptr;
  }
  SurgeSeries& made = series_[series];
  made.parts.resize(partitions_.size());
  return &made;
}

std::int64_t SurgeState::unchanged_until() const {
  std::int64_t until = partitions_.front().last;
  for (const Source& source : partitions_) {
    until = std::min(until, source.pending.empty() ? source.last : source.applied);
  }
  return std::max(until, next_);
}

void SurgeState::step(std::int64_t to, std::int64_t window) {
  const std::int64_t before = next_ / 60;
  next_ = to;
  for (auto at = active_.begin(); at != active_.end();) {
    bool used = at->second->firing.has_value();
    for (SurgeSeries::Part& part : at->second->parts) {
      part.minutes.drop_before(next_ - window + 1);
      used = used || !part.minutes.empty();
    }
    at = used ? std::next(at) : active_.erase(at);
  }
  if (next_ / 60 != before) sweep((next_ - window + 1) / 60);
}

// Once an hour: what is too old to be asked for, of every series.
void SurgeState::sweep(std::int64_t hour) {
  const std::int64_t oldest = next_ / 60 - kHoursRemembered;
  for (auto at = series_.begin(); at != series_.end();) {
    SurgeSeries& series = at->second;
    for (SurgeSeries::Part& part : series.parts) {
      part.hours.drop_before(oldest);
      std::erase_if(part.authors, [&](const auto& entry) { return entry.first < hour; });
    }
    std::erase_if(series.left_out, [&](const auto& range) { return range.second < oldest; });
    const bool waits = series.cool_until > next_ || series.shift_until > next_;
    at = series.empty() && !waits ? series_.erase(at) : std::next(at);
  }
}

}  // namespace vigie
