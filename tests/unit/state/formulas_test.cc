// The examples of state/FORMULAS.md.
#include "state/formulas.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace vigie {
namespace {

Measures measures(std::int64_t mentions, std::int64_t own, std::int64_t likes, std::int64_t replies,
                  std::int64_t shares, std::int64_t views, std::int64_t clicks,
                  std::int64_t conversions) {
  Measures out{};
  at(out, Measure::Mentions) = mentions;
  at(out, Measure::Own) = own;
  at(out, Measure::Likes) = likes;
  at(out, Measure::Replies) = replies;
  at(out, Measure::Shares) = shares;
  at(out, Measure::Views) = views;
  at(out, Measure::Clicks) = clicks;
  at(out, Measure::Conversions) = conversions;
  return out;
}

TEST(Formulas, HaveAnIdAndAVersionEach) {
  EXPECT_EQ(formula(FormulaId::ShareOfVoice).id, "share_of_voice");
  EXPECT_EQ(formula(FormulaId::BestTimes).id, "best_times");
  for (const Formula& one : formulas()) {
    EXPECT_GE(one.version, 1);
    EXPECT_FALSE(one.is.empty()) << one.id;
  }
}

TEST(Ratio, IsRoundedAndNothingWithoutAWhole) {
  EXPECT_EQ((Ratio{1, 3}.value()), 0.333333);
  EXPECT_EQ((Ratio{2, 3}.value()), 0.666667);
  EXPECT_EQ((Ratio{0, 5}.value()), 0.0);
  EXPECT_FALSE((Ratio{5, 0}.value()));
}

TEST(Formulas, GiveWhatTheirExamplesSay) {
  const Measures week = measures(90, 10, 200, 60, 40, 15'000, 450, 9);
  EXPECT_EQ(engagement_rate(week).value(), 0.02);
  EXPECT_EQ(engagement_per_mention(week).value(), 3.0);
  EXPECT_EQ(click_through(week).value(), 0.03);
  EXPECT_EQ(conversion_rate(week).value(), 0.02);
  EXPECT_EQ(share_of_voice(90, 120).value(), 0.75);
  EXPECT_EQ(change(90, 60).value(), 0.5);
  EXPECT_EQ(change(30, 60).value(), -0.5);
  EXPECT_FALSE(change(5, 0).value());
}

// Four weeks with one mention an hour, and nine more on Tuesdays at 10.
BestTimes four_weeks() {
  BestTimes times;
  for (std::size_t hour = 0; hour < 4 * BestTimes::kSlots; ++hour) {
    const std::size_t slot = hour % BestTimes::kSlots;
    times.add(slot, measures(slot == 24 + 10 ? 10 : 1, 0, 0, 0, 0, 0, 0, 0));
  }
  return times;
}

TEST(BestTimes, AreTheHoursWithMoreThanTheOthers) {
  const auto ranked = four_weeks().ranked();

  ASSERT_EQ(ranked.size(), BestTimes::kSlots);
  EXPECT_EQ(ranked[0].slot, 34U);
  EXPECT_EQ(ranked[0].hours, 4);
  EXPECT_EQ(ranked[0].activity, 40);
  // 10 an hour, over 177 in 168 hours
  EXPECT_EQ(ranked[0].score, 9.491525);
  EXPECT_EQ(ranked[1].slot, 0U);
  EXPECT_EQ(ranked[2].slot, 1U);
}

TEST(BestTimes, CountEngagementAndClicksButNoViews) {
  BestTimes times = four_weeks();
  times.add(7, measures(0, 1, 2, 3, 4, 5000, 6, 70));

  const auto ranked = times.ranked();

  const auto seven = std::ranges::find(ranked, 7U, &BestTimes::Slot::slot);
  EXPECT_EQ(seven->activity, 4 + 16);
}

TEST(BestTimes, SayNothingWithoutEnough) {
  BestTimes empty;
  EXPECT_FALSE(empty.enough());
  EXPECT_TRUE(empty.ranked().empty());

  BestTimes few;
  for (std::size_t hour = 0; hour < 4 * BestTimes::kSlots; ++hour) {
    few.add(hour % BestTimes::kSlots, measures(hour < 199 ? 1 : 0, 0, 0, 0, 0, 0, 0, 0));
  }
  EXPECT_EQ(few.weeks(), 4);
  EXPECT_EQ(few.mentions(), 199);
  EXPECT_FALSE(few.enough());
  few.add(0, measures(1, 0, 0, 0, 0, 0, 0, 0));
  EXPECT_TRUE(few.enough());

  BestTimes short_of_a_week;
  for (std::size_t hour = 0; hour + 1 < 4 * BestTimes::kSlots; ++hour) {
    short_of_a_week.add(hour % BestTimes::kSlots, measures(9, 0, 0, 0, 0, 0, 0, 0));
  }
  EXPECT_EQ(short_of_a_week.weeks(), 3);
  EXPECT_FALSE(short_of_a_week.enough());
}

}  // namespace
}  // namespace vigie
