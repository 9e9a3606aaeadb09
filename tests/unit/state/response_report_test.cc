#include "state/response_report.h"

#include "tests/unit/state/queues_fixture.h"

namespace vigie {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using Type = ConversationRecord::Type;

class Responses : public testing::Test {
 protected:
  void ask(std::string item, minutes at, std::int64_t sla = 0) {
    world_.tell({.conversation = item,
                 .key = item + "/" + std::to_string(++messages_),
                 .at = at,
                 .sla = sla});
  }
  void answer(std::string item, minutes at) {
    world_.tell({.conversation = item,
                 .key = item + "/" + std::to_string(++messages_),
                 .at = at,
                 .inbound = false});
  }
  ResponseReport report(minutes from, minutes until) {
    ResponseReport out(kItemStart + from, kItemStart + until, kItemStart + until);
    world_->each([&](const QueueItem& item, const WorkHours& hours) { out.add(item, hours); });
    return out;
  }
  ResponseReport day() { return report(minutes{-1}, hours{24}); }

  QueuesWorld world_;
  int messages_ = 0;
};

TEST_F(Responses, TimesAreNearestRanks) {
  for (const int taken : {60, 1, 3, 2}) {
    ask("x/" + std::to_string(taken), minutes{0});
    answer("x/" + std::to_string(taken), minutes{taken});
  }

  const auto first = day().first();

  EXPECT_EQ(first.responses, 4U);
  EXPECT_EQ(first.median, minutes{2});
  EXPECT_EQ(first.p90, minutes{60});
  EXPECT_FALSE(day().next().median);
}

TEST_F(Responses, NextOnesRunFromTheFirstMessageThatIsNotAnswered) {
  ask("x/1", minutes{0});
  answer("x/1", minutes{5});
  ask("x/1", minutes{10});
  ask("x/1", minutes{12});
  answer("x/1", minutes{30});
  answer("x/1", minutes{31});

  EXPECT_EQ(day().first().median, minutes{5});
  EXPECT_EQ(day().next().responses, 1U);
  EXPECT_EQ(day().next().median, minutes{20});
}

TEST_F(Responses, NotedOnesCount) {
  ask("x/1", minutes{0});
  world_.tell({.type = Type::ReplyNoted, .conversation = "x/1", .at = minutes{7}});

  EXPECT_EQ(day().first().median, minutes{7});
  EXPECT_EQ(day().answered(), 1);
}

TEST_F(Responses, RateIsOfWhatWasOpenedInTheWindow) {
  ask("x/early", minutes{0});
  for (const char* item : {"x/a", "x/b", "x/c", "x/d"}) ask(item, minutes{60});
  for (const char* item : {"x/early", "x/a", "x/b", "x/c"}) answer(item, minutes{70});

  const ResponseReport found = report(minutes{30}, minutes{120});

  EXPECT_EQ(found.items(), 4);
  EXPECT_EQ(found.reply_rate().value(), 0.75);
  EXPECT_EQ(found.first().responses, 4U);
}

TEST_F(Responses, WithdrawnItemsAreLeftOut) {
  world_.tell({.conversation = "x/1", .key = "x/1", .at = minutes{0}});
  world_.tell({.type = Type::Withdraw, .conversation = "x/1", .key = "x/1", .at = minutes{1}});

  EXPECT_EQ(day().items(), 0);
  EXPECT_FALSE(day().reply_rate().value());
}

TEST_F(Responses, WhatIsOwedIsAtRiskAndThenMissed) {
  for (const char* item : {"x/a", "x/b", "x/late", "x/owed"}) ask(item, minutes{0}, 3600);
  ask("x/fresh", minutes{100}, 3600);
  ask("x/free", minutes{0});
  answer("x/a", minutes{10});
  answer("x/b", minutes{60});
  answer("x/late", minutes{61});
  answer("x/free", minutes{110});

  const ResponseReport found = report(minutes{-1}, minutes{120});

  EXPECT_EQ(found.met(), 2);
  EXPECT_EQ(found.missed(), 1);
  EXPECT_EQ(found.overdue(), 1);
  EXPECT_EQ(found.at_risk(), 1);
  EXPECT_EQ(found.sla_attainment().value(), 0.5);
  EXPECT_EQ(found.sla_at_worst().value(), 0.4);
}

TEST_F(Responses, BusinessHoursAreToldBesideTheClock) {
  // Mondays 09:00 to 12:00; the item is opened on a Monday at 10:00.
  world_.hours.week = {{9 * 60, 12 * 60}};
  world_.hours.zones = {{kItemStart, minutes{0}}};
  ask("x/1", minutes{0}, 4 * 3600);
  answer("x/1", hours{5});

  EXPECT_EQ(day().first().median, hours{5});
  EXPECT_EQ(day().first_worked().median, hours{2});
  EXPECT_EQ(day().met(), 1);
}

TEST_F(Responses, WhatIsOwedSinceBeforeTheWindowIsStillOverdue) {
  ask("x/1", minutes{0}, 60);

  const ResponseReport late = report(minutes{60}, minutes{120});

  EXPECT_EQ(late.overdue(), 1U);
  EXPECT_EQ(report(minutes{-60}, minutes{-1}).overdue(), 0U);
}

}  // namespace
}  // namespace vigie
