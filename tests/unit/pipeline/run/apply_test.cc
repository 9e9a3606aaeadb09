#include "pipeline/run/apply.h"

#include <gtest/gtest.h>

#include "state/queues.h"
#include "tests/fakes/apply_world.h"
#include "tests/unit/pipeline/run/apply_ops.h"

namespace vigie {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

TEST(Apply, CountsTagsAndRoutesACreate) {
  ApplyWorld world;

  world.give(acme_mention("1", "acme is late", kNow));

  EXPECT_EQ(world.everything(), 1);
  EXPECT_EQ(world.mentions(Dimension::Network, "x"), 1);
  EXPECT_EQ(world.mentions(Dimension::Brand, "acme"), 1);
  EXPECT_EQ(world.mentions(Dimension::Theme, "delivery"), 1);
  EXPECT_EQ(world.mentions(Dimension::Queue, "social"), 1);
  EXPECT_NE(world.tagged("x/1").find(R"("themes":["delivery"])"), std::string::npos);
  ASSERT_EQ(world.outputs(Topic::QueueSocial).size(), 1U);
  ASSERT_EQ(world.outputs(Topic::Conversations).size(), 1U);
  const ConversationRecord event = conversation(world.outputs(Topic::Conversations)[0]);
  EXPECT_EQ(event.message.route, "urgent");
  EXPECT_EQ(event.message.sla_seconds, 3600);
  EXPECT_EQ(world.outputs(Topic::Authors).size(), 1U);
}

TEST(Apply, TheSameVersionAndContentAgainChangesNothing) {
  ApplyWorld world;
  const Mention mention = acme_mention("1", "acme is late", kNow);
  world.give(mention);

  world.give({mention, mention});

  EXPECT_EQ(world.counts().duplicates, 2U);
  EXPECT_EQ(world.everything(), 1);
  EXPECT_TRUE(world.outputs(Topic::Tagged).empty());
}

TEST(Apply, ADuplicateInTheSameBatchCountsOnce) {
  ApplyWorld world;
  const Mention kept = acme_mention("1", "acme", kNow);
  const Mention unmatched = acme_mention("2", "nothing", kNow);

  world.give({kept, kept, unmatched, unmatched});

  EXPECT_EQ(world.counts().duplicates, 2U);
  EXPECT_EQ(world.everything(), 2);
}

TEST(Apply, ASmallerVersionIsStale) {
  ApplyWorld world;
  world.give(update("1", "acme is late", 5, kNow));

  world.give(update("1", "acme, love", 4, kNow));

  EXPECT_EQ(world.counts().stale, 1U);
  EXPECT_EQ(world.mentions(Dimension::Theme, "delivery"), 1);
  EXPECT_EQ(world.mentions(Dimension::Theme, "praise"), 0);
}

TEST(Apply, ACreateOfTheSameVersionWithOtherContentIsStale) {
  ApplyWorld world;
  world.give(acme_mention("1", "acme is late", kNow));

  world.give(acme_mention("1", "acme, love", kNow));

  EXPECT_EQ(world.counts().stale, 1U);
  EXPECT_EQ(world.mentions(Dimension::Theme, "delivery"), 1);
}

TEST(Apply, StaleContentStillBringsItsEngagement) {
  ApplyWorld world;
  world.give(update("1", "acme is late", 5, kNow));
  Mention stale = update("1", "acme, love", 4, kNow + minutes{1});
  stale.engagement.likes = 9;

  world.give(stale);

  EXPECT_EQ(world.total(Dimension::Theme, "delivery", Measure::Likes), 9);
}

TEST(Apply, ALargerVersionTakesBackWhatTheOldOneContributed) {
  ApplyWorld world;
  world.give(update("1", "acme is late", 1, kNow));

  world.give(update("1", "acme, love", 2, kNow + hours{2}));

  EXPECT_EQ(world.mentions(Dimension::Theme, "delivery"), 0);
  EXPECT_EQ(world.mentions(Dimension::Theme, "praise"), 1);
  EXPECT_EQ(world.mentions(Dimension::Queue, "social"), 0);
  EXPECT_EQ(world.mentions(Dimension::Queue, "community"), 1);
  EXPECT_EQ(world.everything(), 1);
  EXPECT_NE(world.tagged("x/1").find(R"("themes":["praise"])"), std::string::npos);
}

TEST(Apply, AnUpdateOfTheSameVersionWithOtherContentReplaces) {
  ApplyWorld world;
  world.give(acme_mention("1", "acme is late", kNow));

  world.give(update("1", "acme, love", 0, kNow));

  EXPECT_EQ(world.counts().stale, 0U);
  EXPECT_EQ(world.mentions(Dimension::Theme, "praise"), 1);
}

TEST(Apply, AnUpdateDoesNotMoveTheEventMinute) {
  ApplyWorld world;
  world.give(acme_mention("1", "acme is late", kNow));
  Mention moved = update("1", "acme, love", 2, kNow + hours{3});
  moved.created_at = kNow + hours{3};

  world.give(moved);

  const HourCounts counts = hour_counts(world.store());
  EXPECT_TRUE(counts.contains({Dimension::Theme, "praise", Measure::Mentions, hour_of(kNow)}));
}

TEST(Apply, AnEditThatLeavesNoTagCountsAsUnmatchedAndLeavesItsQueue) {
  ApplyWorld world;
  world.give(acme_mention("1", "acme is late", kNow));

  world.give(update("1", "nothing", 1, kNow));

  EXPECT_EQ(world.everything(), 1);
  EXPECT_EQ(world.mentions(Dimension::Brand, "acme"), 0);
  EXPECT_EQ(world.mentions(Dimension::Queue, "none"), 0);
  ASSERT_EQ(world.outputs(Topic::Conversations).size(), 1U);
  EXPECT_EQ(conversation(world.outputs(Topic::Conversations)[0]).type,
            ConversationRecord::Type::Withdraw);
}

TEST(Apply, ADeleteTakesEverythingBackAndLeavesNoText) {
  ApplyWorld world;
  world.give(acme_mention("1", "acme is late", kNow));
  world.give(likes("1", 4, kNow + minutes{5}));

  world.give(acme_op(Op::Delete, "1", kNow + hours{1}));

  EXPECT_TRUE(hour_counts(world.store()).empty());
  EXPECT_EQ(world.tagged("x/1"), "");
  ASSERT_EQ(world.outputs(Topic::Tagged).size(), 1U);
  EXPECT_FALSE(world.outputs(Topic::Tagged)[0].value);
  ASSERT_EQ(world.outputs(Topic::Conversations).size(), 1U);
  EXPECT_EQ(conversation(world.outputs(Topic::Conversations)[0]).type,
            ConversationRecord::Type::Withdraw);
}

TEST(Apply, EveryOpOnADeletedMessageIsIgnoredFor35Days) {
  ApplyWorld world;
  world.give(acme_mention("1", "acme", kNow));
  world.give(acme_op(Op::Delete, "1", kNow));

  const Time later = kNow + hours{34 * 24};
  world.give({acme_mention("1", "acme", later), update("1", "acme", 9, later), likes("1", 3, later),
              acme_op(Op::Hide, "1", later), acme_op(Op::Unhide, "1", later),
              acme_op(Op::Delete, "1", later)});

  EXPECT_EQ(world.counts().ignored, 6U);
  EXPECT_TRUE(hour_counts(world.store()).empty());
}

TEST(Apply, ADeleteOfAnUnknownMessageHoldsForADay) {
  ApplyWorld world;
  world.give(acme_op(Op::Delete, "1", kNow));
  world.give(acme_op(Op::Delete, "2", kNow));

  world.give(acme_mention("1", "acme", kNow + hours{23}));
  world.give(acme_mention("2", "acme", kNow + hours{25}));

  EXPECT_EQ(world.everything(), 1);
  EXPECT_EQ(world.tagged("x/1"), "");
  EXPECT_NE(world.tagged("x/2"), "");
}

TEST(Apply, AnUpdateOfAnUnknownMessageCountsAsACreate) {
  ApplyWorld world;

  world.give(update("1", "acme is late", 3, kNow));

  EXPECT_EQ(world.mentions(Dimension::Theme, "delivery"), 1);
}

TEST(Apply, EngagementMovesByItsDifferenceToTheLastSnapshot) {
  ApplyWorld world;
  world.give(acme_mention("1", "acme", kNow));

  world.give(likes("1", 5, kNow + hours{1}));
  world.give(likes("1", 12, kNow + hours{2}));
  world.give(likes("1", 10, kNow + hours{3}));
  world.give(likes("1", std::nullopt, kNow + hours{4}));

  const HourCounts counts = hour_counts(world.store());
  const auto at = [&](int hour) {
    return counts.at({Dimension::Brand, "acme", Measure::Likes, hour_of(kNow) + hour});
  };
  EXPECT_EQ(at(1), 5);
  EXPECT_EQ(at(2), 7);
  EXPECT_EQ(at(3), -2);
  EXPECT_EQ(world.total(Dimension::Brand, "acme", Measure::Likes), 10);
}

TEST(Apply, AnOlderSnapshotOfEngagementIsIgnored) {
  ApplyWorld world;
  world.give(acme_mention("1", "acme", kNow));
  world.give(likes("1", 5, kNow + hours{2}));

  world.give(likes("1", 3, kNow + hours{1}));

  EXPECT_EQ(world.total(Dimension::All, "all", Measure::Likes), 5);
}

TEST(Apply, EngagementOfAnUnknownOrUnmatchedMessageIsIgnored) {
  ApplyWorld world;
  world.give(acme_mention("2", "nothing", kNow));

  world.give({likes("1", 5, kNow), likes("2", 5, kNow)});

  EXPECT_EQ(world.counts().ignored, 2U);
  EXPECT_EQ(world.total(Dimension::All, "all", Measure::Likes), 0);
}

TEST(Apply, AnUnmatchedMentionCountsInAllAndNetworkAlone) {
  ApplyWorld world;

  world.give(acme_mention("1", "nothing", kNow));

  EXPECT_EQ(hour_counts(world.store()).size(), 2U);
  EXPECT_EQ(world.everything(), 1);
  EXPECT_EQ(world.mentions(Dimension::Network, "x"), 1);
  EXPECT_EQ(world.tagged("x/1"), "");
}

TEST(Apply, AnUpdateThatMatchesMakesAFullRecordOfAnUnmatchedOne) {
  ApplyWorld world;
  world.give(acme_mention("1", "nothing", kNow));

  world.give(update("1", "acme is late", 1, kNow + hours{5}));

  EXPECT_EQ(world.everything(), 1);
  EXPECT_EQ(world.mentions(Dimension::Theme, "delivery"), 1);
  EXPECT_EQ(world.recount().hours, hour_counts(world.store()));
}

TEST(Apply, ADeleteTakesAnUnmatchedMentionBack) {
  ApplyWorld world;
  world.give(acme_mention("1", "nothing", kNow));

  world.give(acme_op(Op::Delete, "1", kNow));
  world.give(acme_mention("1", "nothing", kNow));

  EXPECT_TRUE(hour_counts(world.store()).empty());
  EXPECT_EQ(world.counts().ignored, 1U);
}

TEST(Apply, ErasesAllOfAnAuthorAndNothingOfOthers) {
  ApplyWorld world;
  world.give({acme_mention("1", "acme", kNow), acme_mention("2", "acme is late", kNow),
              by(acme_mention("3", "acme", kNow), "8")});

  world.give(acme_author_op(Op::EraseAuthor, "7", kNow));

  EXPECT_EQ(world.everything(), 1);
  EXPECT_EQ(world.tagged("x/1"), "");
  EXPECT_EQ(world.tagged("x/2"), "");
  EXPECT_NE(world.tagged("x/3"), "");
  const std::vector<Record> authors = world.outputs(Topic::Authors);
  ASSERT_EQ(authors.size(), 2U);
  EXPECT_FALSE(authors[0].value);
  EXPECT_TRUE(authors[1].key.starts_with("erased/")) << authors[1].key;
  EXPECT_TRUE(authors[1].value->contains(R"("messages":2,"mentions":2)")) << *authors[1].value;
  EXPECT_EQ(world.outputs(Topic::Conversations).size(), 2U);
}

TEST(Apply, AnErasedMessageThatComesAgainIsIgnored) {
  ApplyWorld world;
  world.give(acme_mention("1", "acme", kNow));
  world.give(acme_author_op(Op::EraseAuthor, "7", kNow));

  world.give(acme_mention("1", "acme", kNow + minutes{5}));

  EXPECT_EQ(world.everything(), 0);
  EXPECT_EQ(world.tagged("x/1"), "");
  EXPECT_EQ(world.counts().ignored, 1U);
}

TEST(Apply, WhatAnErasedAuthorWritesAfterwardsIsNew) {
  ApplyWorld world;
  world.give(acme_mention("1", "acme", kNow));
  world.give(acme_author_op(Op::EraseAuthor, "7", kNow));

  world.give(acme_mention("2", "acme", kNow + minutes{5}));

  EXPECT_EQ(world.everything(), 1);
  ASSERT_EQ(world.outputs(Topic::Authors).size(), 1U);
}

TEST(Apply, WhatWasReceivedBeforeTheErasureAndComesLaterStaysErased) {
  ApplyWorld world;
  world.give(acme_author_op(Op::EraseAuthor, "7", kNow));

  world.give({acme_mention("1", "acme", kNow - minutes{5}),
              by(acme_mention("2", "acme", kNow - minutes{5}), "8")});

  EXPECT_EQ(world.everything(), 1);
  EXPECT_EQ(world.tagged("x/1"), "");
}

TEST(Apply, ErasesTheTombstoneOfADeletedMessage) {
  ApplyWorld world;
  world.give(acme_mention("1", "acme", kNow));
  world.give(acme_op(Op::Delete, "1", kNow));
  world.give(acme_author_op(Op::EraseAuthor, "7", kNow));

  int named = 0;
  ASSERT_TRUE(
      world.store().scan(Space::Ledger, "", "", [&](std::string_view key, std::string_view) {
        named += key.contains("x/1") ? 1 : 0;
        return true;
      }));

  EXPECT_EQ(named, 0);
  world.give(acme_mention("1", "acme", kNow));
  EXPECT_EQ(world.everything(), 0);
}

TEST(Apply, AHiddenAuthorStaysHiddenWhenErased) {
  ApplyWorld world;
  world.give(acme_author_op(Op::HideAuthor, "7", kNow));
  world.give(acme_author_op(Op::EraseAuthor, "7", kNow));

  world.give(acme_mention("2", "acme", kNow + minutes{5}));
  EXPECT_EQ(world.everything(), 0);

  world.give(acme_author_op(Op::UnhideAuthor, "7", kNow + minutes{6}));
  EXPECT_EQ(world.everything(), 1);
}

TEST(Apply, ATextPastItsKeepingDoesNotComeBackWithItsAuthor) {
  ApplyWorld world;
  Mention mention = acme_mention("1", "acme is late", kNow);
  mention.network = "youtube";
  world.give(mention);
  Mention hide = acme_author_op(Op::HideAuthor, "7", kNow + hours{24});
  hide.network = "youtube";
  world.give(hide);
  hide.op = Op::UnhideAuthor;
  hide.seen_at = kNow + hours{24 * 30};

  world.give(hide);

  EXPECT_EQ(world.everything(), 1);
  EXPECT_TRUE(world.outputs(Topic::Tagged).empty());
  EXPECT_TRUE(world.outputs(Topic::QueueSocial).empty());
}

TEST(Apply, WhatIs35DaysLateIsRoutedAndInNoBucket) {
  ApplyWorld world;
  Mention mention = acme_mention("1", "acme is late", kNow);
  mention.created_at = kNow - hours{35 * 24} - minutes{1};
  mention.engagement.likes = 3;

  world.give(mention);

  EXPECT_EQ(world.counts().late, 1U);
  EXPECT_TRUE(hour_counts(world.store()).empty());
  EXPECT_EQ(world.outputs(Topic::QueueSocial).size(), 1U);
}

TEST(Apply, AnUnmatchedMentionMoreThanSevenDaysLateIsInNoBucket) {
  ApplyWorld world;
  Mention late = acme_mention("1", "nothing", kNow);
  late.created_at = kNow - hours{7 * 24} - minutes{1};
  Mention in_time = acme_mention("2", "nothing", kNow);
  in_time.created_at = kNow - hours{7 * 24} + minutes{1};

  world.give({late, in_time});

  EXPECT_EQ(world.counts().late, 1U);
  EXPECT_EQ(world.everything(), 1);
}

TEST(Apply, ARepeatedMentionThatItsStreamHasLeftBehindCountsOnce) {
  ApplyWorld world;
  world.give(acme_op(Op::Tick, "", kNow + hours{48}));
  Mention old = acme_mention("1", "nothing", kNow);
  old.created_at = kNow - hours{6 * 24};

  world.give(old);
  world.give(old);

  EXPECT_LE(world.everything(), 1);
}

TEST(Apply, AClockAheadCountsAtRecordTime) {
  ApplyWorld world;
  Mention ahead = acme_mention("1", "acme", kNow);
  ahead.created_at = kNow + hours{5};
  Mention slightly = acme_mention("2", "acme", kNow + minutes{59});
  slightly.created_at = kNow + minutes{61};

  world.give({ahead, slightly});

  const HourCounts counts = hour_counts(world.store());
  const auto at = [&](int hour) {
    return counts.at({Dimension::All, "all", Measure::Mentions, hour_of(kNow) + hour});
  };
  EXPECT_EQ(at(0), 1);
  EXPECT_EQ(at(1), 1);
}

TEST(Apply, ClicksConversionsAndReactionsAreNoMentions) {
  ApplyWorld world;
  Mention click = acme_mention("1", "acme", kNow);
  click.kind = Kind::Click;
  Mention conversion = acme_mention("2", "acme", kNow);
  conversion.kind = Kind::Conversion;
  Mention reaction = acme_mention("3", "acme", kNow);
  reaction.kind = Kind::Reaction;

  world.give({click, conversion, reaction});

  EXPECT_EQ(world.everything(), 0);
  EXPECT_EQ(world.total(Dimension::Brand, "acme", Measure::Clicks), 1);
  EXPECT_EQ(world.total(Dimension::Brand, "acme", Measure::Conversions), 1);
  EXPECT_TRUE(world.outputs(Topic::Conversations).empty());
}

TEST(Apply, AnEditDoesNotMoveAMessageThatCountedAtItsReceipt) {
  ApplyWorld world;
  Mention ahead = acme_mention("1", "acme is late", kNow);
  ahead.created_at = kNow + hours{1};
  world.give(ahead);
  ASSERT_EQ(conversation(world.outputs(Topic::Conversations)[0]).message.event_time, kNow);

  Mention edited = update("1", "acme is very late", 2, kNow + minutes{30});
  edited.created_at = kNow + hours{1};
  world.give(edited);

  ASSERT_EQ(world.outputs(Topic::Conversations).size(), 1U);
  EXPECT_EQ(conversation(world.outputs(Topic::Conversations)[0]).message.event_time, kNow);
}

TEST(Apply, AnAuthorWhoComesByAnEditIsSeenThen) {
  ApplyWorld world;
  world.give(by(acme_mention("1", "acme is late", kNow), "one"));
  world.give(by(update("1", "acme is late", 2, kNow + minutes{5}), "two"));

  const AuthorKey two = world.keys().of("x", "two");
  const auto seen = FirstSeenReader(world.store()).of(std::span(&two, 1));

  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->front(), kNow + minutes{5});
}

}  // namespace
}  // namespace vigie
