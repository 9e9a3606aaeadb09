#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vigie {

// Limits of one query; each error message names the one that was reached.
constexpr std::size_t kMaxQueryBytes = std::size_t{1024} * 1024;
constexpr std::size_t kMaxQueryDepth = 200;   // parentheses and NOTs inside one another
constexpr std::size_t kMaxNearOperands = 16;  // a NEAR/1 b NEAR/1 c ... without parentheses
constexpr std::uint32_t kMaxNearDistance = 1000;

enum class Compare : std::uint8_t { Less, LessEqual, Equal, GreaterEqual, Greater };

// A query as it was written: the tree of its operators, with bytes [begin, end) of the query for
// each part. What a word or a value means is not looked at here.
struct QueryNode {
  enum class Kind : std::uint8_t { And, Or, Not, Near, Word, Phrase, Exact, Regex, Field, Number };

  Kind kind = Kind::Word;
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  std::vector<QueryNode> children;  // And, Or: two or more; Near: two; Not: one
  std::string name;                 // Field, Number: what stands before ':' or the comparison
  std::string text;  // Word, Phrase, Exact, Regex, Field: what was written, without quotes
  std::uint32_t distance = 0;        // Near
  bool ordered = false;              // Near: ONEAR
  bool ignore_case = false;          // Regex: /re/i
  Compare compare = Compare::Equal;  // Number
  std::int64_t number = 0;           // Number
};

// And, Or and Not, which join others; the rest is asked as a whole.
constexpr bool is_group(QueryNode::Kind kind) {
  return kind == QueryNode::Kind::And || kind == QueryNode::Kind::Or ||
         kind == QueryNode::Kind::Not;
}

// Whether a NEAR stands in the query.
bool has_near(const QueryNode& query);

// Something to tell the author of a query, at byte `offset` of it.
struct QueryIssue {
  std::size_t offset = 0;
  bool is_error = true;
  std::string message;
};

struct ParsedQuery {
  std::optional<QueryNode> root;  // empty when any issue is an error
  std::vector<QueryIssue> issues;
};

// Parses a query. Any bytes give a tree or an error; the depth of the tree and of the recursion is
// bounded by kMaxQueryDepth.
ParsedQuery parse_query(std::string_view text);

// The query with parentheses around every group, as it is understood.
std::string print_query(const QueryNode& node);

// The names that may stand before ':' and before a comparison.
const std::vector<std::string_view>& field_names();
const std::vector<std::string_view>& number_names();

}  // namespace vigie
