#include "rules/rule_budget.h"

#include <gtest/gtest.h>

#include "rules/rule_set.h"

namespace vigie {
namespace {

using std::chrono::microseconds;

std::shared_ptr<const RuleSet> two_rules_and_a_route() {
  return RuleSet::compile(
             "brand: {id: acme, query: acme}\nthemes: [{id: late, query: late}]\n"
             "routes: [{id: all, when: 'is:brand', queue: social}]\n",
             "r.yaml")
      .rules;
}

RuleCosts costs_of(RuleCost brand, RuleCost late, RuleCost route) {
  return {.version = "v", .mentions = 1000, .each = {brand, late, route}};
}

std::string beyond(const RuleCosts& costs) {
  const auto rules = two_rules_and_a_route();
  std::string out;
  for (const BeyondBudget& one : beyond_budget(*rules, costs)) {
    out += cost_label(*rules, one.index) + ": " + one.why + "\n";
  }
  return out;
}

TEST(RuleBudget, ARuleThatIsOftenAskedInVainIsBeyondIt) {
  EXPECT_EQ(beyond(costs_of({.candidates = 51, .evaluations = 51, .matches = 5},
                            {.candidates = 50, .evaluations = 50, .matches = 0},
                            {.candidates = 1000, .evaluations = 1000, .matches = 0})),
            "brand: a candidate for 5.1 % of the mentions, and 9.8 % of those match\n");
}

TEST(RuleBudget, ACampaignThatIsNotOnCostsNothing) {
  EXPECT_EQ(beyond(costs_of({.candidates = 900, .evaluations = 0, .matches = 0}, {}, {})), "");
}

TEST(RuleBudget, ARuleOrRouteThatTakesMuchTimeIsBeyondIt) {
  EXPECT_EQ(beyond(costs_of({.candidates = 1, .evaluations = 1, .time = microseconds{1100}},
                            {.candidates = 1, .evaluations = 1, .time = microseconds{900}},
                            {.candidates = 9, .evaluations = 9, .time = microseconds{8000}})),
            "brand: 11.0 % of the time of all, 1.1 us a mention\n"
            "route:all: 80.0 % of the time of all, 8.0 us a mention\n");
}

TEST(RuleBudget, AFewMentionsSayNothing) {
  RuleCosts costs = costs_of({.candidates = 99, .evaluations = 99}, {}, {});
  costs.mentions = 99;
  EXPECT_EQ(beyond(costs), "");
}

TEST(RuleCosts, TheDearestComeByTimeThenByEvaluations) {
  const RuleCosts costs =
      costs_of({.evaluations = 5}, {.evaluations = 1, .time = microseconds{1}}, {.evaluations = 9});

  EXPECT_EQ(dearest(costs, 10), (std::vector<std::uint32_t>{1, 2, 0}));
  EXPECT_EQ(dearest(costs, 2), (std::vector<std::uint32_t>{1, 2}));
}

}  // namespace
}  // namespace vigie
