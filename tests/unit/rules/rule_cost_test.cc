#include "rules/rule_cost.h"

#include <gtest/gtest.h>

#include "rules/rule_set.h"
#include "tests/rules/fixture.h"

namespace vigie {
namespace {

constexpr std::string_view kRules =
    "brand: {id: acme, query: acme}\n"
    "themes: [{id: late, query: 'order late'}, {id: big, query: 'followers>1000'}]\n"
    "campaigns: [{id: over, query: acme, until: 2025-01-01T00:00:00Z}]\n"
    "routes: [{id: first, when: 'theme:late', queue: social},\n"
    "         {id: rest, when: 'is:brand', queue: community}]\n";

// "candidates evaluations matches" of what is called `label`.
std::string counts(const RuleSet& rules, const RuleCosts& costs, std::string_view label) {
  for (std::size_t i = 0; i < costs.each.size(); ++i) {
    if (cost_label(rules, i) != label) continue;
    const RuleCost& cost = costs.each[i];
    return std::to_string(cost.candidates) + ' ' + std::to_string(cost.evaluations) + ' ' +
           std::to_string(cost.matches);
  }
  return "none";
}

TEST(CostMeter, CountsCandidatesEvaluationsAndMatchesOfRulesAndRoutes) {
  const auto rules = rules_of(kRules);
  Matcher matcher;

  for (const char* text : {"acme order late", "acme", "my order", "nothing", "order late"}) {
    matcher.match(*rules, mention_of(text), {});
  }

  const RuleCosts costs = matcher.costs().costs();
  EXPECT_EQ(costs.version, rules->version());
  EXPECT_EQ(costs.mentions, 5U);
  EXPECT_EQ(counts(*rules, costs, "brand"), "2 2 2");
  EXPECT_EQ(counts(*rules, costs, "theme:late").substr(2), "2 2");
  EXPECT_EQ(counts(*rules, costs, "theme:big"), "5 5 0");
  EXPECT_EQ(counts(*rules, costs, "campaign:over"), "2 0 0");
  EXPECT_EQ(counts(*rules, costs, "route:first"), "5 5 2");
  EXPECT_EQ(counts(*rules, costs, "route:rest"), "3 3 1");
}

TEST(CostMeter, BeginsAgainWithAnotherRuleSet) {
  const auto before = rules_of(kRules);
  const auto after = rules_of("brand: {id: acme, query: acme}\n");
  Matcher matcher;
  matcher.match(*before, mention_of("acme"), {});

  matcher.match(*after, mention_of("acme"), {});

  const RuleCosts costs = matcher.costs().costs();
  EXPECT_EQ(costs.version, after->version());
  EXPECT_EQ(costs.mentions, 1U);
  ASSERT_EQ(costs.each.size(), 1U);
  EXPECT_EQ(counts(*after, costs, "brand"), "1 1 1");
}

TEST(CostMeter, WhatWasTakenIsNotCountedAgain) {
  const auto rules = rules_of(kRules);
  Matcher matcher;
  matcher.match(*rules, mention_of("acme"), {});

  RuleCosts sum = matcher.costs().take();
  matcher.match(*rules, mention_of("acme"), {});
  matcher.match(*rules, mention_of("acme"), {});

  EXPECT_EQ(matcher.costs().costs().mentions, 2U);
  sum.add(matcher.costs().take());
  EXPECT_EQ(sum.mentions, 3U);
  EXPECT_EQ(counts(*rules, sum, "brand"), "3 3 3");
}

TEST(RuleCosts, ASumIsOfOneRuleSet) {
  RuleCosts sum{.version = "old", .mentions = 7, .each = {RuleCost{.candidates = 7}}};

  sum.add({.version = "new", .mentions = 2, .each = {RuleCost{.candidates = 1}, RuleCost{}}});

  EXPECT_EQ(sum.version, "new");
  EXPECT_EQ(sum.mentions, 2U);
  EXPECT_EQ(sum.each.size(), 2U);
  EXPECT_EQ(sum.each[0].candidates, 1U);
}

TEST(RuleCosts, TellsWhichRulesNeedNoWord) {
  const auto rules = rules_of(kRules);

  const std::vector<bool> always = needs_no_word(*rules);

  std::string found;
  for (std::size_t i = 0; i < always.size(); ++i) {
    if (always[i]) found += cost_label(*rules, i) + ' ';
  }
  EXPECT_EQ(found, "theme:big ");
}

// The sample stands for the whole: an estimate from one mention in 64 is of the size of the time
// of every mention. The bounds are wide; the machine may be busy.
TEST(CostMeter, TheEstimateStandsForEveryMention) {
  const auto rules = rules_of("brand: {id: acme, query: '/(a|b)*[ab]{20}z/'}\n");
  std::string text;
  for (int i = 0; i < 100; ++i) text += "abba ";
  const Mention mention = mention_of(text);
  Matcher all;
  all.costs().time_one_in(1);
  Matcher sampled;

  for (int i = 0; i < 6400; ++i) {
    all.match(*rules, mention, {});
    sampled.match(*rules, mention, {});
  }

  const auto whole = all.costs().costs().each[0].time;
  const auto estimate = sampled.costs().costs().each[0].time;
  EXPECT_GT(whole.count(), 0);
  EXPECT_GT(estimate, whole / 4);
  EXPECT_LT(estimate, whole * 4);
}

}  // namespace
}  // namespace vigie
