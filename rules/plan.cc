#include "rules/plan.h"

#include <algorithm>

#include <re2/re2.h>

namespace vigie {
namespace {

// Words one of which has to be in the text, and how many texts we expect that to let through.
struct Cover {
  double cost = 0;
  std::vector<std::uint32_t> words;
};

class AnchorChooser {
 public:
  explicit AnchorChooser(const RuleSet::Plan& plan) : plan_(plan), uses_(plan.vocabulary.size()) {
    for (const PlanNode& node : plan.nodes) {
      if (node.op == PlanNode::Op::Term) ++uses_[node.a];
    }
    for (const PhrasePart& part : plan.parts) ++uses_[part.term];
  }

  // Empty where no word has to be there.
  std::optional<Cover> cover(std::uint32_t at) const {
    const PlanNode& node = plan_.nodes[at];
    switch (node.op) {
      case PlanNode::Op::Term:
        return Cover{cost(node.a), {node.a}};
      case PlanNode::Op::Phrase:
      case PlanNode::Op::Exact: {
        std::uint32_t best = plan_.parts[node.a].term;
        for (std::uint32_t i = 1; i < node.b; ++i) {
          const std::uint32_t term = plan_.parts[node.a + i].term;
          if (cost(term) < cost(best)) best = term;
        }
        return Cover{cost(best), {best}};
      }
      case PlanNode::Op::Near:
        return cheaper(cover(node.a), cover(node.b));
      case PlanNode::Op::And: {
        std::optional<Cover> best;
        for (std::uint32_t i = 0; i < node.b; ++i)
          best = cheaper(std::move(best), cover(plan_.children[node.a + i]));
        return best;
      }
      case PlanNode::Op::Or: {
        Cover all;
        for (std::uint32_t i = 0; i < node.b; ++i) {
          std::optional<Cover> one = cover(plan_.children[node.a + i]);
          if (!one) return {};
          all.cost += one->cost;
          all.words.insert(all.words.end(), one->words.begin(), one->words.end());
        }
        return all;
      }
      default:
        return {};
    }
  }

 private:
  static std::optional<Cover> cheaper(std::optional<Cover> a, std::optional<Cover> b) {
    if (!a) return b;
    if (!b) return a;
    return b->cost < a->cost ? std::move(b) : std::move(a);
  }

  // Long words are rare; what many rules of one brand use, such as its name, is frequent in its
  // stream.
  double cost(std::uint32_t id) const {
    const std::string& text = plan_.vocabulary.text(id);
    const auto length = static_cast<double>(std::min<std::size_t>(text.size(), 12));
    const double wide = plan_.vocabulary.is_wildcard(id) ? 4 : 1;
    return wide * static_cast<double>(1 + uses_[id]) / (length * length);
  }

  const RuleSet::Plan& plan_;
  std::vector<std::size_t> uses_;
};

}  // namespace

RuleSet::Plan::Plan() = default;
RuleSet::Plan::~Plan() = default;
RuleSet::Plan::Plan(Plan&&) noexcept = default;
RuleSet::Plan& RuleSet::Plan::operator=(Plan&&) noexcept = default;

void choose_anchors(RuleSet::Plan& plan) {
  const AnchorChooser chooser(plan);
  std::vector<std::vector<std::uint32_t>> rules(plan.vocabulary.size());
  for (std::uint32_t rule = 0; rule < plan.rules.size(); ++rule) {
    const std::optional<Cover> cover = chooser.cover(plan.rules[rule].root);
    if (!cover) {
      plan.always.push_back(rule);
      continue;
    }
    for (const std::uint32_t word : cover->words) {
      if (rules[word].empty() || rules[word].back() != rule) rules[word].push_back(rule);
    }
  }
  plan.posting_begin.reserve(rules.size() + 1);
  for (const std::vector<std::uint32_t>& list : rules) {
    plan.posting_begin.push_back(static_cast<std::uint32_t>(plan.postings.size()));
    plan.postings.insert(plan.postings.end(), list.begin(), list.end());
  }
  plan.posting_begin.push_back(static_cast<std::uint32_t>(plan.postings.size()));
}

}  // namespace vigie
