#include "pipeline/run/work_calendar.h"

#include <gtest/gtest.h>

namespace vigie {
namespace {

std::shared_ptr<const RuleSet> rules(const std::string& brand) {
  return RuleSet::compile("brand: {id: a, query: a, " + brand + "}\n", "r.yaml").rules;
}

Time at(const char* text) {
  return *parse_time(text);
}

TEST(WorkCalendarTest, TellsTheWeekAndTheNextChangesOfTheClocks) {
  const auto set = rules("timezone: Europe/Paris, business_hours: 'mon-fri 09:00-18:00'");
  WorkCalendar calendar;
  const WorkHours hours = calendar.of(*set, at("2026-03-20T12:00:00Z"));

  EXPECT_TRUE(hours.valid());
  ASSERT_EQ(hours.week.size(), 5U);
  EXPECT_EQ(hours.week[1], (WorkHours::Part{1440 + 540, 1440 + 1080}));
  ASSERT_EQ(hours.zones.size(), 4U);
  EXPECT_EQ(hours.zones[0].offset, std::chrono::minutes{60});
  EXPECT_EQ(hours.zones[1],
            (WorkHours::Zone{at("2026-03-29T01:00:00Z"), std::chrono::minutes{120}}));
  EXPECT_EQ(hours.zones[2],
            (WorkHours::Zone{at("2026-10-25T01:00:00Z"), std::chrono::minutes{60}}));
}

TEST(WorkCalendarTest, IsTheSameForTheWholeDayWhoeverAsksFirst) {
  const auto set = rules("timezone: America/New_York, business_hours: 'mon-sun 00:00-24:00'");
  WorkCalendar early;
  early.of(*set, at("2026-03-08T00:00:00Z"));
  WorkCalendar late;
  EXPECT_EQ(early.of(*set, at("2026-03-08T23:59:59Z")), late.of(*set, at("2026-03-08T12:00:00Z")));
}

TEST(WorkCalendarTest, OfABrandThatAlwaysAnswersIsEmpty) {
  WorkCalendar calendar;
  EXPECT_TRUE(
      calendar.of(*rules("timezone: Europe/Paris"), at("2026-03-20T12:00:00Z")).week.empty());
}

TEST(WorkCalendarTest, FollowsARulesReload) {
  WorkCalendar calendar;
  const Time now = at("2026-03-20T12:00:00Z");
  calendar.of(*rules("business_hours: 'mon 09:00-18:00'"), now);
  EXPECT_EQ(calendar.of(*rules("business_hours: 'tue 09:00-18:00'"), now).week[0].begin,
            1440 + 540);
}

}  // namespace
}  // namespace vigie
