#include "pipeline/alerts/surge.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numbers>
#include <utility>

#include "pipeline/alerts/surge_baseline.h"
#include "pipeline/alerts/surge_state.h"

namespace vigie {
namespace {

// Below this count the normal approximation behind z is too coarse: the exact tail decides.
constexpr std::int64_t kExactBelow = 30;
constexpr double kTail = 1e-5;
// Keeps the ratio to an empty baseline finite.
constexpr double kSmallest = 0.1;
// After an alert that outlasted `max_firing` the weeks before it are no measure until this many
// weeks have passed at the new level.
constexpr std::int64_t kShiftMinutes = std::int64_t{2} * 7 * 24 * 60;

// Three digits after the point: what people read, and one text on every machine.
double rounded(double value) {
  return std::round(value * 1000) / 1000;
}

// Two significant digits.
double rounded_tail(double tail) {
  if (!(tail > 1e-300)) return 0;
  const double unit = std::pow(10.0, std::floor(std::log10(tail)) - 1);
  return std::round(tail / unit) * unit;
}

// Summed where that is short; else by Stirling's series, whose first term left out is below 1e-13.
double log_factorial(std::int64_t x) {
  const auto n = static_cast<double>(x);
  if (x >= kExactBelow) {
    return n * std::log(n) - n + std::log(2 * std::numbers::pi * n) / 2 + 1 / (12 * n) -
           1 / (360 * n * n * n) + 1 / (1260 * n * n * n * n * n);
  }
  double sum = 0;
  for (std::int64_t i = 2; i <= x; ++i) sum += std::log(static_cast<double>(i));
  return sum;
}

Time moment(std::int64_t minute) {
  return Time{std::chrono::minutes{minute}};
}

struct Measured {
  std::int64_t mentions = 0;
  SurgeBaseline baseline;
  double z = 0;
};

}  // namespace

double poisson_tail(std::int64_t x, double m) {
  if (x <= 0) return 1;
  if (!(m > 0)) return 0;
  // The term at x by logarithms, the others from it; adding up the side on which the terms fall
  // keeps full precision, where 1 - P(X < x) would keep none.
  const auto n = static_cast<double>(x);
  const bool upper = n > m;
  double term = std::exp(n * std::log(m) - m - log_factorial(x));
  double sum = 0;
  if (upper) {
    for (double i = n; term > sum * 1e-17;) {
      sum += term;
      i += 1;
      term *= m / i;
    }
    return std::min(sum, 1.0);
  }
  for (std::int64_t i = x; i >= 1 && term > 0; --i) sum += term *= static_cast<double>(i) / m;
  return std::clamp(1 - sum, 0.0, 1.0);
}

double anscombe_z(std::int64_t x, double m) {
  return 2 * (std::sqrt(static_cast<double>(x) + 0.375) - std::sqrt(m + 0.375));
}

struct SurgeDetector::Impl {
  Impl(const SurgeOptions& given, std::int32_t partitions)
      : options(given), state(partitions, given.max_series) {
    options.window = std::clamp(options.window, std::chrono::minutes{1}, std::chrono::minutes{60});
    options.min_authors = std::min(options.min_authors, static_cast<std::int64_t>(Cut::kAuthors));
  }

  std::int64_t window() const { return options.window.count(); }

  void judge(std::vector<Alert>& out);
  Measured measure(const SurgeSeries& series) const;
  std::int64_t authors(const SurgeSeries& series) const;
  bool surges(const SurgeSeries& series, const Measured& measured) const;
  void fire(const Series& name, SurgeSeries& series, const Measured& measured);
  bool follow(SurgeSeries& series, const Measured& measured, bool loud);

