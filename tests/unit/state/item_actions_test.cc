#include "tests/unit/state/queues_fixture.h"

namespace vigie {
namespace {

using std::chrono::minutes;
using Outcome = ActionOutcome::Result;
using Type = ConversationRecord::Type;

class ItemActions : public testing::Test {
 protected:
  Queues::Folded message(minutes at, std::string key = "x/1", std::string priority = "normal",
                         std::string queue = "community") {
    return world_.tell({.key = std::move(key),
                        .at = at,
                        .queue = std::move(queue),
                        .priority = std::move(priority)});
  }
  ActionOutcome act(Type type, minutes at, std::string who = "ana", std::string note = "") {
    auto folded = world_.tell({.type = type,
                               .at = at,
                               .queue = "social",
                               .who = std::move(who),
                               .note = std::move(note)});
    return folded.outcome.value_or(ActionOutcome{});
  }
  QueueItem item() const { return world_.item(); }

  QueuesWorld world_;
};

TEST_F(ItemActions, FirstClaimWinsAndTheLoserIsToldWhoAndUntilWhen) {
  message(minutes{0});
  EXPECT_EQ(act(Type::Claim, minutes{1}, "ana").result, Outcome::Applied);

  const ActionOutcome lost = act(Type::Claim, minutes{2}, "bob");

  EXPECT_EQ(lost.result, Outcome::Held);
  EXPECT_EQ(lost.who, "ana");
  EXPECT_EQ(lost.until, kItemStart + minutes{31});
  EXPECT_EQ(item().state, ItemState::Claimed);
  EXPECT_EQ(item().claimed_by, "ana");
  EXPECT_EQ(item().claimed_until, kItemStart + minutes{31});
  EXPECT_EQ(item().updated_at, kItemStart + minutes{1});
}

TEST_F(ItemActions, ClaimingAgainMakesTheLeaseLonger) {
  message(minutes{0});
  act(Type::Claim, minutes{1});
  act(Type::Claim, minutes{20});
  EXPECT_EQ(item().claimed_until, kItemStart + minutes{50});
}

TEST_F(ItemActions, LeaseEndsByStreamTimeWhoeverComesFirst) {
  message(minutes{0});
  act(Type::Claim, minutes{1}, "ana");

  EXPECT_EQ(act(Type::Claim, minutes{31}, "bob").result, Outcome::Applied);

  EXPECT_EQ(item().claimed_by, "bob");
}

TEST_F(ItemActions, RecordOfAnotherItemMovesTheTimeThatEndsALease) {
  message(minutes{0});
  act(Type::Claim, minutes{1}, "ana");
  world_.tell({.conversation = "x/9", .key = "x/9", .at = minutes{40}});

  // Stamped before the lease was over, folded after stream time had passed it.
  EXPECT_EQ(act(Type::Claim, minutes{30}, "bob").result, Outcome::Applied);
}

TEST_F(ItemActions, ReleaseGivesTheItemBack) {
  message(minutes{0});
  EXPECT_EQ(act(Type::Release, minutes{1}).result, Outcome::Refused);
  act(Type::Claim, minutes{1}, "ana");
  EXPECT_EQ(act(Type::Release, minutes{2}, "bob").result, Outcome::Held);
  EXPECT_EQ(act(Type::Release, minutes{2}, "ana").result, Outcome::Applied);
  EXPECT_EQ(item().state, ItemState::Open);
  EXPECT_EQ(item().claimed_by, "");
}

TEST_F(ItemActions, ResolveEndsTheClaimAndTheNextMessageOpensAgain) {
  message(minutes{0});
  act(Type::Claim, minutes{1}, "ana");
  EXPECT_EQ(act(Type::Resolve, minutes{2}, "bob").result, Outcome::Held);
  EXPECT_EQ(act(Type::Resolve, minutes{3}, "ana", "refunded").result, Outcome::Applied);
  EXPECT_EQ(item().state, ItemState::Resolved);
  EXPECT_EQ(item().resolved_by, "ana");
  EXPECT_EQ(item().resolved_at, kItemStart + minutes{3});
  EXPECT_EQ(item().claimed_by, "");
  EXPECT_EQ(world_->open_items("community"), 0U);
  EXPECT_EQ(act(Type::Claim, minutes{4}).result, Outcome::Refused);
  EXPECT_EQ(act(Type::Resolve, minutes{4}).result, Outcome::Refused);

  message(minutes{9}, "x/2");
  EXPECT_EQ(item().state, ItemState::Open);
  EXPECT_EQ(item().resolved_by, "");
  EXPECT_EQ(item().notes[0].text, "refunded");
}

TEST_F(ItemActions, MessageThatComesLateDoesNotUndoAResolutionAndIsFlagged) {
  message(minutes{0});
  act(Type::Resolve, minutes{5});

  world_.tell({.key = "x/0", .at = minutes{3}, .seen = minutes{6}});

  EXPECT_EQ(item().state, ItemState::Resolved);
  EXPECT_TRUE(item().late_message);
  act(Type::Reopen, minutes{7});
  EXPECT_EQ(item().state, ItemState::Open);
  EXPECT_FALSE(item().late_message);
}

TEST_F(ItemActions, WhatAPersonHadSeenStandsBeforeWhatTheyDid) {
  // A network whose clock is a minute ahead.
  world_.tell({.at = minutes{6}, .seen = minutes{5}});
  act(Type::Resolve, minutes{5});
  EXPECT_EQ(item().state, ItemState::Resolved);
}

TEST_F(ItemActions, ResolutionHoldsThroughWithdrawalAndReturn) {
  message(minutes{0});
  act(Type::Resolve, minutes{5});
  world_.tell({.type = Type::Withdraw, .at = minutes{6}});
  EXPECT_EQ(item().state, ItemState::Withdrawn);
  EXPECT_EQ(act(Type::Claim, minutes{6}).result, Outcome::Refused);

  world_.tell({.at = minutes{0}, .seen = minutes{7}});
  EXPECT_EQ(item().state, ItemState::Resolved);
}

TEST_F(ItemActions, ReplyNotedSetsWaitingAndTheHolderIsToldOfAnother) {
  message(minutes{0});
  act(Type::Claim, minutes{1}, "ana");
  EXPECT_EQ(act(Type::ReplyNoted, minutes{2}, "bob").result, Outcome::Applied);
  EXPECT_EQ(item().state, ItemState::Waiting);
  EXPECT_EQ(item().answered_by, "bob");
  EXPECT_TRUE(item().answered_by_other);

  act(Type::Release, minutes{3}, "ana");
  EXPECT_FALSE(item().answered_by_other);
}

TEST_F(ItemActions, ReplyInTheNetworkTellsTheHolderUnlessItIsTheirOwn) {
  message(minutes{0});
  act(Type::Claim, minutes{1}, "team/Ana");
  world_.tell({.key = "x/2", .at = minutes{2}, .inbound = false, .who = "@ana"});
  EXPECT_EQ(item().state, ItemState::Waiting);
  EXPECT_FALSE(item().answered_by_other);

  message(minutes{3}, "x/3");
  EXPECT_EQ(item().state, ItemState::Claimed);
  world_.tell({.key = "x/4", .at = minutes{4}, .inbound = false, .who = "brand"});
  EXPECT_TRUE(item().answered_by_other);
  EXPECT_EQ(item().answered_by, "brand");
  EXPECT_EQ(item().claimed_by, "team/Ana");
}

TEST_F(ItemActions, HandoffMovesTheItemWithItsNoteAndNoMessageMovesItBack) {
  message(minutes{0}, "x/1", "high");
  act(Type::Claim, minutes{1}, "ana");
  EXPECT_EQ(act(Type::Handoff, minutes{2}, "ana", "the brand should say this").result,
            Outcome::Applied);
  EXPECT_EQ(item().queue, "social");
  EXPECT_EQ(item().state, ItemState::Open);
  EXPECT_EQ(item().claimed_by, "");
  EXPECT_EQ(item().notes.back().text, "the brand should say this");
  EXPECT_EQ(item().notes.back().action, "handoff");
  EXPECT_EQ(act(Type::Handoff, minutes{3}).result, Outcome::Refused);

  world_.tell({.key = "x/0", .at = minutes{1}, .seen = minutes{4}, .priority = "urgent"});
  EXPECT_EQ(item().queue, "social");
  message(minutes{5}, "x/2", "normal");
  EXPECT_EQ(item().queue, "social");
  EXPECT_TRUE(item().other_queue);
}

TEST_F(ItemActions, HandoffOfWhatWaitsOpensIt) {
  message(minutes{0});
  act(Type::ReplyNoted, minutes{1});
  act(Type::Handoff, minutes{2}, "ana", "please look");
  EXPECT_EQ(item().state, ItemState::Open);
}

TEST_F(ItemActions, NothingMovesAnItemUnderItsHoldersHands) {
  message(minutes{0});
  act(Type::Claim, minutes{1});
  message(minutes{2}, "x/2", "urgent", "social");
  EXPECT_EQ(item().queue, "community");
  EXPECT_EQ(item().priority, "urgent");
  EXPECT_TRUE(item().other_queue);

  act(Type::Release, minutes{3});
  message(minutes{2}, "x/2", "urgent", "social");
  EXPECT_EQ(item().queue, "community");
  EXPECT_TRUE(item().other_queue);
}

TEST_F(ItemActions, MessageForTheOtherQueueWithoutHigherPriorityFlags) {
  message(minutes{0});
  message(minutes{1}, "x/2", "normal", "social");
  EXPECT_EQ(item().queue, "community");
  EXPECT_TRUE(item().other_queue);
}

TEST_F(ItemActions, ActionThatComesAgainChangesNothing) {
  message(minutes{0});
  const Told note{.type = Type::Note, .at = minutes{1}, .note = "once", .id = "k1"};
  EXPECT_EQ(world_.tell(note).outcome->result, Outcome::Applied);
  EXPECT_EQ(world_.tell(note).outcome->result, Outcome::Repeated);
  EXPECT_EQ(item().notes.size(), 1U);
}

TEST_F(ItemActions, KeepsTheNewestNotesAndCountsTheRest) {
  message(minutes{0});
  for (int i = 0; i < 25; ++i) act(Type::Note, minutes{1}, "ana", "note " + std::to_string(i));
  EXPECT_EQ(item().notes.size(), kKeptNotes);
  EXPECT_EQ(item().notes_omitted, 5U);
  EXPECT_EQ(item().notes.back().text, "note 24");
  world_.reopen();
  EXPECT_EQ(item().notes_omitted, 5U);
  EXPECT_EQ(item().notes.front().text, "note 5");
}

TEST_F(ItemActions, OfNoItemSaysSo) {
  EXPECT_EQ(act(Type::Claim, minutes{1}).result, Outcome::NoItem);
  world_.tell({.conversation = "x/1", .key = "x/2", .at = minutes{1}, .inbound = false});
  EXPECT_EQ(act(Type::Claim, minutes{2}).result, Outcome::NoItem);
}

TEST_F(ItemActions, ActionsKeepAnItemFromExpiring) {
  constexpr minutes kDay{24 * 60};
  message(minutes{0});
  act(Type::Note, 30 * kDay, "ana", "still here");
  world_.tell({.conversation = "x/9", .key = "x/9", .at = 64 * kDay});
  EXPECT_TRUE(world_->item("x/1"));
  world_.tell({.conversation = "x/9", .key = "x/9", .at = 65 * kDay});
  EXPECT_FALSE(world_->item("x/1"));
}

TEST_F(ItemActions, RecordsOutOfBoundsAreRefused) {
  message(minutes{0});
  const auto refused = [&](ConversationRecord record) {
    std::string value;
    append_json(value, record);
    return !parse_conversation_record("x/1", value).has_value();
  };
  ConversationRecord good;
  good.type = Type::Claim;
  good.action = {"id", "ana", "", std::chrono::seconds{60}, ""};
  EXPECT_FALSE(refused(good));
  for (const std::int64_t lease : {0, 59, 86401}) {
    ConversationRecord bad = good;
    bad.action.lease = std::chrono::seconds{lease};
    EXPECT_TRUE(refused(bad)) << lease;
  }
  ConversationRecord nobody = good;
  nobody.action.who = "";
  EXPECT_TRUE(refused(nobody));
  ConversationRecord essay = good;
  essay.action.note = std::string(kMaxNoteBytes + 1, 'a');
  EXPECT_TRUE(refused(essay));
  ConversationRecord nowhere = good;
  nowhere.type = Type::Handoff;
  nowhere.action.queue = "moon";
  EXPECT_TRUE(refused(nowhere));
}

TEST_F(ItemActions, WhoMayActInOneQueueDoesNotInTheOther) {
  message(minutes{0}, "x/1", "normal", "community");
  ConversationRecord record;
  record.type = Type::Resolve;
  record.conversation = "x/1";
  record.seen_at = kItemStart + minutes{2};
  record.action.id = "one";
  record.action.who = "ana";
  record.action.only_in = "community";
  act(Type::Handoff, minutes{1}, "bob", "yours");

  const auto late = world_.tell(record);

  ASSERT_TRUE(late.outcome);
  EXPECT_EQ(late.outcome->result, Outcome::Refused);
  EXPECT_EQ(item().queue, "social");
  EXPECT_NE(item().state, ItemState::Resolved);
  record.action.only_in = "social";
  EXPECT_EQ(world_.tell(record).outcome->result, Outcome::Applied);
}

}  // namespace
}  // namespace vigie
