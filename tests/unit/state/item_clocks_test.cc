#include "tests/unit/state/queues_fixture.h"

namespace vigie {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using Kind = ItemClock::Kind;
using Type = ConversationRecord::Type;

constexpr std::int64_t kHour = 3600;

class ItemClocks : public testing::Test {
 protected:
  void message(minutes at, std::string key = "x/1") {
    world_.tell({.key = std::move(key), .at = at, .sla = kHour, .resolve = 5 * kHour});
  }
  void reply(minutes at, std::string key) {
    world_.tell({.key = std::move(key), .at = at, .inbound = false});
  }
  void act(Type type, minutes at) { world_.tell({.type = type, .at = at}); }
  ItemClock response() const { return world_.item().clocks.at(0); }
  ItemClock resolution() const { return world_.item().clocks.back(); }

  QueuesWorld world_;
};

TEST_F(ItemClocks, FirstResponseRunsFromTheFirstMessageToTheReply) {
  message(minutes{0});
  message(minutes{10}, "x/2");
  EXPECT_EQ(response().kind, Kind::FirstResponse);
  EXPECT_EQ(response().due, kItemStart + hours{1});
  EXPECT_EQ(response().warn_at, kItemStart + minutes{48});
  EXPECT_EQ(world_.item().due_at, kItemStart + hours{1});

  reply(minutes{20}, "x/3");
  EXPECT_EQ(world_.item().clocks.size(), 1U);
  EXPECT_EQ(world_.item().first_response_at, kItemStart + minutes{20});
  EXPECT_FALSE(world_.item().due_at);
}

TEST_F(ItemClocks, NextResponseRunsFromTheNextMessage) {
  message(minutes{0});
  reply(minutes{20}, "x/2");
  message(minutes{30}, "x/3");
  EXPECT_EQ(response().kind, Kind::NextResponse);
  EXPECT_EQ(response().due, kItemStart + minutes{90});
}

TEST_F(ItemClocks, ResolutionPausesWhileWaitingAndStopsOnResolve) {
  message(minutes{0});
  reply(minutes{60}, "x/2");
  EXPECT_EQ(resolution().kind, Kind::Resolution);
  EXPECT_FALSE(resolution().due);
  EXPECT_EQ(resolution().left, hours{4});

  message(minutes{600}, "x/3");
  EXPECT_EQ(resolution().due, kItemStart + minutes{600} + hours{4});
  EXPECT_EQ(resolution().warn_at, kItemStart + minutes{600} + hours{3});

  act(Type::Resolve, minutes{610});
  EXPECT_TRUE(world_.item().clocks.empty());

  act(Type::Reopen, minutes{700});
  EXPECT_EQ(response().kind, Kind::NextResponse);
  EXPECT_EQ(response().due, kItemStart + minutes{760});
  EXPECT_EQ(resolution().due, kItemStart + minutes{700} + hours{4} - minutes{10});
}

TEST_F(ItemClocks, MessageAfterAResolutionStartsAnew) {
  message(minutes{0});
  act(Type::Resolve, minutes{100});
  message(minutes{200}, "x/2");
  EXPECT_EQ(resolution().due, kItemStart + minutes{200} + hours{5});
}

TEST_F(ItemClocks, LateMessageIsCountedFromItsOwnTime) {
  message(minutes{30}, "x/2");
  world_.tell({.key = "x/1", .at = minutes{5}, .seen = minutes{40}, .sla = kHour});
  EXPECT_EQ(response().due, kItemStart + minutes{65});
}

TEST_F(ItemClocks, LateReplyTakesTheClockBack) {
  message(minutes{0});
  message(minutes{30}, "x/3");
  world_.tell({.key = "x/2", .at = minutes{10}, .seen = minutes{40}, .inbound = false});
  EXPECT_EQ(response().kind, Kind::NextResponse);
  EXPECT_EQ(response().due, kItemStart + minutes{90});
}

TEST_F(ItemClocks, BusinessHoursOfTheRecordAreCounted) {
  // 2026-06-01 is a Monday; the brand answers Monday and Tuesday from 9 to 11 in UTC.
  world_.hours.week = {{9 * 60, 11 * 60}, {33 * 60, 35 * 60}};
  world_.hours.zones = {{kItemStart - hours{24}, minutes{0}}};
  message(minutes{0});
  EXPECT_EQ(response().due, kItemStart + hours{1});
  // One hour today, two tomorrow, two on Monday next.
  EXPECT_EQ(resolution().due, kItemStart + hours{7 * 24 + 1});
  reply(minutes{30}, "x/2");
  EXPECT_EQ(resolution().left, hours{4} + minutes{30});
}

TEST_F(ItemClocks, WarnsAndBreachesOnceEach) {
  message(minutes{0});
  using Names = std::vector<std::string>;
  EXPECT_EQ(world_.fire(minutes{47}), Names{});
  EXPECT_EQ(world_.fire(minutes{48}), Names{"response_warning"});
  EXPECT_EQ(world_.fire(minutes{59}), Names{});
  EXPECT_EQ(world_.fire(minutes{60}), Names{"response_breach"});
  EXPECT_EQ(world_.fire(minutes{61}), Names{});
  EXPECT_EQ(world_.fire(hours{4}), Names{"resolution_warning"});
  reply(minutes{250}, "x/2");
  EXPECT_EQ(world_.fire(hours{100}), Names{});
}

TEST_F(ItemClocks, FiringThatComesAgainOrOfAnotherDueTimeChangesNothing) {
  message(minutes{0});
  ConversationRecord firing;
  firing.type = Type::Timer;
  firing.conversation = "x/1";
  firing.timer = ItemTimer::ResponseWarning;
  firing.seen_at = firing.due = kItemStart + minutes{48};
  EXPECT_TRUE(world_.tell(firing).changed);
  EXPECT_FALSE(world_.tell(firing).changed);
  firing.due = kItemStart + minutes{49};
  EXPECT_FALSE(world_.tell(firing).changed);
}

TEST_F(ItemClocks, LeaseAndExpiryFireToo) {
  message(minutes{0});
  act(Type::ReplyNoted, minutes{1});
  act(Type::Claim, minutes{2});
  EXPECT_EQ(world_.fire(minutes{32}), std::vector<std::string>{"lease"});
  EXPECT_EQ(world_.item().claimed_by, "");

  EXPECT_EQ(world_.fire(hours{24 * 35} + minutes{2}),
            (std::vector<std::string>{"snapshot", "expiry"}));
  EXPECT_FALSE(world_->item("x/1"));
  EXPECT_EQ(world_.fire(hours{24 * 99}), std::vector<std::string>{});
}

TEST_F(ItemClocks, ExpiryFiresWhenStreamTimeIsPastItAlready) {
  world_.tell({.conversation = "x/9", .key = "x/9", .at = hours{24 * 40}});
  // Written by a node that lagged: its record time is long past.
  message(minutes{0});
  EXPECT_EQ(world_.fire(hours{24 * 40}).back(), "expiry");
  EXPECT_FALSE(world_->item("x/1"));
  EXPECT_TRUE(world_->item("x/9"));
}

TEST_F(ItemClocks, ReplyThatWaitsForItsItemGoesAfterADay) {
  reply(minutes{0}, "x/2");
  EXPECT_EQ(world_.fire(hours{23}), std::vector<std::string>{});
  EXPECT_EQ(world_.fire(hours{24}), std::vector<std::string>{"expiry"});
  EXPECT_EQ(world_.stored().size(), 1U);
}

TEST_F(ItemClocks, OpeningWhatWasAnsweredOwesNothing) {
  message(minutes{0});
  reply(minutes{5}, "x/2");
  act(Type::Resolve, minutes{6});

  act(Type::Reopen, minutes{10});

  EXPECT_EQ(world_.item().state, ItemState::Open);
  ASSERT_EQ(world_.item().clocks.size(), 1U);
  EXPECT_EQ(resolution().kind, Kind::Resolution);
  reply(minutes{12}, "x/3");
  EXPECT_EQ(world_.item().responses.size(), 1U);
}

}  // namespace
}  // namespace vigie
