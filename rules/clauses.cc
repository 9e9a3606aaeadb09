#include "rules/clauses.h"

#include <algorithm>
#include <cassert>
#include <optional>

#include <fmt/format.h>

#include "pipeline/core/utf8.h"
#include "rules/evaluate.h"
#include "rules/fields.h"
#include "rules/observed.h"
#include "rules/plan.h"
#include "rules/query_compiler.h"

namespace vigie {
namespace {

using Node = QueryNode::Kind;

// An explanation shows the start of what is longer.
constexpr std::size_t kMaxShown = 300;

std::string shown(std::string_view text) {
  const std::string_view start = first_bytes(text, kMaxShown);
  return on_one_line(start) + (start.size() < text.size() ? "..." : "");
}

std::vector<std::uint8_t> tags_of(const RuleSet& rules, const Verdict& verdict) {
  std::vector<std::uint8_t> tags(rules.rules().size());
  for (const auto* list : {&verdict.themes, &verdict.campaigns, &verdict.competitors}) {
    for (const std::uint32_t rule : *list) tags[rule] = 1;
  }
  if (verdict.brand) tags[0] = 1;
  return tags;
}

// Where the operands of a NEAR stand, counted in words, both ends included.
struct WordRange {
  std::size_t first = 0;
  std::size_t last = 0;
};

// The closest two places of different words, or nothing where all share a word. With `ordered` only
// those whose left one comes first.
struct Gap {
  std::size_t words = 0;
  WordRange left;
  WordRange right;
};

std::optional<Gap> closest(const std::vector<WordRange>& left, std::vector<WordRange> right,
                           bool ordered) {
  std::optional<Gap> best;
  const auto offer = [&](std::size_t words, const WordRange& a, const WordRange& b) {
    if (!best || words < best->words) best = Gap{words, a, b};
  };
  std::ranges::sort(right, {}, &WordRange::first);
  for (const WordRange& a : left) {
    const auto after = std::ranges::upper_bound(right, a.last, {}, &WordRange::first);
    if (after != right.end()) offer(after->first - a.last - 1, a, *after);
  }
  if (ordered) return best;
  std::ranges::sort(right, {}, &WordRange::last);
  for (const WordRange& a : left) {
    const auto before = std::ranges::lower_bound(right, a.first, {}, &WordRange::last);
    if (before != right.begin())
      offer(a.first - std::prev(before)->last - 1, a, *std::prev(before));
  }
  return best;
}

}  // namespace

// Compiles each leaf and each NEAR as a query of its own and asks those; AND, OR and NOT follow
// from their parts. So a regex is compiled once, however deep it stands.
class ClauseEvaluator::Impl {
 public:
  Impl(const RuleFile& file, const RuleSet& rules, const Mention& mention, const Verdict& verdict,
       const IsNewAuthor& is_new_author)
      : rules_(rules),
        mention_(mention),
        verdict_(verdict),
        is_new_author_(is_new_author),
        context_(context_of(file)),
        tags_(tags_of(rules, verdict_)) {
    cut_.cut(mention.text, mention.network);
    // Lists and accounts are those of the rule set; the numbers of both are the same.
    facts_.start(rules.plan(), mention, cut_, &is_new_author_, tags_, verdict_);
  }

  Clause evaluate(const QueryNode& query) {
    roots_.clear();
    next_ = 0;
    RuleSet::Plan plan;
    QueryCompiler compiler(plan, context_);
    compile(compiler, query);
    plan.freeze();
    evaluation_.start(plan, cut_, facts_);
    return clause(query);
  }

 private:
  // In the order in which clause() asks for them.
  void compile(QueryCompiler& compiler, const QueryNode& query) {
    if (!is_group(query.kind)) {
      std::vector<QueryIssue> issues;
      const auto root = compiler.compile(query, FieldContext::Where::Route, issues);
      // What compiled as a part of a rule compiles alone, in the place where most is allowed.
      assert(root);
      roots_.push_back(root.value_or(0));
    }
    for (const QueryNode& child : query.children) compile(compiler, child);
  }

  Clause clause(const QueryNode& query) {
    Clause result;
    result.kind = query.kind;
    result.begin = query.begin;
    result.end = query.end;
    result.text = text_of(query);
    std::uint32_t root = 0;
    if (!is_group(query.kind)) {
      root = roots_[next_++];
      result.holds = evaluation_.holds(root);
    }
    const std::size_t first_child = next_;
    result.children.reserve(query.children.size());
    for (const QueryNode& child : query.children) result.children.push_back(clause(child));
    const auto holds = [](const Clause& child) { return child.holds; };
    if (query.kind == Node::And) result.holds = std::ranges::all_of(result.children, holds);
    if (query.kind == Node::Or) result.holds = std::ranges::any_of(result.children, holds);
    if (query.kind == Node::Not) result.holds = !result.children.front().holds;
    if (is_group(query.kind)) return result;
    if (query.kind == Node::Field || query.kind == Node::Number) {
      result.note = shown(observed(query, rules_, mention_, verdict_, is_new_author_));
    } else if (result.holds) {
      add_evidence(root, result);
    } else if (query.kind == Node::Near) {
      result.note = why_not_near(query, result, first_child);
    }
    return result;
  }

  static std::string text_of(const QueryNode& query) {
    switch (query.kind) {
      case Node::And:
        return "AND";
      case Node::Or:
        return "OR";
      case Node::Not:
        return "NOT";
      case Node::Near:
        return fmt::format("{}NEAR/{}", query.ordered ? "O" : "", query.distance);
      default:
        return print_query(query);
    }
  }

