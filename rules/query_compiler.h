#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "rules/fields.h"
#include "rules/plan.h"
#include "rules/query.h"
#include "rules/words.h"

namespace vigie {

// Compiles queries into cells of a plan.
class QueryCompiler {
 public:
  // All of them outlive the object.
  QueryCompiler(RuleSet::Plan& plan, const FieldContext& context)
      : plan_(plan), context_(context) {}

  // Where the query begins in Plan::cells, or nothing when an issue is an error. In a route, tags
  // of other rules may be asked, and the query may be true of what has none of its words.
  std::optional<std::uint32_t> compile(const QueryNode& query, FieldContext::Where where,
                                       std::vector<QueryIssue>& issues);

 private:
  using Cells = std::vector<Cell>;
  struct PhraseWord {
    WordKind kind = WordKind::Word;
    std::string_view written;  // a part of the query
    std::string folded;
    friend bool operator==(const PhraseWord&, const PhraseWord&) = default;
  };

  Cells node(const QueryNode& query);
  Cells group(const QueryNode& query);
  Cells near(const QueryNode& query);
  Cells word(const QueryNode& query);
  Cells wildcard(const QueryNode& query);
  Cells entity(const QueryNode& query, WordKind kind);
  Cells quotation(const QueryNode& query);
  Cells phrase(const QueryNode& query, std::string_view text, bool exact);
  Cells phrase_of(const QueryNode& query, const std::vector<PhraseWord>& words, bool exact);
  std::vector<std::vector<PhraseWord>> readings(std::string_view text);
  Cells regex(const QueryNode& query);
  Cells field(const QueryNode& query);
  Cells term(const QueryNode& query, std::string_view folded, WordKind kind, bool only);
  Cells leaf(const QueryNode& query, Step step, std::size_t argument);
  Cells error(const QueryNode& query, std::string message);
  void check_near_operand(const QueryNode& operand);

  RuleSet::Plan& plan_;
  const FieldContext& context_;
  FieldContext::Where where_ = FieldContext::Where::Rule;
  std::vector<QueryIssue>* issues_ = nullptr;
  bool failed_ = false;
  CutText cut_;
  std::unordered_map<std::string, std::size_t> wildcards_;  // by what stands before the first ?
};

}  // namespace vigie
