#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "rules/rule_cost.h"
#include "rules/rule_set.h"

namespace prometheus {
class Registry;
}

namespace vigie {

// What the rules in force have cost this process, summed over its matchers: the metrics of the
// dearest, and a word on each that is beyond its budget. Any thread; what it is given outlives it.
//
// At any time at most kListed rules have values: those that took the most time since the set came
// into force. While a rule is listed its values only grow; one that is overtaken goes, and comes
// back with all that it has cost. With another rule set everything begins at nothing.
class RuleCostBoard {
 public:
  static constexpr std::size_t kListed = 10;
  // Mentions before anything is said of a budget: time is told by a sample of them.
  static constexpr std::uint64_t kWarnFrom = 5000;
  // Lines of warnings() within kWarningsEvery.
  static constexpr std::size_t kWarnings = 5;
  static constexpr std::chrono::minutes kWarningsEvery{1};

  // `rules` gives the set in force.
  RuleCostBoard(std::function<std::shared_ptr<const RuleSet>()> rules,
                prometheus::Registry& registry);
  ~RuleCostBoard();

  // Costs of any set but the one in force are dropped.
  void add(const RuleCosts& costs);

  // To be called every few seconds: what is to be logged of rules beyond their budget. Each is told
  // once a rule set; those that kWarnings holds back come later.
  std::vector<std::string> warnings(std::chrono::steady_clock::time_point now);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Brings to the board what one matcher counts, every kEvery while it works. The matcher's thread.
class RuleCostTeller {
 public:
  static constexpr std::chrono::seconds kEvery{2};

  void tell(CostMeter& meter, RuleCostBoard& board);

 private:
  std::chrono::steady_clock::time_point told_at_{};
};

}  // namespace vigie
