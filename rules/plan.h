#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "rules/fields.h"
#include "rules/rule_file.h"
#include "rules/rule_set.h"
#include "rules/vocabulary.h"
#include "rules/words.h"

namespace re2 {
class RE2;
}

namespace vigie {

// A set of word kinds: bit 1 << kind.
using Kinds = std::uint8_t;
constexpr Kinds kinds_of(WordKind kind) {
  return static_cast<Kinds>(1U << static_cast<unsigned>(kind));
}
// A word, alone or in a phrase, also matches the whole of a hashtag or handle.
constexpr Kinds kWordAlone =
    kinds_of(WordKind::Word) | kinds_of(WordKind::Hashtag) | kinds_of(WordKind::Handle);

// One node of a compiled query. What `a` and `b` are depends on `op`.
struct PlanNode {
  enum class Op : std::uint8_t {
    And,     // children [a, a + b) of Plan::children
    Or,      // the same
    Not,     // node a
    Near,    // nodes a and b, at most `distance` words apart
    Term,    // vocabulary id a, as a word of `kinds`
    Phrase,  // parts [a, a + b) of Plan::parts, one right after the other
    Exact,   // the same, and each part as it is written in Plan::part_texts
    Regex,   // Plan::regexes[a]
    Field,   // Plan::fields[a]
  };
  Op op = Op::Or;
  Kinds kinds = 0;
  bool ordered = false;
  std::uint32_t distance = 0;
  std::uint32_t a = 0;
  std::uint32_t b = 0;
};

struct PhrasePart {
  std::uint32_t term = 0;
  Kinds kinds = 0;
};

// The compiled form of a rule file: flat arrays, built once, read by any number of threads. A rule
// is looked at only when one of its anchors (words one of which must be there for the query to
// hold) is in the text; rules without any are in `always`.
struct RuleSet::Plan {
  Plan();
  ~Plan();
  Plan(Plan&&) noexcept;
  Plan& operator=(Plan&&) noexcept;

  struct RulePlan {
    std::uint32_t root = 0;
    std::optional<Time> from;
    std::optional<Time> until;
  };

  Vocabulary vocabulary;
  std::vector<PlanNode> nodes;
  std::vector<std::uint32_t> children;
  std::vector<PhrasePart> parts;
  std::unordered_map<std::uint32_t, std::string> part_texts;  // NFC, by index into parts
  std::vector<std::unique_ptr<re2::RE2>> regexes;
  std::vector<Field> fields;

  std::vector<RulePlan> rules;               // as RuleSet::rules()
  std::vector<std::uint32_t> routes;         // root nodes, as RuleSet::routes()
  std::vector<std::uint32_t> posting_begin;  // of vocabulary id i: postings [i, i + 1)
  std::vector<std::uint32_t> postings;       // rules
  std::vector<std::uint32_t> always;         // rules
  bool has_brand = false;                    // rules[0] is the brand's

  AccountSet accounts;
  AccountSet ambassadors;
  std::vector<AccountSet> lists;
  std::unordered_map<std::string, std::uint32_t> campaigns;  // id to rule
  std::vector<RuleKind> kinds;                               // of each rule

  struct Case {
    CaseSource source;
    std::string label;
    bool is_route = false;
    std::uint32_t index = 0;  // into rules or routes
  };
  std::vector<Case> cases;
};

// Compiles one query into nodes of `plan`.
class QueryCompiler {
 public:
  // All of them outlive the object.
  QueryCompiler(RuleSet::Plan& plan, const FieldContext& context)
      : plan_(plan), context_(context) {}

  // The root node, or nothing when an issue is an error. `in_route`: tags of other rules may be
  // asked, and the query may be true of what has none of its words.
  std::optional<std::uint32_t> compile(const QueryNode& query, FieldContext::Where where,
                                       std::vector<QueryIssue>& issues);

 private:
  struct PhraseWord {
    WordKind kind = WordKind::Word;
    std::string_view written;  // a part of the query
    std::string folded;
    friend bool operator==(const PhraseWord&, const PhraseWord&) = default;
  };

  std::uint32_t node(const QueryNode& query);
  std::uint32_t group(const QueryNode& query, PlanNode::Op op);
  std::uint32_t near(const QueryNode& query);
  std::uint32_t word(const QueryNode& query);
  std::uint32_t wildcard(const QueryNode& query);
  std::uint32_t entity(const QueryNode& query, WordKind kind);
  std::uint32_t quotation(const QueryNode& query);
  std::uint32_t phrase(const QueryNode& query, std::string_view text, bool exact);
  std::uint32_t phrase_of(const std::vector<PhraseWord>& words, bool exact);
  std::vector<std::vector<PhraseWord>> readings(std::string_view text);
  std::uint32_t regex(const QueryNode& query);
  std::uint32_t field(const QueryNode& query);
  std::uint32_t add(PlanNode node);
  std::uint32_t add_any(std::vector<std::uint32_t> alternatives);
  std::uint32_t error(const QueryNode& query, std::string message);
  void check_near_operand(const QueryNode& operand);

  RuleSet::Plan& plan_;
  const FieldContext& context_;
  FieldContext::Where where_ = FieldContext::Where::Rule;
  std::vector<QueryIssue>* issues_ = nullptr;
  bool failed_ = false;
  CutText cut_;
};

// Fills postings and always: for each rule the words that are rarest by our guess and one of which
// has to be in the text.
void choose_anchors(RuleSet::Plan& plan);

}  // namespace vigie
