#include "pipeline/alerts/surge_baseline.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace vigie {
namespace {

constexpr std::int64_t kMinWeeks = 2;
constexpr std::int64_t kDay = 24;

// Mentions an hour, told by hour buckets that may serve as a measure.
class Hourly {
 public:
  Hourly(const SurgeSeries& series, const SurgeWindow& window)
      : series_(series), first_((window.since + 59) / 60), end_(window.minute / 60) {
    if (series.firing) end_ = std::min(end_, (series.firing->start - window.length + 1) / 60);
  }

  std::int64_t end() const { return end_; }

  std::optional<double> at(std::int64_t hour, bool also_left_out = false) const {
    if (hour < first_ || hour >= end_) return std::nullopt;
    if (!also_left_out && series_.is_left_out(hour)) return std::nullopt;
    return static_cast<double>(series_.mentions(Granularity::Hour, hour, hour));
  }

  // The rate at a moment, on the line between the middles of the two hours around it: a bucket's
  // mean alone is far off where the day rises steeply.
  std::optional<double> around(double hours) const {
    const double middle = std::floor(hours - 0.5);
    const double part = hours - 0.5 - middle;
    const auto before = at(static_cast<std::int64_t>(middle));
    const auto after = at(static_cast<std::int64_t>(middle) + 1);
    if (!before) return after;
    if (!after) return before;
    return (1 - part) * *before + part * *after;
  }

 private:
  const SurgeSeries& series_;
  std::int64_t first_;
  std::int64_t end_;
};

// The middle of the window, in hours.
double middle_of(const SurgeWindow& window) {
  return (static_cast<double>(window.minute + 1) - static_cast<double>(window.length) / 2) / 60;
}

std::optional<SurgeBaseline> hour_of_week(const Hourly& hourly, const SurgeWindow& window) {
  double sum = 0;
  std::int64_t weeks = 0;
  for (std::int64_t k = 1; k <= kBaselineWeeks; ++k) {
    const auto rate = hourly.around(middle_of(window) - static_cast<double>(k * kHoursAWeek));
    if (!rate) continue;
    sum += *rate;
    ++weeks;
  }
  if (weeks < kMinWeeks) return std::nullopt;
  return SurgeBaseline{sum / static_cast<double>(weeks), "hour_of_week", weeks};
}

// The larger of the last day's mean and the same hour a day before: a day's peak is often more than
// twice its mean, and would look like a surge every day until there are weeks to compare with.
std::optional<SurgeBaseline> last_day(const Hourly& hourly, const SurgeWindow& window) {
  for (const bool also_left_out : {false, true}) {
    double sum = 0;
    std::int64_t hours = 0;
    for (std::int64_t hour = hourly.end() - kDay; hour < hourly.end(); ++hour) {
      const auto value = hourly.at(hour, also_left_out);
      if (!value) continue;
      sum += *value;
      ++hours;
    }
    if (hours == 0) continue;
    const double mean = sum / static_cast<double>(hours);
    const auto yesterday = hourly.around(middle_of(window) - static_cast<double>(kDay));
    return SurgeBaseline{std::max(mean, yesterday.value_or(0)), "last_day", hours};
  }
  return std::nullopt;
}

// What there is in a short history: the mean of all minutes before the window. It is not frozen by
// an alert, so a stream that is simply busy from its start stops firing by itself.
SurgeBaseline since_start(const SurgeSeries& series, const SurgeWindow& window) {
  const std::int64_t minutes = window.minute - window.length - window.since + 1;
  if (minutes <= 0) return {0, "since_start", 0};
  const std::int64_t first = window.since / 60;
  const std::int64_t last = window.minute / 60;
  const std::int64_t before =
      std::max<std::int64_t>(0, series.mentions(Granularity::Hour, first, last) - window.mentions);
  return {static_cast<double>(before) / static_cast<double>(minutes) * 60, "since_start",
          last - first + 1};
}

}  // namespace

SurgeBaseline surge_baseline(const SurgeSeries& series, const SurgeWindow& window) {
  SurgeBaseline baseline = since_start(series, window);
  if (window.minute - window.since >= window.min_history) {
    const Hourly hourly(series, window);
    std::optional<SurgeBaseline> better;
    if (window.minute >= series.shift_until) better = hour_of_week(hourly, window);
    if (!better) better = last_day(hourly, window);
    if (better) baseline = *better;
  }
  baseline.mentions *= static_cast<double>(window.length) / 60;
  return baseline;
}

}  // namespace vigie
