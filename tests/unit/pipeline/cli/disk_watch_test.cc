#include "pipeline/cli/disk_watch.h"

#include <gtest/gtest.h>

#include "tests/fakes/metric.h"

namespace vigie {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

TEST(DiskLimits, AreAPartOfASmallDiskAndFixedOnALargeOne) {
  EXPECT_EQ(disk_limits({}, 1000 * kMiB).stop_below, 100 * kMiB);
  EXPECT_EQ(disk_limits({}, 1000 * kMiB).resume_above, 150 * kMiB);
  EXPECT_EQ(disk_limits({}, 1000 * kGiB).stop_below, kGiB);
  EXPECT_EQ(disk_limits({}, 1000 * kGiB).resume_above, 2 * kGiB);
}

TEST(DiskLimits, LeaveRoomBetweenTheTwoWhereOneIsGiven) {
  const DiskLimits limits = disk_limits({.stop_below = 4 * kGiB}, 1000 * kGiB);

  EXPECT_EQ(limits.stop_below, 4 * kGiB);
  EXPECT_EQ(limits.resume_above, 6 * kGiB);
}

class DiskWatching : public testing::Test {
 protected:
  std::uint64_t free_ = 300 * kMiB;
  bool blind_ = false;
  prometheus::Registry registry_;
  DiskWatch watch_{{.stop_below = 100 * kMiB, .resume_above = 200 * kMiB},
                   [this]() -> Result<DiskSpace> {
                     if (blind_) return fail(Code::Unavailable, "no such disk");
                     return DiskSpace{free_, kGiB};
                   },
                   registry_};
};

TEST_F(DiskWatching, StopsBelowOneLimitAndGoesOnAboveTheOther) {
  EXPECT_FALSE(watch_.look());

  free_ = 99 * kMiB;
  const auto refusal = watch_.look();
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->code, Code::Throttled);
  EXPECT_GT(refusal->retry_after.count(), 0);
  EXPECT_EQ(refusal->message,
            "disk: 99 MiB free; nothing is taken in below 100 MiB and until there are 200 MiB");
  EXPECT_EQ(metric(registry_, "vigie_intake_stopped"), 1);

  free_ = 150 * kMiB;
  EXPECT_TRUE(watch_.look());
  free_ = 200 * kMiB;
  EXPECT_FALSE(watch_.look());
  free_ = 150 * kMiB;
  EXPECT_FALSE(watch_.look());
  EXPECT_EQ(metric(registry_, "vigie_intake_stopped"), 0);
  EXPECT_EQ(metric(registry_, "vigie_disk_free_bytes"), static_cast<double>(150 * kMiB));
}

TEST_F(DiskWatching, StaysAsItWasWhenTheDiskCannotBeSeen) {
  blind_ = true;
  EXPECT_FALSE(watch_.look());
  blind_ = false;
  free_ = 0;
  EXPECT_TRUE(watch_.look());
  blind_ = true;
  EXPECT_TRUE(watch_.look());
}

}  // namespace
}  // namespace vigie
