#include "rules/query_logic.h"

#include <algorithm>
#include <limits>
#include <ranges>

#include <fmt/format.h>

namespace vigie {
namespace {

using Node = QueryNode::Kind;

// A theme:* that is to hold is taken apart into this many themes at most.
constexpr std::size_t kMaxTags = 64;
// Cases within cases; each costs stack.
constexpr std::size_t kMaxCases = 200;

bool is_number(const QueryAtom& atom) {
  return atom.type == QueryAtom::Type::Field && atom.field.what >= Field::What::Followers &&
         atom.field.what <= Field::What::Clicks;
}

// The whole numbers that are left, without those of `holes` at its ends.
struct Interval {
  std::int64_t low = std::numeric_limits<std::int64_t>::min();
  std::int64_t high = std::numeric_limits<std::int64_t>::max();
  bool empty = false;

  void at_least(std::int64_t value) { low = std::max(low, value); }
  void at_most(std::int64_t value) { high = std::min(high, value); }
  void above(std::int64_t value) {
    if (value == std::numeric_limits<std::int64_t>::max()) {
      empty = true;
    } else {
      at_least(value + 1);
    }
  }
  void below(std::int64_t value) {
    if (value == std::numeric_limits<std::int64_t>::min()) {
      empty = true;
    } else {
      at_most(value - 1);
    }
  }
  bool is_empty() const { return empty || low > high; }
};

void narrow(Interval& interval, const Field& field, bool holds) {
  switch (field.compare) {
    case Compare::Less:
      return holds ? interval.below(field.number) : interval.at_least(field.number);
    case Compare::LessEqual:
      return holds ? interval.at_most(field.number) : interval.above(field.number);
    case Compare::GreaterEqual:
      return holds ? interval.at_least(field.number) : interval.below(field.number);
    case Compare::Greater:
      return holds ? interval.above(field.number) : interval.at_most(field.number);
    case Compare::Equal:
      if (!holds) return;
      interval.at_least(field.number);
      interval.at_most(field.number);
  }
}

}  // namespace

QueryLogic::QueryLogic(const RuleFile& file) : file_(file), reader_(file) {
  for (std::uint32_t i = 0; i < file.rules.size(); ++i) {
    rules_of_kind_[file.rules[i].kind].push_back(i);
  }
}

bool QueryLogic::spend(std::size_t steps) {
  steps_of_all_ += steps;
  steps_ += steps;
  return steps_ <= kMaxSteps && steps_of_all_ <= kMaxStepsOfAll;
}

// What it costs to go into one more case, which begins with a copy of it all.
std::size_t QueryLogic::weight(const State& state) {
  std::size_t sum = state.positive.size() + state.negative.size();
  for (const Choice& choice : state.choices) sum += 1 + choice.size();
  return 1 + sum / 4;
}

void QueryLogic::say(std::string reason) {
  if (!chose_ && reason_.empty()) reason_ = std::move(reason);
}

const QueryAtom& QueryLogic::atom(const QueryNode& query) {
  const auto found = atoms_.find(&query);
  if (found != atoms_.end()) return found->second;
  QueryAtom made;
  if (query.kind == Node::Near) {
    made = AtomReader::near(query, normal_form(query.children[0]), normal_form(query.children[1]));
    made.nested = has_near(query.children[0]) || has_near(query.children[1]);
  } else {
    made = reader_.leaf(query);
  }
  return atoms_.emplace(&query, std::move(made)).first->second;
}

std::string QueryLogic::normal_form(const QueryNode& query) {
  if (query.kind == Node::Not) {
    const QueryNode& inner = query.children.front();
    if (inner.kind == Node::Not) return normal_form(inner.children.front());
    return "(not " + normal_form(inner) + ")";
  }
  if (query.kind != Node::And && query.kind != Node::Or) return "(" + atom(query).key + ")";
  std::vector<std::string> parts;
  const auto collect = [&](const auto& self, const QueryNode& node) -> void {
    for (const QueryNode& child : node.children) {
      if (child.kind == query.kind) {
        self(self, child);
      } else {
        parts.push_back(normal_form(child));
      }
    }
  };
  collect(collect, query);
  std::ranges::sort(parts);
  const auto [first, last] = std::ranges::unique(parts);
  parts.erase(first, last);
  if (parts.size() == 1) return parts.front();
  std::string out = query.kind == Node::And ? "(and" : "(or";
  for (const std::string& part : parts) out += " " + part;
  return out + ")";
}

bool QueryLogic::contradict(std::span<const Claim> claims) {
  reason_.clear();
  chose_ = false;
  steps_ = 0;
  if (is_exhausted()) return false;
  return is_impossible({}, {claims.begin(), claims.end()}, 0);
}

// Collects what each claim comes to: literals are compared at once, choices wait until nothing else
// is left, and are then tried one by one. The claims contradict each other when every way to choose
// does.
bool QueryLogic::is_impossible(State state, std::vector<Claim> claims, std::size_t depth) {
  if (add(state, claims)) return true;
  while (!state.choices.empty()) {
    // The choice with the fewest ways; those that are settled anyhow need none.
    std::erase_if(state.choices, [&](const Choice& choice) { return is_settled(state, choice); });
    if (state.choices.empty() || depth == kMaxCases || !spend()) return false;
    const auto least = std::ranges::min_element(state.choices, {}, &Choice::size);
    const Choice choice = std::move(*least);
    state.choices.erase(least);
    if (choice.size() == 1) {
      claims = choice;
      if (add(state, claims)) return true;
      continue;
    }
    chose_ = true;
    const std::size_t steps = weight(state);
    return std::ranges::all_of(choice, [&](const Claim& claim) {
      return spend(steps) && is_impossible(state, {claim}, depth + 1);
    });
  }
  return false;
}

// True where they are impossible together. Empties `claims`.
bool QueryLogic::add(State& state, std::vector<Claim>& claims) {
  while (!claims.empty()) {
    const auto [query, holds] = claims.back();
    claims.pop_back();
    if (!spend()) return false;
    if (query->kind == Node::Not) {
      claims.push_back({&query->children.front(), !holds});
    } else if (query->kind == Node::And || query->kind == Node::Or) {
      if ((query->kind == Node::And) == holds) {
        // The last is taken first: reasons name clauses in the order of the query.
        for (const QueryNode& child : std::views::reverse(query->children))
          claims.push_back({&child, holds});
      } else {
        Choice choice;
        for (const QueryNode& child : query->children) choice.push_back({&child, holds});
        state.choices.push_back(std::move(choice));
      }
    } else {
      if (add_literal(state, *query, holds)) return true;
      add_consequences(state, *query, holds, claims);
    }
  }
  return false;
}

bool QueryLogic::add_literal(State& state, const QueryNode& query, bool holds) {
  const Literal added{&atom(query), holds};
  if (holds) {
    const std::string never = reader_.impossible(*added.atom);
    if (!never.empty()) {
      say(fmt::format("{} never holds: {}", added.atom->shown, never));
      return true;
    }
  }
  for (const auto* list : {&state.positive, &state.negative}) {
    if (list == &state.negative && !holds) break;
    for (const Literal& other : *list) {
      if (!spend()) return false;
      if (clash(added, other)) return true;
    }
  }
  (holds ? state.positive : state.negative).push_back(added);
  return is_number(*added.atom) && numbers_clash(state, *added.atom);
}

bool QueryLogic::clash(const Literal& a, const Literal& b) {
  if (a.holds && b.holds) {
    if (!exclude_each_other(*a.atom, *b.atom)) return false;
    say(fmt::format("{} and {} never hold together", b.atom->shown, a.atom->shown));
    return true;
  }
  if (a.holds == b.holds) return false;
  const QueryAtom& has = a.holds ? *a.atom : *b.atom;
  const QueryAtom& lacks = a.holds ? *b.atom : *a.atom;
  if (!implies(has, lacks)) return false;
  say(has.key == lacks.key
          ? fmt::format("{} has to be there and must not be", has.shown)
          : fmt::format("what has {} has {}, which must not be", has.shown, lacks.shown));
  return true;
}

// A number that is not told makes every comparison false, so there is one once any comparison has
// to hold.
bool QueryLogic::numbers_clash(const State& state, const QueryAtom& added) {
  Interval interval;
  bool is_told = false;
  std::string shown;
  std::vector<std::int64_t> holes;
  for (const auto* list : {&state.positive, &state.negative}) {
    for (const Literal& one : *list) {
      if (!is_number(*one.atom) || one.atom->field.what != added.field.what) continue;
      is_told = is_told || one.holds;
      narrow(interval, one.atom->field, one.holds);
      if (!one.holds && one.atom->field.compare == Compare::Equal)
        holes.push_back(one.atom->field.number);
      shown +=
          (shown.empty() ? "" : ", ") + (one.holds ? "" : std::string("NOT ")) + one.atom->shown;
    }
  }
  std::ranges::sort(holes);
  for (const std::int64_t hole : holes) {
    if (hole == interval.low) interval.above(hole);
  }
  for (auto hole = holes.rbegin(); hole != holes.rend(); ++hole) {
    if (*hole == interval.high) interval.below(*hole);
  }
  if (!is_told || !interval.is_empty()) return false;
  say(fmt::format("no number is {}", shown));
  return true;
}

void QueryLogic::add_consequences(State& state, const QueryNode& query, bool holds,
                                  std::vector<Claim>& claims) {
  if (query.kind == Node::Near) {
    if (!holds) return;
    for (const QueryNode& child : std::views::reverse(query.children))
      claims.push_back({&child, true});
    return;
  }
  const QueryAtom& asked = atom(query);
  if (asked.type != QueryAtom::Type::Field) return;
  if (asked.field.what == Field::What::Tag) {
    const RuleSource& rule = file_.rules[asked.field.index];
    if (rule.kind != RuleKind::Campaign && rule.query.root)
      claims.push_back({&*rule.query.root, holds});
    return;
  }
  if (asked.field.what != Field::What::AnyTag || !holds) return;
  const std::vector<std::uint32_t>& rules = rules_of_kind_[asked.field.kind];
  if (rules.size() > kMaxTags) return;
  Choice choice;
  for (const std::uint32_t rule : rules) {
    const QueryNode*& made = tag_queries_[rule];
    if (made == nullptr) {
      QueryNode& tag = made_.emplace_back(query);
      tag.text = file_.rules[rule].id;
      made = &tag;
    }
    choice.push_back({made, true});
  }
  state.choices.push_back(std::move(choice));
}

// One of its claims is a literal that the others give anyhow.
bool QueryLogic::is_settled(const State& state, const Choice& choice) {
  return std::ranges::any_of(choice, [&](const Claim& claim) {
    if (!spend()) return false;
    const Node kind = claim.query->kind;
    if (kind == Node::And || kind == Node::Or || kind == Node::Not) return false;
    const QueryAtom& wanted = atom(*claim.query);
    const std::vector<Literal>& same = claim.holds ? state.positive : state.negative;
    return std::ranges::any_of(same, [&](const Literal& literal) {
      if (!spend()) return false;
      return claim.holds ? implies(*literal.atom, wanted) : implies(wanted, *literal.atom);
    });
  });
}

}  // namespace vigie
