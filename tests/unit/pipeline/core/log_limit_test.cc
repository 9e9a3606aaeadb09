#include "pipeline/core/log_limit.h"

#include <gtest/gtest.h>

namespace vigie {
namespace {

using std::chrono::seconds;

TEST(LogLimit, WritesALineAtFirstAndThenOnceAMinuteWithHowManyItStandsFor) {
  LogLimit limit;
  const std::chrono::steady_clock::time_point start{};
  EXPECT_EQ(limit.times("no broker", start), 1U);
  for (int i = 1; i < 60; ++i) EXPECT_EQ(limit.times("no broker", start + seconds{i}), 0U);
  EXPECT_EQ(limit.times("no broker", start + seconds{60}), 60U);
  EXPECT_EQ(limit.times("no broker", start + seconds{61}), 0U);
  EXPECT_EQ(limit.times("no broker", start + seconds{300}), 2U);
}

TEST(LogLimit, WritesWhatIsNewAtOnceAlsoBetweenWhatIsNot) {
  LogLimit limit;
  const std::chrono::steady_clock::time_point start{};
  EXPECT_EQ(limit.times("no broker", start), 1U);
  EXPECT_EQ(limit.times("denied", start + seconds{1}), 1U);
  EXPECT_EQ(limit.times("no broker", start + seconds{2}), 0U);
  EXPECT_EQ(limit.times("denied", start + seconds{3}), 0U);
}

TEST(LogLimit, ForgetsTheOldestOfManyLines) {
  LogLimit limit;
  const std::chrono::steady_clock::time_point start{};
  for (int i = 0; i < 17; ++i) {
    EXPECT_EQ(limit.times(std::to_string(i), start + seconds{i}), 1U);
  }
  EXPECT_EQ(limit.times("16", start + seconds{20}), 0U);
  EXPECT_EQ(limit.times("0", start + seconds{20}), 1U);
}

}  // namespace
}  // namespace vigie
