#include "state/work_hours.h"

#include <gtest/gtest.h>

namespace vigie {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

Time at(const char* text) {
  return *parse_time(text);
}

std::uint16_t minute(int day, int hour) {
  return static_cast<std::uint16_t>((day * 24 + hour) * 60);
}

// Monday to Friday from 9 to 18 in Paris, whose clocks change on 2026-03-29 and 2026-10-25.
WorkHours office() {
  WorkHours out;
  for (int day = 0; day < 5; ++day) out.week.push_back({minute(day, 9), minute(day, 18)});
  out.zones = {{at("2026-01-01T00:00:00Z"), minutes{60}},
               {at("2026-03-29T01:00:00Z"), minutes{120}},
               {at("2026-10-25T01:00:00Z"), minutes{60}}};
  return out;
}

// Sunday from midnight to 6, across the change of the clocks.
WorkHours sunday_night() {
  WorkHours out = office();
  out.week = {{minute(6, 0), minute(6, 6)}};
  return out;
}

TEST(WorkHours, WithoutAWeekEveryHourCounts) {
  const WorkHours always;
  EXPECT_EQ(always.after(at("2026-06-06T10:00:00Z"), hours{8}), at("2026-06-06T18:00:00Z"));
  EXPECT_EQ(always.between(at("2026-06-06T10:00:00Z"), at("2026-06-06T11:30:00Z")), minutes{90});
  EXPECT_EQ(always.between(at("2026-06-06T10:00:00Z"), at("2026-06-06T09:00:00Z")), seconds{0});
}

TEST(WorkHours, WhatBeginsOnFridayAfternoonGoesOnOnMonday) {
  // Friday 17:30 in Paris.
  EXPECT_EQ(office().after(at("2026-06-05T15:30:00Z"), hours{1}), at("2026-06-08T07:30:00Z"));
  EXPECT_EQ(office().between(at("2026-06-05T15:30:00Z"), at("2026-06-08T07:30:00Z")), hours{1});
}

TEST(WorkHours, WhatBeginsOutsideWaitsForTheNextStretch) {
  EXPECT_EQ(office().after(at("2026-06-06T12:00:00Z"), hours{2}), at("2026-06-08T09:00:00Z"));
  EXPECT_EQ(office().between(at("2026-06-06T00:00:00Z"), at("2026-06-07T23:00:00Z")), seconds{0});
}

TEST(WorkHours, ADayThatIsUsedUpEndsAtItsEnd) {
  EXPECT_EQ(office().after(at("2026-06-01T07:00:00Z"), hours{9}), at("2026-06-01T16:00:00Z"));
  EXPECT_EQ(office().after(at("2026-06-01T07:00:00Z"), hours{9} + seconds{1}),
            at("2026-06-02T07:00:01Z"));
}

TEST(WorkHours, TheHourThatIsSkippedInSpringIsNoWork) {
  EXPECT_EQ(sunday_night().between(at("2026-03-28T12:00:00Z"), at("2026-03-29T12:00:00Z")),
            hours{5});
  // 01:30 and two hours more: 02:00 is followed by 03:00.
  EXPECT_EQ(sunday_night().after(at("2026-03-29T00:30:00Z"), hours{2}), at("2026-03-29T02:30:00Z"));
}

TEST(WorkHours, TheHourThatComesTwiceInAutumnIsTwo) {
  EXPECT_EQ(sunday_night().between(at("2026-10-24T12:00:00Z"), at("2026-10-25T12:00:00Z")),
            hours{7});
}

TEST(WorkHours, OfficeHoursFollowTheClocksOnTheWall) {
  EXPECT_EQ(office().after(at("2026-03-27T16:59:00Z"), minutes{2}), at("2026-03-30T07:01:00Z"));
  EXPECT_EQ(office().after(at("2026-10-23T15:59:00Z"), minutes{2}), at("2026-10-26T08:01:00Z"));
}

TEST(WorkHours, AfterAndBetweenAreInverse) {
  const Time start = at("2026-03-20T03:17:00Z");
  for (int i = 1; i < 400; ++i) {
    const seconds work{i * 1731};
    EXPECT_EQ(office().between(start, office().after(start, work)), work) << i;
  }
}

TEST(WorkHours, AMinuteAWeekHasAnEndAfterTenYears) {
  WorkHours rare = office();
  rare.week = {{0, 1}};
  const Time start = at("2026-06-01T00:00:00Z");
  EXPECT_EQ(rare.after(start, hours{24 * 366}), start + std::chrono::days{3660});
}

TEST(WorkHours, RefusesWhatOverlapsOrHasNoZone) {
  EXPECT_TRUE(office().valid());
  WorkHours overlap = office();
  overlap.week[1].begin = 0;
  EXPECT_FALSE(overlap.valid());
  WorkHours lost = office();
  lost.zones.clear();
  EXPECT_FALSE(lost.valid());
}

TEST(WorkHours, StoredFormIsReadBack) {
  std::string bytes;
  put_work_hours(bytes, office());
  ByteReader in(bytes);
  EXPECT_EQ(read_work_hours(in), office());
  EXPECT_TRUE(in.ok() && in.at_end());
}

}  // namespace
}  // namespace vigie
