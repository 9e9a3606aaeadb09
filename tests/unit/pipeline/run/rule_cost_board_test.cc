#include "pipeline/run/rule_cost_board.h"

#include <set>

#include <gtest/gtest.h>
#include <prometheus/registry.h>

namespace vigie {
namespace {

using std::chrono::microseconds;
using std::chrono::seconds;

std::shared_ptr<const RuleSet> rules_with(int themes) {
  std::string yaml = "brand: {id: acme, query: acme}\nthemes:\n";
  for (int i = 0; i < themes; ++i) {
    yaml += "  - {id: t" + std::to_string(i) + ", query: word" + std::to_string(i) + "}\n";
  }
  return RuleSet::compile(yaml, "r.yaml").rules;
}

class Board : public testing::Test {
 protected:
  // Of each of `times` one rule that took so many microseconds for one of 10,000 mentions.
  RuleCosts costs(const std::vector<int>& times) const {
    RuleCosts out{.version = rules_->version(), .mentions = 10000, .each = {}};
    out.each.resize(rules_->rules().size());
    for (std::size_t i = 0; i < times.size(); ++i) {
      out.each[i] = {
          .candidates = 2, .evaluations = 1, .matches = 1, .time = microseconds{times[i]}};
    }
    return out;
  }

  // "brand theme:t0 …" of the series of a metric.
  std::string listed(const std::string& metric = "vigie_rule_candidates_total") {
    std::set<std::string> labels;
    for (const auto& family : registry_.Collect()) {
      if (family.name != metric) continue;
      for (const auto& series : family.metric) labels.insert(series.label.at(0).value);
    }
    std::string out;
    for (const std::string& label : labels) out += label + ' ';
    return out;
  }
  double value(const std::string& metric, const std::string& rule) {
    for (const auto& family : registry_.Collect()) {
      if (family.name != metric) continue;
      for (const auto& series : family.metric) {
        if (series.label.at(0).value == rule) return series.counter.value;
      }
    }
    return -1;
  }

  std::shared_ptr<const RuleSet> rules_ = rules_with(11);
  prometheus::Registry registry_;
  RuleCostBoard board_{[this] { return rules_; }, registry_};
};

TEST_F(Board, ListsTheTenDearestAndNoMore) {
  board_.add(costs({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}));

  EXPECT_EQ(listed(),
            "theme:t1 theme:t10 theme:t2 theme:t3 theme:t4 theme:t5 theme:t6 theme:t7 theme:t8 "
            "theme:t9 ");
  EXPECT_EQ(listed("vigie_rule_seconds_total"), listed());
}

TEST_F(Board, ARuleThatComesBackHasAllThatItHasCost) {
  board_.add(costs({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}));
  EXPECT_EQ(value("vigie_rule_candidates_total", "brand"), -1);

  board_.add(costs({100, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}));

  EXPECT_EQ(value("vigie_rule_candidates_total", "brand"), 4);
  EXPECT_EQ(value("vigie_rule_evaluations_total", "brand"), 2);
  EXPECT_EQ(value("vigie_rule_matches_total", "brand"), 2);
  EXPECT_DOUBLE_EQ(value("vigie_rule_seconds_total", "brand"), 101e-6);
  EXPECT_EQ(value("vigie_rule_candidates_total", "theme:t1"), -1);
  EXPECT_EQ(value("vigie_rule_candidates_total", "theme:t2"), 4);
}

TEST_F(Board, AnotherRuleSetBeginsAtNothing) {
  board_.add(costs({1}));
  const RuleCosts late = costs({1});
  rules_ = rules_with(1);

  board_.add(late);
  EXPECT_EQ(listed(), "") << "of the set before";

  board_.add(costs({0, 5}));
  EXPECT_EQ(listed(), "brand theme:t0 ");
  EXPECT_EQ(value("vigie_rule_candidates_total", "theme:t0"), 2);
}

TEST_F(Board, WarnsOfARuleBeyondItsBudgetOnceARuleSet) {
  const std::chrono::steady_clock::time_point now{std::chrono::hours{1}};
  RuleCosts vain = costs({});
  vain.each[0] = {.candidates = 9000, .evaluations = 9000, .matches = 1};
  board_.add(vain);

  const std::vector<std::string> first = board_.warnings(now);

  ASSERT_EQ(first.size(), 1U);
  EXPECT_EQ(first[0],
            "rules rule=brand state=beyond_budget version=" + rules_->version() +
                " reason=\"a candidate for 90.0 % of the mentions, and 0.0 % of those match\"");
  EXPECT_TRUE(board_.warnings(now + seconds{90}).empty());
  rules_ = rules_with(3);
  vain.version = rules_->version();
  vain.each.resize(rules_->rules().size());
  board_.add(vain);
  EXPECT_EQ(board_.warnings(now + seconds{180}).size(), 1U);
}

TEST_F(Board, AFewMentionsSayNothing) {
  RuleCosts vain = costs({});
  vain.mentions = RuleCostBoard::kWarnFrom - 1;
  vain.each[0] = {.candidates = 4000, .evaluations = 4000};
  board_.add(vain);

  EXPECT_TRUE(
      board_.warnings(std::chrono::steady_clock::time_point{std::chrono::hours{1}}).empty());
}

TEST_F(Board, ManyWarningsComeAFewAMinute) {
  const std::chrono::steady_clock::time_point now{std::chrono::hours{1}};
  RuleCosts vain = costs({});
  for (RuleCost& cost : vain.each) cost = {.candidates = 9000, .evaluations = 9000};
  board_.add(vain);

  EXPECT_EQ(board_.warnings(now).size(), RuleCostBoard::kWarnings);
  EXPECT_TRUE(board_.warnings(now + seconds{59}).empty());
  EXPECT_EQ(board_.warnings(now + seconds{60}).size(), RuleCostBoard::kWarnings);
  EXPECT_EQ(board_.warnings(now + seconds{120}).size(), 2U);
  EXPECT_TRUE(board_.warnings(now + seconds{180}).empty());
}

TEST_F(Board, HearsOfAMatcherOnceInAWhile) {
  Matcher matcher;
  RuleCostTeller teller;
  Mention mention;
  mention.text = "acme";
  teller.tell(matcher.costs(), board_);
  EXPECT_EQ(listed(), "") << "nothing was matched";

  matcher.match(*rules_, mention, {});
  teller.tell(matcher.costs(), board_);
  matcher.match(*rules_, mention, {});
  teller.tell(matcher.costs(), board_);

  EXPECT_EQ(value("vigie_rule_matches_total", "brand"), 1);
  EXPECT_EQ(matcher.costs().costs().mentions, 1U) << "kept for the next time";
}

}  // namespace
}  // namespace vigie
