#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "rules/rule_cost.h"

namespace vigie {

// What a rule may cost before somebody is told. A rule that is beyond it goes on as it is.
struct RuleBudget {
  // Fewer mentions say too little.
  static constexpr std::uint64_t kMentions = 100;
  // Rules, not routes: a candidate for more than this share of the mentions, while less than
  // `kMatches` of those match.
  static constexpr double kCandidates = 0.05;
  static constexpr double kMatches = 0.1;
  // Rules and routes: more than this share of the time of all, and more than `kTime` a mention.
  static constexpr double kTimeShare = 0.1;
  static constexpr std::chrono::nanoseconds kTime{1000};
};

struct BeyondBudget {
  std::uint32_t index = 0;  // into RuleCosts::each
  std::string why;          // "a candidate for 40.0 % of the mentions, and 0.1 % of those match"
};

// `costs` are those of `rules`; in the order of RuleCosts::each.
std::vector<BeyondBudget> beyond_budget(const RuleSet& rules, const RuleCosts& costs);

// Places in RuleCosts::each of the `count` that took the most time, then of the most evaluations,
// then in their order there. What was never evaluated is left out.
std::vector<std::uint32_t> dearest(const RuleCosts& costs, std::size_t count);

std::chrono::nanoseconds total_time(const RuleCosts& costs);

// `part` of `whole`; 0 of nothing.
double share(std::uint64_t part, std::uint64_t whole);

}  // namespace vigie
