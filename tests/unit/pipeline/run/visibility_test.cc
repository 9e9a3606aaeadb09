#include <gtest/gtest.h>

#include "pipeline/run/apply.h"
#include "tests/fakes/apply_world.h"
#include "tests/unit/pipeline/run/apply_ops.h"

namespace vigie {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

TEST(Visibility, HideTakesBackAndUnhideRestores) {
  ApplyWorld world;
  world.give(acme_mention("1", "acme is late", kNow));
  const HourCounts before = hour_counts(world.store());

  world.give(acme_op(Op::Hide, "1", kNow));
  EXPECT_TRUE(hour_counts(world.store()).empty());
  EXPECT_NE(world.tagged("x/1").find(R"("hidden":true)"), std::string::npos);
  ASSERT_EQ(world.outputs(Topic::Conversations).size(), 1U);
  EXPECT_EQ(conversation(world.outputs(Topic::Conversations)[0]).type,
            ConversationRecord::Type::Withdraw);

  world.give(acme_op(Op::Unhide, "1", kNow));
  EXPECT_EQ(hour_counts(world.store()), before);
  EXPECT_EQ(world.tagged("x/1").find("hidden"), std::string::npos);
  ASSERT_EQ(world.outputs(Topic::Conversations).size(), 1U);
  EXPECT_EQ(conversation(world.outputs(Topic::Conversations)[0]).message.sla_seconds, 3600);
}

TEST(Visibility, CreateHideAndUnhideInOneBatchEndAsTheCreate) {
  ApplyWorld world;

  world.give({acme_mention("1", "acme is late", kNow), acme_op(Op::Hide, "1", kNow),
              acme_op(Op::Unhide, "1", kNow)});

  EXPECT_EQ(world.mentions(Dimension::Theme, "delivery"), 1);
  EXPECT_EQ(world.tagged("x/1").find("hidden"), std::string::npos);
  EXPECT_EQ(world.outputs(Topic::Conversations).size(), 3U);
}

TEST(Visibility, WhatChangesWhileHiddenCountsOnceItIsShown) {
  ApplyWorld world;
  world.give(acme_mention("1", "acme is late", kNow));
  world.give(acme_op(Op::Hide, "1", kNow));

  world.give({update("1", "acme, love", 1, kNow), likes("1", 6, kNow)});
  EXPECT_TRUE(hour_counts(world.store()).empty());
  EXPECT_TRUE(world.outputs(Topic::QueueCommunity).empty());

  world.give(acme_op(Op::Unhide, "1", kNow));
  EXPECT_EQ(world.mentions(Dimension::Theme, "praise"), 1);
  EXPECT_EQ(world.total(Dimension::Theme, "praise", Measure::Likes), 6);
  EXPECT_EQ(world.mentions(Dimension::Theme, "delivery"), 0);
}

TEST(Visibility, AHideBeforeTheCreateHidesItForADay) {
  ApplyWorld world;
  world.give({acme_op(Op::Hide, "1", kNow), acme_op(Op::Hide, "2", kNow)});

  world.give(acme_mention("1", "acme", kNow + hours{1}));
  world.give(acme_mention("2", "acme", kNow + hours{25}));
  EXPECT_EQ(world.everything(), 1);

  world.give(acme_op(Op::Unhide, "1", kNow + hours{26}));
  EXPECT_EQ(world.everything(), 2);
}

TEST(Visibility, AnUnmatchedMentionThatWasHiddenIsKnownWhenItComesAgain) {
  ApplyWorld world;
  const Mention mention = acme_mention("1", "nothing", kNow);
  world.give({mention, acme_op(Op::Hide, "1", kNow), acme_op(Op::Unhide, "1", kNow)});

  world.give(mention);

  EXPECT_EQ(world.counts().duplicates, 1U);
  EXPECT_EQ(world.everything(), 1);
}

TEST(Visibility, AHideThatIsRepeatedBeforeTheCreateIsForADayFromThen) {
  ApplyWorld world;
  world.give(acme_op(Op::Hide, "1", kNow));
  world.give(acme_op(Op::Hide, "1", kNow + hours{20}));

  world.give(acme_mention("1", "acme", kNow + hours{40}));

  EXPECT_EQ(world.everything(), 0);
}

TEST(Visibility, AMessageThatLostItsTagsIsHiddenLikeAnyOther) {
  ApplyWorld world;
  world.give(acme_mention("1", "acme is late", kNow));
  world.give(update("1", "nothing", 1, kNow));

  world.give(acme_op(Op::Hide, "1", kNow));

  EXPECT_EQ(world.everything(), 0);
  EXPECT_NE(world.tagged("x/1").find(R"("hidden":true)"), std::string::npos);
}

TEST(Visibility, AnUnmatchedMentionIsHiddenAndShown) {
  ApplyWorld world;
  world.give(acme_mention("1", "nothing", kNow));

  world.give(acme_op(Op::Hide, "1", kNow));
  EXPECT_EQ(world.everything(), 0);

  world.give(acme_op(Op::Unhide, "1", kNow));
  EXPECT_EQ(world.everything(), 1);
}

TEST(Visibility, AHiddenUnmatchedMessageLeavesNoTextInTagged) {
  ApplyWorld world;
  world.give(acme_op(Op::Hide, "1", kNow));

  world.give(acme_mention("1", "nothing", kNow));

  EXPECT_EQ(world.tagged("x/1"), "");
}

TEST(Visibility, HidesAnAuthorsMessagesAndTheLaterOnesUntilShown) {
  ApplyWorld world;
  world.give({acme_mention("1", "acme", kNow), by(acme_mention("2", "acme", kNow), "8")});

  world.give(acme_author_op(Op::HideAuthor, "7", kNow));
  world.give(acme_mention("3", "acme", kNow));
  EXPECT_EQ(world.everything(), 1);

  world.give(acme_author_op(Op::UnhideAuthor, "7", kNow));
  EXPECT_EQ(world.everything(), 3);
  EXPECT_EQ(world.outputs(Topic::Conversations).size(), 2U);
}

TEST(Visibility, AMessageIsVisibleOnlyWhenBothFlagsAreClear) {
  ApplyWorld world;
  world.give(acme_mention("1", "acme", kNow));
  world.give(acme_op(Op::Hide, "1", kNow));
  world.give(acme_author_op(Op::HideAuthor, "7", kNow));

  world.give(acme_op(Op::Unhide, "1", kNow));
  EXPECT_EQ(world.everything(), 0);

  world.give(acme_author_op(Op::UnhideAuthor, "7", kNow));
  EXPECT_EQ(world.everything(), 1);
}

constexpr hours kForgotten{36 * 24};

// A message that is not known any more, of which the index of its author may still tell.
void give_again_unmatched(ApplyWorld& world) {
  world.give(acme_mention("1", "acme is late", kNow));
  world.give(by(acme_mention("2", "acme", kNow + kForgotten), "8"));
  world.give(acme_mention("1", "nothing", kNow + kForgotten));
}

TEST(Visibility, AnUnmatchedMessageIsNotHiddenWithItsAuthorForWhatWasKnownOfItOnce) {
  ApplyWorld world;
  give_again_unmatched(world);
  const auto counted = world.everything();

  world.give({acme_op(Op::Hide, "1", kNow + kForgotten),
              acme_author_op(Op::HideAuthor, "7", kNow + kForgotten),
              acme_op(Op::Unhide, "1", kNow + kForgotten)});

  EXPECT_EQ(world.everything(), counted);
}

TEST(Visibility, AnUnmatchedMessageIsNotErasedWithItsAuthorForWhatWasKnownOfItOnce) {
  ApplyWorld world;
  give_again_unmatched(world);
  const auto counted = world.everything();

  world.give({acme_op(Op::Hide, "1", kNow + kForgotten),
              acme_author_op(Op::EraseAuthor, "7", kNow + kForgotten),
              acme_op(Op::Unhide, "1", kNow + kForgotten)});

  EXPECT_EQ(world.everything(), counted);
}

TEST(Visibility, AHiddenMessageThatTurnsOutToMatchIsItsAuthors) {
  ApplyWorld world;
  world.give(acme_mention("1", "nothing", kNow));
  world.give(acme_op(Op::Hide, "1", kNow));
  world.give(update("1", "acme", 1, kNow));
  world.give(acme_op(Op::Unhide, "1", kNow));
  ASSERT_EQ(world.everything(), 1);

  world.give(acme_author_op(Op::EraseAuthor, "7", kNow));

  EXPECT_EQ(world.everything(), 0);
  EXPECT_EQ(world.tagged("x/1"), "");
}

TEST(Visibility, TheLargestMentionIsHiddenAndShownAgain) {
  ApplyWorld world;
  Mention mention = acme_mention("1", "acme is late ", kNow);
  std::string json;
  append_json(json, mention);
  mention.text.append(kMaxMentionBytes - json.size(), 'x');
  json.clear();
  append_json(json, mention);
  ASSERT_EQ(json.size(), kMaxMentionBytes);
  world.give(mention);

  world.give(acme_op(Op::Hide, "1", kNow));
  EXPECT_EQ(world.everything(), 0);
  world.give(acme_op(Op::Unhide, "1", kNow));
  EXPECT_EQ(world.everything(), 1);
}

}  // namespace
}  // namespace vigie
