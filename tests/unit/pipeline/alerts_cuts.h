#pragma once

// Cuts as workers would tell them, for the tests of the detectors.

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/alerts/surge.h"

namespace vigie {

// 2026-06-01T00:00Z, a Monday.
inline constexpr Minute kStart = 29'671'200;
inline constexpr Minute kDay = 24 * 60;
inline constexpr Minute kWeek = 7 * kDay;

inline Series theme(std::string id) {
  return {Dimension::Theme, std::move(id)};
}

// What one partition's worker would tell: counts mentions and writes a cut a minute.
class CutWriter {
 public:
  explicit CutWriter(std::int32_t partition = 0) : partition_(partition) {}

  void add(const Series& series, Minute minute, std::int64_t mentions, std::int64_t authors) {
    if (mentions == 0) return;
    const Hour hour = hour_of_minute(minute);
    Counted& counted = counted_[series.id];
    counted.series = series;
    if (counted.hour != hour) counted = {series, hour, 0, 0};
    counted.in_hour += mentions;
    counted.authors = std::max(counted.authors, std::min<std::int64_t>(authors, 64));
    cut_.values.push_back({series, Granularity::Minute, minute, mentions});
    cut_.values.push_back({series, Granularity::Hour, hour, counted.in_hour});
    Cut::Authors told{series, hour, {}};
    for (std::int64_t a = 0; a < counted.authors; ++a) {
      told.authors.push_back(static_cast<std::uint64_t>(partition_ * 1000 + a));
    }
    cut_.authors.push_back(std::move(told));
  }

  Cut cut(Minute minute) {
    Cut cut = std::move(cut_);
    cut_ = {};
    cut.partition = Partition{partition_};
    cut.minute = minute;
    return cut;
  }

 private:
  struct Counted {
    Series series;
    Hour hour = 0;
    std::int64_t in_hour = 0;
    std::int64_t authors = 0;
  };
  std::int32_t partition_;
  std::map<std::string, Counted> counted_;
  Cut cut_;
};

// Cuts of one partition from `first` to before `last`: `per_minute(minute)` mentions each.
template <class F>
std::vector<Cut> cuts_of(Minute first, Minute last, F per_minute, std::int64_t authors = 30,
                         std::int32_t partition = 0) {
  CutWriter worker(partition);
  std::vector<Cut> out;
  for (Minute minute = first; minute < last; ++minute) {
    worker.add(theme("delivery"), minute, per_minute(minute), authors);
    out.push_back(worker.cut(minute));
  }
  return out;
}

inline std::vector<Alert> fold_all(SurgeDetector& detector, const std::vector<Cut>& cuts) {
  std::vector<Alert> out;
  for (const Cut& cut : cuts) {
    for (Alert& alert : detector.fold(cut)) out.push_back(std::move(alert));
  }
  return out;
}

}  // namespace vigie
