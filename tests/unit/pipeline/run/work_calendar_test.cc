#include "pipeline/run/work_calendar.h"

#include <gtest/gtest.h>

#include "pipeline/run/apply.h"
#include "state/conversation_record.h"
#include "tests/fakes/acme.h"
#include "tests/fakes/scratch_log.h"

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

// What the worker writes into `conversations` of one mention under these rules.
ConversationRecord written(const std::string& brand, const std::string& route) {
  const auto set =
      RuleSet::compile("brand: {id: acme, query: acme" + brand +
                           "}\nroutes: [{id: r, when: is:brand, queue: social" + route + "}]\n",
                       "r.yaml")
          .rules;
  ScratchLog log;
  Authors authors(log.store());
  const AuthorKeys keys({});
  Apply apply(Partition{0}, log.store(), authors, keys, *log, {});
  Matcher matcher;
  const Mention mention = acme_mention("1", "acme is late", at("2026-03-27T16:30:00Z"));
  EXPECT_TRUE(apply.load());
  EXPECT_TRUE(apply.begin(std::vector<std::string>{"x/1"}));
  EXPECT_TRUE(apply.record(mention, *set, matcher));
  Effects effects;
  EXPECT_TRUE(apply.finish(effects));
  const auto records = ScratchLog::of(Topic::Conversations, effects.outputs);
  if (records.size() != 1) return {};
  return *parse_conversation_record(records[0].key, *records[0].value);
}

TEST(WorkCalendarTest, RecordOfAMessageCarriesWhatItsClocksRunBy) {
  const std::string paris = ", timezone: Europe/Paris, business_hours: 'mon-fri 09:00-18:00'";
  const ConversationRecord record = written(paris, ", sla: 1h, resolve: 2d");

  EXPECT_EQ(record.message.sla_seconds, 3600);
  EXPECT_EQ(record.message.resolve_seconds, 2 * 86400);
  // Friday 17:30 and an hour more, over the change of the clocks: Monday 9:30.
  EXPECT_EQ(record.hours.after(record.message.event_time, std::chrono::hours{1}),
            at("2026-03-30T07:30:00Z"));
  EXPECT_TRUE(written(paris, "").hours.week.empty());
  EXPECT_TRUE(written("", ", sla: 1h").hours.week.empty());
}

TEST(WorkCalendarTest, LongestSlaIsWhatTheFoldTakes) {
  EXPECT_EQ(written("", ", sla: 900d").message.sla_seconds, std::int64_t{366} * 86400);
}

}  // namespace
}  // namespace vigie
