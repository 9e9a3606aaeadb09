#include "pipeline/run/batch_pace.h"

#include <gtest/gtest.h>

namespace vigie {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A backlog, at 20 records a millisecond.
void work_off(BatchPace& pace) {
  for (int i = 0; i < 50; ++i) {
    pace.learn(std::chrono::microseconds{50 * pace.wanted()}, pace.wanted(), 0);
  }
}

TEST(BatchPace, WithoutALongestTimeOnlyTheNumberCounts) {
  BatchPace pace(2000, std::nullopt);
  EXPECT_FALSE(pace.is_over(seconds{100}, 1, 1999));
  pace.learn(seconds{100}, 2000, 0);
  EXPECT_EQ(pace.wanted(), 2000U);
}

TEST(BatchPace, IsOverAfterTheTimeUnlessTheRestIsShort) {
  const BatchPace pace(5000, milliseconds{200});
  EXPECT_FALSE(pace.is_over(milliseconds{199}, 10, 4990));
  EXPECT_TRUE(pace.is_over(milliseconds{200}, 4000, 1001));
  EXPECT_FALSE(pace.is_over(milliseconds{200}, 4000, 1000));
  EXPECT_FALSE(pace.is_over(milliseconds{299}, 4000, 1));
  EXPECT_TRUE(pace.is_over(milliseconds{300}, 4000, 1));
}

TEST(BatchPace, AsksForWhatFitsOnceItKnows) {
  BatchPace pace(5000, milliseconds{200});
  EXPECT_EQ(pace.wanted(), 5000U);
  pace.learn(milliseconds{200}, 3000, 2000);
  EXPECT_EQ(pace.wanted(), 3000U);

  work_off(pace);
  EXPECT_NEAR(static_cast<double>(pace.wanted()), 4000, 4);
}

TEST(BatchPace, LearnsNothingWhereThereWasNoMore) {
  BatchPace pace(5000, milliseconds{200});
  pace.learn(milliseconds{100}, 1000, 0);
  EXPECT_EQ(pace.wanted(), 5000U);
  pace.learn(milliseconds{200}, 3000, 2000);
  pace.learn(milliseconds{150}, 10, 0);
  EXPECT_EQ(pace.wanted(), 3000U);
}

TEST(BatchPace, OneSlowRecordDoesNotMakeItSmallForGood) {
  BatchPace pace(5000, milliseconds{200});
  for (int i = 0; i < 20; ++i) pace.learn(seconds{15}, 1, 49);
  EXPECT_EQ(pace.wanted(), 50U);
  work_off(pace);
  EXPECT_NEAR(static_cast<double>(pace.wanted()), 4000, 4);
}

TEST(BatchPace, TimeThatIsTooShortToBeMeasuredIsNoTrouble) {
  BatchPace pace(5000, milliseconds{200});
  pace.learn(BatchPace::Duration{0}, 5000, 0);
  EXPECT_EQ(pace.wanted(), 5000U);
  BatchPace at_once(2000, milliseconds{0});
  EXPECT_TRUE(at_once.is_over(BatchPace::Duration{0}, 1, 1));
  at_once.learn(BatchPace::Duration{0}, 1, 1);
  EXPECT_EQ(at_once.wanted(), 50U);
}

}  // namespace
}  // namespace vigie
