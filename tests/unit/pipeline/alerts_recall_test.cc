#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <random>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "pipeline/alerts/surge.h"
#include "tests/unit/pipeline/alerts_cuts.h"

namespace vigie {
namespace {

// A day with its trough at 0.3 and its peak at 1.7 of `mean`, seeded.
class Season {
 public:
  Season(double mean, unsigned seed) : mean_(mean), random_(seed) {}
  std::int64_t draw(Minute minute, double factor = 1) {
    const double phase = 2 * 3.14159265358979 * static_cast<double>(minute % kDay) / kDay;
    std::poisson_distribution<std::int64_t> count(mean_ * factor * (1 + 0.7 * std::sin(phase)));
    return count(random_);
  }

 private:
  double mean_;
  std::mt19937_64 random_;
};

struct Detection {
  std::size_t bursts = 0;
  std::size_t found = 0;
  std::vector<Minute> delays;
  double recall() const { return static_cast<double>(found) / static_cast<double>(bursts); }
  Minute median() {
    std::sort(delays.begin(), delays.end());
    return delays.empty() ? 0 : delays[delays.size() / 2];
  }
};

// Three weeks of season, then two weeks with a burst of 20 minutes about every seven hours.
void inject(double mean, double factor, unsigned seed, Detection& result) {
  SurgeDetector detector({}, 1);
  Season season(mean, seed);
  CutWriter worker;
  const Minute burst_from = kStart + 3 * kWeek;
  constexpr Minute kEvery = 7 * 60 + 13;
  std::map<Minute, Minute> first_alert;
  for (Minute minute = kStart; minute < kStart + 5 * kWeek; ++minute) {
    const Minute into = (minute - burst_from) % kEvery;
    const bool burst = minute >= burst_from && into < 20;
    if (minute >= burst_from && into == 0) ++result.bursts;
    worker.add(theme("delivery"), minute, season.draw(minute, burst ? factor : 1), 30);
    for (const Alert& alert : detector.fold(worker.cut(minute))) {
      if (alert.state == AlertState::Firing && burst) first_alert.try_emplace(minute - into, into);
    }
  }
  result.found += first_alert.size();
  for (const auto& [start, delay] : first_alert) result.delays.push_back(delay + 1);
}

Detection inject_everywhere(double factor) {
  Detection result;
  unsigned seed = 1;
  for (const double mean : {3.0, 10.0, 40.0}) inject(mean, factor, seed++, result);
  return result;
}

TEST(PoissonTail, IsExactFarBelowMachinePrecision) {
  // Reference values by summing with 60 digits.
  EXPECT_NEAR(poisson_tail(10, 1.0) / 1.1142547833872074e-07, 1, 1e-9);
  EXPECT_NEAR(poisson_tail(29, 1.0) / 4.304010968008371e-32, 1, 1e-9);
  EXPECT_NEAR(poisson_tail(45, 5.5) / 8.035704563257879e-26, 1, 1e-9);
  EXPECT_NEAR(poisson_tail(1, 1e-9), 1e-9, 1e-17);
  EXPECT_NEAR(poisson_tail(3, 10.0), 0.9972306042844884, 1e-12);
  EXPECT_EQ(poisson_tail(0, 5), 1);
  EXPECT_EQ(poisson_tail(5, 0), 0);
}

TEST(SurgeDetector, FindsBurstsOfFiveTimesTheSeasonWithinThreeMinutes) {
  Detection result = inject_everywhere(5);

  RecordProperty("recall", fmt::format("{:.3f}", result.recall()));
  fmt::print("5x: {} of {}, median delay {} min\n", result.found, result.bursts, result.median());
  EXPECT_GE(result.recall(), 0.95);
  EXPECT_LE(result.median(), 3);
}

TEST(SurgeDetector, FindsBurstsOfTwentyTimesTheSeasonWithinTwoMinutes) {
  Detection result = inject_everywhere(20);

  fmt::print("20x: {} of {}, median delay {} min\n", result.found, result.bursts, result.median());
  EXPECT_GE(result.recall(), 0.99);
  EXPECT_LE(result.median(), 2);
}

TEST(SurgeDetector, TakesDoublingForASurgeOnlyWhereItIsPlain) {
  Detection result = inject_everywhere(2);

  fmt::print("2x: {} of {}, median delay {} min\n", result.found, result.bursts, result.median());
  EXPECT_GT(result.recall(), 0.1);
}

TEST(SurgeDetector, RaisesAtMostOneFalseAlertAWeekOnSeasonAlone) {
  std::size_t alerts = 0;
  unsigned seed = 100;
  for (const double mean : {0.3, 1.0, 3.0, 10.0, 40.0}) {
    SurgeDetector detector({}, 1);
    Season season(mean, seed++);
    const auto cuts =
        cuts_of(kStart, kStart + 5 * kWeek, [&](Minute minute) { return season.draw(minute); });
    for (const Alert& alert : fold_all(detector, cuts)) alerts += alert.state == AlertState::Firing;
  }

  fmt::print("false alerts: {} in 25 series-weeks\n", alerts);
  EXPECT_LE(alerts, 25U);
}

}  // namespace
}  // namespace vigie
