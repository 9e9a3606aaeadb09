#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "rules/query.h"
#include "rules/query_atom.h"
#include "rules/rule_file.h"

namespace vigie {

// That a part of a query holds of a mention, or that it does not.
struct Claim {
  const QueryNode* query = nullptr;
  bool holds = true;
};

// Tells whether no mention at all can be as some claims say. What it finds is so for every mention;
// what it does not find may be so all the same. It knows AND, OR, NOT, what follows of a NEAR, a
// phrase, a tag or a wildcard, fields that have one value, numbers, and accounts and tags that the
// file does not have. A theme or competitor tags exactly what its query matches; a campaign does
// not. One thread; the file, whose queries have been compiled without errors, outlives it.
class QueryLogic {
 public:
  explicit QueryLogic(const RuleFile& file);

  // `claims` are about queries of the file, or parts of them.
  bool contradict(std::span<const Claim> claims);

  // Why the last claims contradict each other, where one sentence can say it; else empty.
  const std::string& reason() const { return reason_; }

  // The same text for queries that differ only in the order of operands, parentheses, repetitions
  // and how their words are written; and for no others.
  std::string normal_form(const QueryNode& query);

  // How many comparisons there may be: about one set of claims, and about all of them. Beyond
  // either nothing is found.
  static constexpr std::size_t kMaxSteps = 300'000;
  static constexpr std::size_t kMaxStepsOfAll = 100'000'000;
  bool is_exhausted() const { return steps_of_all_ >= kMaxStepsOfAll; }

 private:
  struct Literal {
    const QueryAtom* atom = nullptr;
    bool holds = true;
  };
  // At least one of the claims is so.
  using Choice = std::vector<Claim>;
  struct State {
    // Two literals that are not to hold never clash, so they are kept apart.
    std::vector<Literal> positive;
    std::vector<Literal> negative;
    std::vector<Choice> choices;
  };

  // False when there are no more steps.
  bool spend(std::size_t steps = 1);
  static std::size_t weight(const State& state);
  const QueryAtom& atom(const QueryNode& query);
  bool is_impossible(State state, std::vector<Claim> claims, std::size_t depth);
  bool add(State& state, std::vector<Claim>& claims);
  bool add_literal(State& state, const QueryNode& query, bool holds);
  void add_consequences(State& state, const QueryNode& query, bool holds,
                        std::vector<Claim>& claims);
  bool clash(const Literal& a, const Literal& b);
  bool numbers_clash(const State& state, const QueryAtom& added);
  bool is_settled(const State& state, const Choice& choice);
  void say(std::string reason);

  const RuleFile& file_;
  AtomReader reader_;
  std::map<RuleKind, std::vector<std::uint32_t>> rules_of_kind_;
  std::unordered_map<const QueryNode*, QueryAtom> atoms_;
  std::unordered_map<std::uint32_t, const QueryNode*> tag_queries_;
  std::deque<QueryNode> made_;  // theme:ID for each theme, where theme:* is taken apart
  std::string reason_;
  bool chose_ = false;  // the claims have to be told apart in cases, so no one reason is all
  std::size_t steps_ = 0;
  std::size_t steps_of_all_ = 0;
};

}  // namespace vigie