  SurgeOptions options;
  SurgeState state;
  Stats stats;
};

Measured SurgeDetector::Impl::measure(const SurgeSeries& series) const {
  const std::int64_t minute = state.next();
  Measured measured;
  measured.mentions = series.mentions(Granularity::Minute, minute - window() + 1, minute);
  // Most series are below the floor in most minutes; what they could be compared with is not
  // asked then.
  if (measured.mentions < options.floor && !series.firing) return measured;
  measured.baseline = surge_baseline(
      series, {minute, window(), measured.mentions, state.since(), options.min_history.count()});
  measured.z = anscombe_z(measured.mentions, measured.baseline.mentions);
  return measured;
}

std::int64_t SurgeDetector::Impl::authors(const SurgeSeries& series) const {
  return series.authors((state.next() - window() + 1) / 60, state.next() / 60);
}

bool SurgeDetector::Impl::surges(const SurgeSeries& series, const Measured& measured) const {
  if (!options.enabled || measured.mentions < options.floor) return false;
  const double m = measured.baseline.mentions;
  if (static_cast<double>(measured.mentions) < options.ratio * std::max(m, kSmallest)) return false;
  const bool significant = measured.mentions < kExactBelow
                               ? poisson_tail(measured.mentions, m) < kTail
                               : measured.z >= options.z;
  return significant && authors(series) >= options.min_authors;
}

void SurgeDetector::Impl::fire(const Series& name, SurgeSeries& series, const Measured& measured) {
  const std::int64_t minute = state.next();
  const double m = measured.baseline.mentions;
  Alert alert;
  alert.id = alert_id(AlertKind::Surge, name, static_cast<Minute>(minute));
  alert.series = name;
  alert.started_at = moment(minute);
  alert.count = alert.peak = measured.mentions;
  alert.baseline = rounded(m);
  alert.z = rounded(measured.z);
  alert.authors = authors(series);
  alert.window = options.window;
  alert.evidence.method =
      minute - state.since() < options.min_history.count() ? "fixed" : "poisson";
  alert.evidence.baseline_from = measured.baseline.from;
  alert.evidence.baseline_hours = measured.baseline.hours;
  alert.evidence.ratio = rounded(static_cast<double>(measured.mentions) / std::max(m, kSmallest));
  alert.evidence.tail = rounded_tail(poisson_tail(measured.mentions, m));
  series.firing = SurgeFiring{std::move(alert), minute, minute};
}

// Whether the alert has ended.
bool SurgeDetector::Impl::follow(SurgeSeries& series, const Measured& measured, bool loud) {
  const std::int64_t minute = state.next();
  SurgeFiring& firing = *series.firing;
  firing.alert.peak = std::max(firing.alert.peak, measured.mentions);
  // A trickle stands out of an empty baseline for ever; under half the floor it is calm, too.
  const bool calm =
      !options.enabled ||
      (!loud && (measured.z < options.clear_z || measured.mentions * 2 < options.floor));
  if (!calm) firing.last_loud = minute;
  const bool too_long = minute - firing.start >= options.max_firing.count();
  if (!too_long && (!calm || minute - firing.last_loud < options.clear_after.count())) return false;

  if (too_long) {
    series.shift_until = minute + kShiftMinutes;
  } else {
    series.left_out.emplace_back(static_cast<Hour>((firing.start - window() + 1) / 60),
                                 static_cast<Hour>(firing.last_loud / 60));
  }
  series.cool_until = minute + options.cooldown.count() + 1;
  return true;
}

void SurgeDetector::Impl::judge(std::vector<Alert>& out) {
  const std::int64_t minute = state.next();
  for (auto& [name, series] : state.active()) {
    const Measured measured = measure(*series);
    const bool loud = surges(*series, measured);
    const std::int64_t gap = minute - series->voted;
    series->votes = gap == 1   ? static_cast<std::uint8_t>((series->votes << 1) & 7)
                    : gap == 2 ? static_cast<std::uint8_t>((series->votes << 2) & 7)
                               : std::uint8_t{0};
    series->votes |= loud ? 1 : 0;
    series->voted = minute;

    if (series->firing) {
      if (!follow(*series, measured, loud)) continue;
      Alert alert = std::move(series->firing->alert);
      series->firing.reset();
      alert.state = AlertState::Resolved;
      alert.resolved_at = moment(minute);
      out.push_back(std::move(alert));
      ++stats.resolved;
      continue;
    }
    // Two of the last three, and this one: what is over is not news.
    if (!loud || series->votes == 1) continue;
    if (minute < series->cool_until) {
      ++stats.cooled;
      continue;
    }
    fire(name, *series, measured);
    out.push_back(series->firing->alert);
    ++stats.fired;
  }
}

SurgeDetector::SurgeDetector(const SurgeOptions& options, std::int32_t partitions)
    : impl_(std::make_unique<Impl>(options, partitions)) {
  assert(partitions > 0);
}
SurgeDetector::SurgeDetector(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SurgeDetector::~SurgeDetector() = default;
SurgeDetector::SurgeDetector(SurgeDetector&&) noexcept = default;
SurgeDetector& SurgeDetector::operator=(SurgeDetector&&) noexcept = default;

std::vector<Alert> SurgeDetector::fold(const Cut& cut) {
  std::vector<Alert> out;
  SurgeState& state = impl_->state;
  state.push(cut);
  while (state.ready()) {
    state.apply(impl_->window());
    impl_->judge(out);
    const std::int64_t judged = state.next();
    const std::int64_t unchanged = state.unchanged_until();
    state.step(judged + 1, impl_->window());
    // With nothing in any window the minutes up to the next change would all be judged the same.
    if (state.active().empty() && unchanged > judged) state.step(unchanged + 1, impl_->window());
    impl_->stats.judged += static_cast<std::uint64_t>(state.next() - judged);
  }
  return out;
}

Minute SurgeDetector::judged() const {
  return static_cast<Minute>(impl_->state.next() - 1);
}

std::size_t SurgeDetector::series() const {
  return impl_->state.size();
}

SurgeDetector::Stats SurgeDetector::stats() const {
  Stats stats = impl_->stats;
  const SurgeState::Counts& counts = impl_->state.counts();
  stats.refused_series = counts.refused_series;
  stats.merged_cuts = counts.merged_cuts;
  stats.ignored_cuts = counts.ignored_cuts;
  return stats;
}

std::string SurgeDetector::save() const {
  return impl_->state.save();
}

Result<SurgeDetector> SurgeDetector::load(std::string_view bytes, const SurgeOptions& options,
                                          std::int32_t partitions) {
  auto impl = std::make_unique<Impl>(options, partitions);
  if (auto loaded = impl->state.load(bytes); !loaded) return std::unexpected(loaded.error());
  return SurgeDetector(std::move(impl));
}

}  // namespace vigie
