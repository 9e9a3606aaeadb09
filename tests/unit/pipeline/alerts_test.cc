#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "pipeline/alerts/alert.h"
#include "pipeline/alerts/surge.h"
#include "tests/unit/pipeline/alerts_cuts.h"

namespace vigie {
namespace {

std::vector<std::string> as_json(const std::vector<Alert>& alerts) {
  std::vector<std::string> out;
  for (const Alert& alert : alerts) append_json(out.emplace_back(), alert);
  return out;
}

Minute minute_of_start(const Alert& alert) {
  return minute_of(alert.started_at);
}

// Two mentions a minute, and `burst` more in [from, from + length).
auto steady_with_burst(Minute from, Minute length, std::int64_t burst) {
  return [=](Minute minute) -> std::int64_t {
    return 2 + (minute >= from && minute < from + length ? burst : 0);
  };
}

TEST(SurgeDetector, SaysWhatTheBaselineIsMadeOf) {
  const auto burst_at = [](Minute after) {
    SurgeDetector detector({}, 1);
    return fold_all(detector,
                    cuts_of(kStart, kStart + after + 20, steady_with_burst(kStart + after, 20, 30)))
        .at(0);
  };

  const Alert early = burst_at(10 * 60);
  const Alert days = burst_at(3 * kDay);
  const Alert weeks = burst_at(3 * kWeek);

  EXPECT_EQ(early.evidence.method, "fixed");
  EXPECT_EQ(early.evidence.baseline_from, "since_start");
  EXPECT_EQ(days.evidence.method, "poisson");
  EXPECT_EQ(days.evidence.baseline_from, "last_day");
  EXPECT_EQ(days.evidence.baseline_hours, 24);
  EXPECT_EQ(weeks.evidence.baseline_from, "hour_of_week");
  EXPECT_EQ(weeks.evidence.baseline_hours, 3);
  EXPECT_DOUBLE_EQ(weeks.baseline, 10);
  EXPECT_EQ(weeks.authors, 30);
  EXPECT_GE(weeks.z, 4);
}

TEST(SurgeDetector, IsNotMovedByAFloodOfThreeAuthors) {
  SurgeDetector detector({}, 1);

  const auto alerts = fold_all(
      detector,
      cuts_of(kStart, kStart + 2 * kDay, steady_with_burst(kStart + kDay + 600, 60, 200), 3));

  EXPECT_TRUE(alerts.empty());
}

TEST(SurgeDetector, IsNotMovedByCountsUnderTheFloor) {
  SurgeDetector detector({}, 1);
  // Nothing for two days, then nine mentions in five minutes.
  const auto few = [](Minute minute) -> std::int64_t {
    const Minute into = minute - (kStart + 2 * kDay);
    return into >= 0 && into % 5 < 3 && into < 60 ? 3 : 0;
  };

  const auto alerts = fold_all(detector, cuts_of(kStart, kStart + 3 * kDay, few));

  EXPECT_TRUE(alerts.empty());
}

TEST(SurgeDetector, FiresOnceAndResolvesWhenItHasBeenCalm) {
  SurgeDetector detector({}, 1);
  const Minute burst = kStart + 3 * kDay;

  const auto alerts =
      fold_all(detector, cuts_of(kStart, burst + 120, steady_with_burst(burst, 30, 20)));

  ASSERT_EQ(alerts.size(), 2U);
  EXPECT_EQ(alerts[0].state, AlertState::Firing);
  EXPECT_LE(minute_of_start(alerts[0]), burst + 2);
  EXPECT_EQ(alerts[1].state, AlertState::Resolved);
  EXPECT_EQ(alerts[1].id, alerts[0].id);
  EXPECT_EQ(alerts[1].peak, 110);
  // The burst leaves the window four minutes after its end; ten calm minutes follow.
  EXPECT_GE(minute_of(*alerts[1].resolved_at), burst + 30 + 9);
  EXPECT_LE(minute_of(*alerts[1].resolved_at), burst + 30 + 15);
}

TEST(SurgeDetector, DoesNotFlapWhenABurstPausesForLessThanTheCalm) {
  SurgeDetector detector({}, 1);
  const Minute burst = kStart + 3 * kDay;
  const auto pausing = [=](Minute minute) -> std::int64_t {
    const Minute into = minute - burst;
    return into >= 0 && into < 60 && into % 12 < 6 ? 20 : 2;
  };

  const auto alerts = fold_all(detector, cuts_of(kStart, burst + 120, pausing));

  EXPECT_EQ(alerts.size(), 2U);
}

TEST(SurgeDetector, StaysSilentThroughTheCoolDownAndFiresAfterIt) {
  SurgeDetector detector({}, 1);
  const Minute burst = kStart + 3 * kDay;
  const auto again = [=](Minute minute) -> std::int64_t {
    const Minute into = minute - burst;
    return (into >= 0 && into < 10) || (into >= 30 && into < 40) || (into >= 90 && into < 100) ? 30
                                                                                               : 2;
  };

  const auto alerts = fold_all(detector, cuts_of(kStart, burst + 180, again));

  ASSERT_EQ(alerts.size(), 4U);
  EXPECT_LE(minute_of_start(alerts[0]), burst + 2);
  EXPECT_GE(minute_of_start(alerts[2]), burst + 90);
  EXPECT_GT(detector.stats().cooled, 0U);
}

TEST(SurgeDetector, DoesNotLearnFromItsOwnAlerts) {
  SurgeDetector detector({}, 1);
  const Minute burst = kStart + 3 * kDay;
  const auto daily = [=](Minute minute) -> std::int64_t {
    const Minute into = minute - burst;
    return into >= 0 && into % kDay < 180 ? 40 : 2;
  };

  const auto alerts = fold_all(detector, cuts_of(kStart, burst + 2 * kDay, daily));

  ASSERT_EQ(alerts.size(), 4U);
  EXPECT_DOUBLE_EQ(alerts[0].baseline, 10);
  EXPECT_DOUBLE_EQ(alerts[2].baseline, 10);
}

TEST(SurgeDetector, TakesALevelThatLastsForTheNewNormal) {
  SurgeDetector detector({}, 1);
  const Minute rise = kStart + 3 * kWeek;

  const auto alerts =
      fold_all(detector, cuts_of(kStart, rise + kWeek, steady_with_burst(rise, kWeek, 20)));

  ASSERT_EQ(alerts.size(), 2U);
  EXPECT_EQ(minute_of(*alerts[1].resolved_at) - minute_of_start(alerts[0]), kDay);
}

TEST(SurgeDetector, EndsTheAlertOfAStreamThatIsBusyFromItsStart) {
  SurgeDetector detector({}, 1);

  const auto alerts = fold_all(detector, cuts_of(kStart, kStart + kDay, [](Minute) { return 50; }));

  ASSERT_EQ(alerts.size(), 2U);
  EXPECT_LE(minute_of(*alerts[1].resolved_at), kStart + 60);
}

// Three partitions, two series in each, with a burst of both in the third hour.
std::vector<std::vector<Cut>> three_partitions() {
  std::vector<std::vector<Cut>> cuts(3);
  for (std::int32_t p = 0; p < 3; ++p) {
    CutWriter worker(p);
    std::mt19937 random(static_cast<unsigned>(p) + 7);
    for (Minute minute = kStart; minute < kStart + 300; ++minute) {
      const bool burst = minute >= kStart + 180 && minute < kStart + 200;
      worker.add(theme("b"), minute, (random() % 8 == 0 ? 1 : 0) + (burst ? 20 : 0), 9);
      worker.add({Dimension::Brand, "z"}, minute, (random() % 8 == 0 ? 1 : 0) + (burst ? 20 : 0),
                 9);
      // A worker whose partition is quiet passes several minutes at once.
      if (random() % 4 != 0 || minute + 1 == kStart + 300) {
        cuts[static_cast<std::size_t>(p)].push_back(worker.cut(minute));
      }
    }
  }
  return cuts;
}

std::vector<Cut> interleave(const std::vector<std::vector<Cut>>& cuts, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<std::size_t> next(cuts.size());
  std::vector<Cut> out;
  for (;;) {
    std::vector<std::size_t> left;
    for (std::size_t p = 0; p < cuts.size(); ++p) {
      if (next[p] < cuts[p].size()) left.push_back(p);
    }
    if (left.empty()) return out;
    const std::size_t p = left[random() % left.size()];
    for (std::size_t run = random() % 40 + 1; run > 0 && next[p] < cuts[p].size(); --run) {
      out.push_back(cuts[p][next[p]++]);
    }
  }
}

TEST(SurgeDetector, GivesTheSameAlertsForEveryInterleavingOfThePartitions) {
  const auto cuts = three_partitions();
  SurgeDetector reference({}, 3);
  const auto expected = as_json(fold_all(reference, interleave(cuts, 0)));
  ASSERT_EQ(expected.size(), 4U);
  EXPECT_NE(expected[0].find("\"brand\""), std::string::npos);
  EXPECT_NE(expected[1].find("\"theme\""), std::string::npos);

  for (unsigned seed = 1; seed < 30; ++seed) {
    SurgeDetector detector({}, 3);
    EXPECT_EQ(as_json(fold_all(detector, interleave(cuts, seed))), expected) << "seed " << seed;
    EXPECT_EQ(detector.save(), reference.save()) << "seed " << seed;
  }
}

TEST(SurgeDetector, GoesOnAfterARestartAtAnyCutAsIfThereHadBeenNone) {
  const auto cuts = interleave(three_partitions(), 5);
  SurgeDetector reference({}, 3);
  const auto expected = as_json(fold_all(reference, cuts));

  for (std::size_t split = 0; split <= cuts.size(); split += 13) {
    SurgeDetector before({}, 3);
    const auto at = cuts.begin() + static_cast<std::ptrdiff_t>(split);
    auto alerts = as_json(fold_all(before, {cuts.begin(), at}));
    auto after = SurgeDetector::load(before.save(), {}, 3);
    ASSERT_TRUE(after) << after.error().message;
    EXPECT_EQ(after->save(), before.save());
    for (auto& json : as_json(fold_all(*after, {at, cuts.end()})))
      alerts.push_back(std::move(json));
    EXPECT_EQ(alerts, expected) << "split " << split;
    EXPECT_EQ(after->save(), reference.save()) << "split " << split;
  }
}

TEST(SurgeDetector, TakesWhatAWholeCutDoesNotTellForZero) {
  SurgeDetector detector({}, 1);
  const Minute burst = kStart + 3 * kDay;
  fold_all(detector, cuts_of(kStart, burst, steady_with_burst(burst, 0, 0)));
  Cut taken_back;
  taken_back.minute = burst + 1;
  taken_back.values = {{theme("delivery"), Granularity::Minute, burst + 1, 100}};
  taken_back.authors = {{theme("delivery"), hour_of_minute(burst), {1, 2, 3, 4, 5, 6}}};
  Cut whole;
  whole.minute = burst + 2;
  whole.whole = true;

  const auto first = detector.fold(taken_back);
  const auto second = detector.fold(whole);

  EXPECT_TRUE(first.empty());
  EXPECT_TRUE(second.empty());
}

TEST(SurgeDetector, ReadsARepeatedCutOnceAndAnUnknownPartitionNever) {
  SurgeDetector detector({}, 1);
  const auto cuts = cuts_of(kStart, kStart + 10, [](Minute) { return 1; });
  fold_all(detector, cuts);
  const std::string before = detector.save();
  Cut elsewhere = cuts.back();
  elsewhere.partition = Partition{7};
  elsewhere.minute += 1;

  detector.fold(cuts[3]);
  detector.fold(elsewhere);

  EXPECT_EQ(detector.save(), before);
  EXPECT_EQ(detector.stats().ignored_cuts, 2U);
  EXPECT_EQ(detector.judged(), kStart + 9);
}

TEST(SurgeDetector, JudgesNothingUntilEveryPartitionHasPassedTheMinute) {
  SurgeDetector detector({}, 2);

  fold_all(detector, cuts_of(kStart, kStart + 60, [](Minute) { return 30; }));
  EXPECT_EQ(detector.stats().judged, 0U);
  CutWriter other(1);
  const auto alerts = detector.fold(other.cut(kStart + 30));

  EXPECT_EQ(detector.judged(), kStart + 30);
  EXPECT_FALSE(alerts.empty());
}

TEST(SurgeDetector, JoinsCutsWhenAPartitionIsMoreThanADayBehind) {
  SurgeDetector detector({}, 2);

  fold_all(detector, cuts_of(kStart, kStart + 2 * kDay, [](Minute) { return 1; }));
  CutWriter other(1);
  detector.fold(other.cut(kStart + 2 * kDay));

  EXPECT_EQ(detector.stats().merged_cuts, 2U * kDay - 1500);
  EXPECT_EQ(detector.judged(), kStart + 2 * kDay - 1);
}

TEST(SurgeDetector, RefusesSeriesBeyondItsLimitAndForgetsIdleOnes) {
  SurgeOptions options;
  options.max_series = 2;
  SurgeDetector detector(options, 1);
  CutWriter worker;
  worker.add(theme("a"), kStart, 1, 1);
  worker.add(theme("b"), kStart, 1, 1);
  worker.add(theme("c"), kStart, 1, 1);
  detector.fold(worker.cut(kStart));
  EXPECT_EQ(detector.series(), 2U);
  EXPECT_GT(detector.stats().refused_series, 0U);

  detector.fold(worker.cut(kStart + 5 * kWeek));

  EXPECT_EQ(detector.series(), 0U);
}

TEST(SurgeDetector, FiresNothingWhenSwitchedOffAndEndsWhatFires) {
  SurgeDetector on({}, 1);
  const Minute burst = kStart + 3 * kDay;
  const auto cuts = cuts_of(kStart, burst + 60, steady_with_burst(burst, 60, 30));
  const auto middle = cuts.begin() + 3 * kDay + 10;
  ASSERT_EQ(fold_all(on, {cuts.begin(), middle}).size(), 1U);
  SurgeOptions options;
  options.enabled = false;

  auto off = SurgeDetector::load(on.save(), options, 1);
  ASSERT_TRUE(off);
  const auto alerts = fold_all(*off, {middle, cuts.end()});

  ASSERT_EQ(alerts.size(), 1U);
  EXPECT_EQ(alerts[0].state, AlertState::Resolved);
}

TEST(SurgeDetector, LoadsNoBytesThatItDidNotWrite) {
  SurgeDetector detector({}, 3);
  const auto cuts = interleave(three_partitions(), 1);
  fold_all(detector, {cuts.begin(), cuts.begin() + 480});
  const std::string good = detector.save();

  EXPECT_FALSE(SurgeDetector::load("", {}, 3));
  EXPECT_FALSE(SurgeDetector::load("garbage", {}, 3));
  EXPECT_FALSE(SurgeDetector::load(good + "x", {}, 3));
  EXPECT_EQ(SurgeDetector::load(good, {}, 4).error().code, Code::Invalid);
  for (std::size_t size = 0; size < good.size(); size += 7) {
    EXPECT_FALSE(SurgeDetector::load(good.substr(0, size), {}, 3)) << size;
  }
}

TEST(SurgeDetector, SurvivesEveryDamagedByteOfItsState) {
  SurgeDetector detector({}, 3);
  const auto cuts = interleave(three_partitions(), 1);
  fold_all(detector, {cuts.begin(), cuts.begin() + 480});
  const std::string good = detector.save();

  for (std::size_t at = 0; at < good.size(); at += 3) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x5a);
    auto loaded = SurgeDetector::load(bad, {}, 3);
    if (loaded) loaded->fold(cuts[480]);
  }
}

}  // namespace
}  // namespace vigie
