#include "state/feed.h"

#include <gtest/gtest.h>

namespace vigie {
namespace {

constexpr Partition kZero{0};
constexpr Partition kOne{1};

TEST(Feed, GivesAFollowerEachLaterEventOnce) {
  Feed feed(10);
  const std::string start = feed.read("", 10)->last_id;
  feed.push(kZero, 1, "item", "a");
  feed.push(kOne, 1, "item", "b");
  feed.push(kZero, 2, "item", "c");

  const Feed::Page first = *feed.read(start, 2);
  const Feed::Page second = *feed.read(first.last_id, 2);
  const Feed::Page third = *feed.read(second.last_id, 2);

  ASSERT_EQ(first.events.size(), 2U);
  EXPECT_EQ(first.events[0].data, "a");
  EXPECT_EQ(first.events[1].data, "b");
  EXPECT_EQ(first.events[1].id, "0:1,1:1");
  ASSERT_EQ(second.events.size(), 1U);
  EXPECT_EQ(second.events[0].id, "0:2,1:1");
  EXPECT_TRUE(third.events.empty());
  EXPECT_FALSE(third.reset);
}

TEST(Feed, TellsAFollowerWhoIsTooFarBehindToStartAnew) {
  Feed feed(2);
  for (Offset next = 1; next <= 4; ++next) feed.push(kZero, next, "item", "x");

  EXPECT_TRUE(feed.read("0:1", 10)->reset);
  EXPECT_EQ(feed.read("0:1", 10)->last_id, "0:4");
  EXPECT_FALSE(feed.read("0:2", 10)->reset);
  EXPECT_EQ(feed.read("0:2", 10)->events.size(), 2U);
}

TEST(Feed, KeepsTheNewestEventsWhicheverPartitionIsReadFirst) {
  Feed feed(4);
  const auto day = [](int number) { return Time{std::chrono::hours{24 * number}}; };
  for (int i = 1; i <= 4; ++i) feed.push(kZero, i, "item", "new", day(10 + i));
  for (int i = 1; i <= 4; ++i) feed.push(kOne, i, "item", "old", day(i));

  const Feed::Page page = *feed.read("0:2,1:4", 10);

  EXPECT_FALSE(page.reset);
  ASSERT_EQ(page.events.size(), 2U);
  EXPECT_EQ(page.events[1].id, "0:4,1:4");
  EXPECT_TRUE(feed.read("0:2,1:3", 10)->reset);
}

TEST(Feed, MissesOnlyWhatItDroppedOfAFollowersPartition) {
  Feed feed(2);
  for (const Offset next : {1, 2}) {
    feed.push(kZero, next, "item", "a");
    feed.push(kOne, next, "item", "b");
  }

  const Feed::Page page = *feed.read("0:1,1:1", 1);

  EXPECT_FALSE(page.reset);
  ASSERT_EQ(page.events.size(), 1U);
  EXPECT_EQ(page.events[0].id, "0:2,1:1");
  EXPECT_EQ(feed.read(page.last_id, 10)->events.size(), 1U);
  EXPECT_TRUE(feed.read("0:2,1:0", 1)->reset);
}

TEST(Feed, DoesNotVouchForWhatCameBeforeItsFirstRecord) {
  Feed feed(10);
  feed.push(kZero, 101, "item", "x");

  EXPECT_TRUE(feed.read("0:99", 10)->reset);
  EXPECT_EQ(feed.read("0:100", 10)->events.size(), 1U);
}

TEST(Feed, TakesIdsOfANodeThatReadThePartitionsInAnotherOrder) {
  Feed feed(10);
  feed.push(kOne, 1, "item", "b");
  feed.push(kZero, 1, "item", "a");
  feed.push(kZero, 2, "item", "c");

  const Feed::Page page = *feed.read("0:1", 10);

  ASSERT_EQ(page.events.size(), 2U);
  EXPECT_EQ(page.events[0].data, "b");
  EXPECT_EQ(page.events[0].id, "0:1,1:1");
  EXPECT_EQ(page.events[1].data, "c");
}

TEST(Feed, PassesOverRecordsThatMakeNoEventAndRepeats) {
  Feed feed(10);
  feed.push(kZero, 1, "item", "a");
  feed.push(kZero, 1, "item", "a");
  feed.push(kZero, 7, "", "");

  const Feed::Page page = *feed.read("0:0", 10);

  EXPECT_EQ(page.events.size(), 1U);
  EXPECT_EQ(page.last_id, "0:7");
}

TEST(Feed, RefusesWhatIsNoId) {
  Feed feed(10);
  for (const char* text : {"x", "0", "0:", ":1", "0:1,", "0:1,0:2", "1:1,0:1", "-1:3", "0:-3",
                           "0:99999999999999999999", "99999999999:1", "0:1 ", "0:1;1:1"}) {
    EXPECT_EQ(feed.read(text, 1).error().code, Code::Invalid) << text;
  }
}

TEST(Feed, WakesUntilUnsubscribed) {
  Feed feed(10);
  int woken = 0;
  const auto unsubscribe = feed.subscribe([&] { ++woken; });
  feed.push(kZero, 1, "item", "a");
  feed.push(kZero, 2, "", "");
  unsubscribe();
  feed.push(kZero, 3, "item", "a");

  EXPECT_EQ(woken, 1);
}

TEST(Feed, SaysResetToAFollowerOfATopicThatIsNoMore) {
  Feed feed(10);
  int woken = 0;
  const auto unsubscribe = feed.subscribe([&] { ++woken; });
  feed.push(kZero, 3, "item", "a");
  EXPECT_FALSE(feed.take_doubts());
  EXPECT_FALSE(feed.read("0:203", 10)->reset) << "another node may be ahead";

  EXPECT_TRUE(feed.take_doubts());
  feed.set_end({{kZero, 3}});

  EXPECT_EQ(woken, 2) << "of the event and of the end";
  const Feed::Page page = *feed.read("0:203", 10);
  EXPECT_TRUE(page.reset);
  EXPECT_EQ(page.last_id, "0:3");
  EXPECT_FALSE(feed.read("0:3", 10)->reset);
  EXPECT_TRUE(feed.take_doubts()) << "the topic may have grown";
  unsubscribe();
}

TEST(Feed, LetsAFollowerWaitWhoComesFromANodeThatIsAhead) {
  Feed feed(10);
  EXPECT_FALSE(feed.read("0:5,1:2", 10)->reset) << "nothing was read here yet";
  EXPECT_TRUE(feed.take_doubts());
  feed.set_end({{kZero, 5}, {kOne, 4}});

  EXPECT_FALSE(feed.read("0:5,1:2", 10)->reset);
  for (Offset next = 1; next <= 6; ++next) feed.push(kZero, next, "item", std::to_string(next));
  const Feed::Page page = *feed.read("0:5,1:2", 10);
  ASSERT_EQ(page.events.size(), 1U);
  EXPECT_EQ(page.events[0].data, "6");
}

TEST(Feed, AnEndThatTheTopicHasPassedDeniesNobodyAnyMore) {
  Feed feed(10);
  feed.push(kZero, 3, "item", "a");
  EXPECT_FALSE(feed.read("0:203", 10)->reset);
  ASSERT_TRUE(feed.take_doubts());
  feed.set_end({{kZero, 3}});
  ASSERT_TRUE(feed.read("0:203", 10)->reset);
  feed.push(kZero, 4, "item", "b");

  EXPECT_FALSE(feed.read("0:5", 10)->reset) << "it may come from a node that is ahead";
  EXPECT_TRUE(feed.take_doubts());
}

// What came to be doubted while the end was asked for may be younger than the answer.
TEST(Feed, AnEndSaysNothingOfWhoCameAfterItWasAskedFor) {
  Feed feed(10);
  feed.push(kZero, 3, "item", "a");
  EXPECT_FALSE(feed.read("0:4", 10)->reset);
  ASSERT_TRUE(feed.take_doubts());
  EXPECT_FALSE(feed.read("0:6", 10)->reset);
  feed.set_end({{kZero, 4}});

  EXPECT_FALSE(feed.read("0:6", 10)->reset);
  EXPECT_TRUE(feed.take_doubts());
  feed.set_end({{kZero, 6}});
  EXPECT_FALSE(feed.read("0:6", 10)->reset);
}

}  // namespace
}  // namespace vigie