  void add_evidence(std::uint32_t root, Clause& out) {
    evaluation_.spans(root, spans_);
    for (const auto& [begin, end] : spans_) {
      if (out.found.size() == Clause::kMaxFound) {
        out.more = spans_.size() - out.found.size();
        return;
      }
      Evidence& one = out.found.emplace_back(
          Evidence{begin, end, shown(cut_.text().substr(begin, end - begin)), {}});
      if (out.kind == Node::Regex) continue;
      const WordRange place = place_of(begin, end);
      for (std::size_t i = place.first; i <= place.last; ++i) {
        one.words.emplace_back(cut_.words()[i].folded);
      }
    }
  }

  // Spans of words begin and end where words do.
  WordRange place_of(std::uint32_t begin, std::uint32_t end) const {
    const std::vector<Word>& words = cut_.words();
    const auto first = std::ranges::lower_bound(words, begin, {}, &Word::begin);
    const auto last = std::ranges::lower_bound(words, end, {}, &Word::end);
    return {static_cast<std::size_t>(first - words.begin()),
            static_cast<std::size_t>(last - words.begin())};
  }

  // All places of the leaves of an operand without NEARs. `root` is the number of its first leaf.
  std::vector<WordRange> places(const QueryNode& operand, std::size_t& root) {
    std::vector<WordRange> result;
    if (operand.kind == Node::Or) {
      for (const QueryNode& child : operand.children) {
        const std::vector<WordRange> some = places(child, root);
        result.insert(result.end(), some.begin(), some.end());
      }
      return result;
    }
    evaluation_.spans(roots_[root++], spans_);
    for (const auto& [begin, end] : spans_) result.push_back(place_of(begin, end));
    return result;
  }

  std::string words_at(const WordRange& place) const {
    const std::uint32_t begin = cut_.words()[place.first].begin;
    return shown(cut_.text().substr(begin, cut_.words()[place.last].end - begin));
  }

  std::string why_not_near(const QueryNode& query, const Clause& result, std::size_t root) {
    const bool left = result.children[0].holds;
    const bool right = result.children[1].holds;
    if (!left && !right) return "neither side is there";
    if (!left || !right) {
      return fmt::format("{} is not there", print_query(query.children[left ? 1 : 0]));
    }
    if (!has_near(query.children[0]) && !has_near(query.children[1])) {
      return distance_note(query, root);
    }
    return fmt::format(
        "both sides are there, but nowhere of different words{} and at most {} "
        "words apart",
        query.ordered ? ", in this order" : "", query.distance);
  }

  std::string distance_note(const QueryNode& query, std::size_t root) {
    const std::vector<WordRange> left = places(query.children[0], root);
    const std::vector<WordRange> right = places(query.children[1], root);
    const std::optional<Gap> gap = closest(left, right, query.ordered);
    if (gap) {
      return fmt::format(
          "too far apart: \"{}\" and \"{}\" have {} words between them, at most {} "
          "are allowed",
          words_at(gap->left), words_at(gap->right), gap->words, query.distance);
    }
    if (query.ordered && closest(left, right, false)) {
      return "both sides are there, but in the other order";
    }
    return "both sides are the same words; they have to be different ones";
  }

  const RuleSet& rules_;
  const Mention& mention_;
  Verdict verdict_;
  const IsNewAuthor& is_new_author_;
  FieldContext context_;
  std::vector<std::uint8_t> tags_;
  CutText cut_;
  Facts facts_;
  Evaluation evaluation_;
  std::vector<std::uint32_t> roots_;
  std::size_t next_ = 0;
  std::vector<Evaluation::ByteSpan> spans_;
};

namespace {

// How many leaves and NEARs settle what a clause is.
std::size_t cost(const Clause& clause) {
  if (!is_group(clause.kind)) return 1;
  // An AND that holds needs all of its parts, as does an OR that does not; otherwise one is enough.
  const bool all = clause.holds == (clause.kind == Node::And);
  std::size_t result = 0;
  for (const Clause& child : clause.children) {
    if (clause.kind == Node::Not) return cost(child);
    if (!all && child.holds != clause.holds) continue;
    const std::size_t one = cost(child);
    result = all ? result + one : result == 0 ? one : std::min(result, one);
  }
  return result;
}

void mark_decisive(Clause& clause) {
  clause.decisive = true;
  if (!is_group(clause.kind)) return;
  const bool all = clause.kind == Node::Not || clause.holds == (clause.kind == Node::And);
  Clause* cheapest = nullptr;
  std::size_t least = 0;
  for (Clause& child : clause.children) {
    if (all) {
      mark_decisive(child);
    } else if (child.holds == clause.holds) {
      const std::size_t one = cost(child);
      if (cheapest == nullptr || one < least) {
        cheapest = &child;
        least = one;
      }
    }
  }
  if (cheapest != nullptr) mark_decisive(*cheapest);
}

}  // namespace

ClauseEvaluator::ClauseEvaluator(const RuleFile& file, const RuleSet& rules, const Mention& mention,
                                 const Verdict& verdict, const IsNewAuthor& is_new_author)
    : impl_(std::make_unique<Impl>(file, rules, mention, verdict, is_new_author)) {}

ClauseEvaluator::~ClauseEvaluator() = default;

Clause ClauseEvaluator::evaluate(const QueryNode& query) {
  Clause root = impl_->evaluate(query);
  mark_decisive(root);
  return root;
}

}  // namespace vigie
