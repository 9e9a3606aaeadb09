#include "pipeline/route/route.h"

#include <gtest/gtest.h>

namespace vigie {
namespace {

constexpr std::string_view kRules =
    "brand: {id: acme, query: acme, accounts: ['x:@acme'], ambassadors: ['x:@ana']}\n"
    "competitors: [{id: globex, query: globex}]\n"
    "themes: [{id: jobs, query: jobs}, {id: late, query: late}]\n"
    "campaigns: [{id: sum, query: '#sum'}]\n";
constexpr std::string_view kRoutes =
    "routes:\n"
    " - {id: jobs, when: 'theme:jobs', queue: none}\n"
    " - {id: brand, when: 'to:brand OR kind:dm', queue: social, priority: high, sla: 1h}\n"
    " - {id: rest, when: 'NOT lang:xx', queue: community}\n";

class RouteTest : public testing::Test {
 protected:
  static Mention mention_of(std::string_view text) {
    Mention mention;
    mention.network = "x";
    mention.id = "1";
    mention.kind = Kind::Mention;
    mention.author.id = "somebody";
    mention.text = text;
    return mention;
  }

  Decision decide_with(std::string_view routes, const Mention& mention) {
    const auto compiled = RuleSet::compile(std::string(kRules) + std::string(routes), "r");
    return decide(*compiled.rules, mention, matcher_.match(*compiled.rules, mention, {}));
  }
  Decision by_default(const Mention& mention) { return decide_with("", mention); }
  Decision routed(const Mention& mention) { return decide_with(kRoutes, mention); }

  bool kept(const Mention& mention) {
    const auto compiled = RuleSet::compile(kRules, "r");
    return is_kept(mention, matcher_.match(*compiled.rules, mention, {}));
  }

  Matcher matcher_;
};

TEST_F(RouteTest, TheFirstRouteThatHoldsDecides) {
  EXPECT_EQ(routed(mention_of("late @acme")),
            (Decision{Queue::Social, "brand", Priority::High, std::chrono::hours(1)}));
  EXPECT_EQ(routed(mention_of("late")), (Decision{Queue::Community, "rest", Priority::Normal, {}}));
}

TEST_F(RouteTest, ARouteToNoQueueKeepsItsIdAndHasNoPriority) {
  EXPECT_EQ(routed(mention_of("jobs @acme")), (Decision{Queue::None, "jobs", {}, {}}));
}

TEST_F(RouteTest, WhatIsNotRelevantIsNotQueuedWhateverTheRoutesSay) {
  EXPECT_EQ(routed(mention_of("hello")), Decision{});
  EXPECT_EQ(routed(mention_of("globex")), Decision{});
}

TEST_F(RouteTest, AnAnswerToAnAmbassadorIsRelevant) {
  Mention mention = mention_of("thanks");
  mention.in_reply_to_author = Person{"7", "ana"};

  EXPECT_EQ(routed(mention).queue, Queue::Community);
}

TEST_F(RouteTest, ClicksConversionsAndReactionsAreNeverQueued) {
  for (const Kind kind : {Kind::Click, Kind::Conversion, Kind::Reaction}) {
    Mention mention = mention_of("acme late");
    mention.kind = kind;
    EXPECT_EQ(routed(mention), Decision{});
    EXPECT_EQ(by_default(mention), Decision{});
  }
}

TEST_F(RouteTest, OnlyWhatBringsAMessageIsQueued) {
  for (const Op op : {Op::Engagement, Op::Delete, Op::Hide, Op::Unhide, Op::EraseAuthor}) {
    Mention mention = mention_of("acme late");
    mention.op = op;
    EXPECT_EQ(routed(mention), Decision{});
    EXPECT_EQ(by_default(mention), Decision{});
  }
  Mention edit = mention_of("acme late");
  edit.op = Op::Update;
  EXPECT_EQ(routed(edit).queue, Queue::Community);
}

TEST_F(RouteTest, WhatTheBrandsOwnPeopleWroteIsNeverQueued) {
  for (const char* handle : {"acme", "ana"}) {
    Mention mention = mention_of("acme late");
    mention.author.handle = handle;
    EXPECT_EQ(routed(mention), Decision{});
    EXPECT_TRUE(kept(mention));
  }
}

TEST_F(RouteTest, WithoutRoutesTheBrandIsAnsweredAndTheRestGoesToTheCommunity) {
  Mention dm = mention_of("hi");
  dm.kind = Kind::Dm;

  EXPECT_EQ(by_default(mention_of("hi @acme")),
            (Decision{Queue::Social, "default", Priority::Normal, {}}));
  EXPECT_EQ(by_default(dm), (Decision{Queue::Social, "default", Priority::Normal, {}}));
  EXPECT_EQ(by_default(mention_of("acme")),
            (Decision{Queue::Community, "default", Priority::Normal, {}}));
  EXPECT_EQ(by_default(mention_of("#sum")),
            (Decision{Queue::Community, "default", Priority::Normal, {}}));
  EXPECT_EQ(by_default(mention_of("late")), Decision{});
}

TEST_F(RouteTest, KeepsWhatIsTaggedOrConcernsTheBrandsPeople) {
  Mention dm = mention_of("hi");
  dm.kind = Kind::Dm;

  EXPECT_TRUE(kept(dm));
  EXPECT_TRUE(kept(mention_of("globex")));
  EXPECT_TRUE(kept(mention_of("hi @acme")));
  EXPECT_FALSE(kept(mention_of("hi")));
}

}  // namespace
}  // namespace vigie
