#include "pipeline/core/clock.h"

#include <gtest/gtest.h>

namespace vigie {
namespace {

using namespace std::chrono_literals;

Time at(const char* text) {
  return *parse_time(text);
}

TEST(ParseTime, ReadsOffsetsAsUtc) {
  EXPECT_EQ(format_time(at("2026-06-01T10:00:00+02:00")), "2026-06-01T08:00:00Z");
  EXPECT_EQ(format_time(at("2026-06-01T00:10:00-05:30")), "2026-06-01T05:40:00Z");
  EXPECT_EQ(format_time(at("2026-01-01t00:00:00z")), "2026-01-01T00:00:00Z");
}

TEST(ParseTime, KeepsMicrosecondsAndDropsFinerDigits) {
  EXPECT_EQ(format_time(at("2026-06-01T10:00:00.25Z")), "2026-06-01T10:00:00.250Z");
  EXPECT_EQ(format_time(at("2026-06-01T10:00:00.123456789Z")), "2026-06-01T10:00:00.123456Z");
  EXPECT_EQ(format_time(at("2026-06-01T10:00:00.000Z")), "2026-06-01T10:00:00Z");
}

TEST(ParseTime, CountsALeapSecondAsTheNextSecond) {
  EXPECT_EQ(format_time(at("2016-12-31T23:59:60Z")), "2017-01-01T00:00:00Z");
}

TEST(ParseTime, KnowsWhichDaysExist) {
  EXPECT_TRUE(parse_time("2024-02-29T00:00:00Z"));
  EXPECT_FALSE(parse_time("2026-02-29T00:00:00Z"));
  EXPECT_FALSE(parse_time("2026-04-31T00:00:00Z"));
  EXPECT_FALSE(parse_time("2026-13-01T00:00:00Z"));
  EXPECT_FALSE(parse_time("0000-01-01T00:00:00Z"));
}

TEST(ParseTime, RefusesEveryOtherForm) {
  for (const char* text : {"",
                           "2026",
                           "2026-06-01",
                           "2026-06-01T10:00:00",
                           "2026-06-01 10:00:00Z",
                           "2026-06-01T10:00Z",
                           "2026-06-01T24:00:00Z",
                           "2026-06-01T10:60:00Z",
                           "2026-06-01T10:00:61Z",
                           "2026-06-01T10:00:00.Z",
                           "2026-06-01T10:00:00+2:00",
                           "2026-06-01T10:00:00+0200",
                           "2026-06-01T10:00:00+24:00",
                           "2026-06-01T10:00:00Zx",
                           " 2026-06-01T10:00:00Z",
                           "2026-06-01T10:00:00+02",
                           "2026-6-1T10:00:00Z",
                           "1780308000",
                           "2026-06-01T10:00:00,5Z",
                           "6000-01-01T00:00:00Z",
                           "5999-12-31T23:59:59-00:01",
                           "0001-01-01T00:00:00+00:01"}) {
    EXPECT_FALSE(parse_time(text)) << text;
  }
}

TEST(ParseTime, RefusesEveryCutOfAValidTime) {
  const std::string whole = "2026-06-01T10:00:00.25+02:00";
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(parse_time(std::string_view(whole).substr(0, size))) << size;
  }
}

TEST(FormatTime, ReadsBackAsItself) {
  for (const char* text : {"0001-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z",
                           "1970-01-01T00:00:00Z", "5999-12-31T23:59:59.999Z"}) {
    EXPECT_EQ(format_time(at(text)), text);
  }
}

TEST(Buckets, RoundDownBeforeAndAfterTheEpoch) {
  EXPECT_EQ(minute_of(at("1970-01-01T00:01:59.999Z")), 1);
  EXPECT_EQ(minute_of(at("1969-12-31T23:59:59Z")), -1);
  EXPECT_EQ(hour_of(at("1969-12-31T22:59:59Z")), -2);
  EXPECT_EQ(hour_of_minute(119), 1);
  EXPECT_EQ(hour_of_minute(-1), -1);
  EXPECT_EQ(hour_of_minute(-60), -1);
  EXPECT_EQ(hour_of_minute(-61), -2);
  EXPECT_EQ(start_of_hour(hour_of(at("2026-06-01T10:59:59Z"))), at("2026-06-01T10:00:00Z"));
}

struct Clocks {
  Time wall = *parse_time("2026-06-01T10:00:00Z");
  std::chrono::microseconds monotonic = 5s;

  RecordClock make() {
    return RecordClock([this] { return wall; }, [this] { return monotonic; });
  }
  void pass(std::chrono::microseconds time) {
    wall += time;
    monotonic += time;
  }
};

TEST(RecordClock, FollowsTheWallClockWhileTheyAgree) {
  Clocks clocks;
  RecordClock clock = clocks.make();
  clock.now();

  clocks.pass(1h);

  EXPECT_EQ(clock.now(), clocks.wall);
  EXPECT_EQ(clock.steps(), 0U);
}

TEST(RecordClock, DoesNotFollowAStepAndCountsItOnce) {
  Clocks clocks;
  RecordClock clock = clocks.make();
  const Time start = clock.now();

  clocks.wall -= 2h;
  clocks.pass(10s);

  EXPECT_EQ(clock.now(), start + 10s);
  EXPECT_EQ(clock.now(), start + 10s);
  EXPECT_EQ(clock.steps(), 1U);
}

TEST(RecordClock, SlewsDriftByAMillisecondASecond) {
  Clocks clocks;
  RecordClock clock = clocks.make();
  const Time start = clock.now();

  clocks.pass(100s);
  clocks.wall += 1s;
  const Time now = clock.now();

  EXPECT_GT(now, start + 100s);
  EXPECT_LE(now, start + 100s + 101ms);
  EXPECT_EQ(clock.steps(), 0U);
}

TEST(RecordClock, SlewsAsSlowlyAfterADayAsAtItsStart) {
  Clocks clocks;
  RecordClock clock = clocks.make();
  clock.now();
  clocks.pass(24h);
  const Time before = clock.now();

  clocks.wall -= 45s;
  clocks.pass(10s);

  EXPECT_EQ(clock.now(), before + 10s - 10ms);
  EXPECT_EQ(clock.steps(), 0U);
}

TEST(RecordClock, SlewsWhenItIsAskedMoreOftenThanAMillisecondApart) {
  Clocks clocks;
  RecordClock clock = clocks.make();
  const Time start = clock.now();
  clocks.wall += 30s;

  Time now = start;
  for (int i = 0; i < 10'000; ++i) {
    clocks.pass(100us);
    now = clock.now();
  }

  EXPECT_EQ(now, start + 1s + 1ms);
}

TEST(RecordClock, NeverGoesBackWhenTheWallClockIsSlow) {
  Clocks clocks;
  RecordClock clock = clocks.make();
  Time last = clock.now();
  for (int i = 0; i < 1000; ++i) {
    clocks.monotonic += 1ms;  // the wall clock stands still
    const Time now = clock.now();
    ASSERT_GE(now, last) << i;
    last = now;
  }
}

}  // namespace
}  // namespace vigie
