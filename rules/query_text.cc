#include <algorithm>

#include <fmt/format.h>

#include "rules/query.h"

namespace vigie {
namespace {

std::string_view sign_of(Compare compare) {
  switch (compare) {
    case Compare::Less:
      return "<";
    case Compare::LessEqual:
      return "<=";
    case Compare::Equal:
      return "=";
    case Compare::GreaterEqual:
      return ">=";
    case Compare::Greater:
      return ">";
  }
  return "=";
}

void print_leaf(std::string& out, const QueryNode& node) {
  switch (node.kind) {
    case QueryNode::Kind::Phrase:
      out += fmt::format("\"{}\"", node.text);
      return;
    case QueryNode::Kind::Exact:
      out += fmt::format("exact:\"{}\"", node.text);
      return;
    case QueryNode::Kind::Regex:
      out += fmt::format("/{}/{}", node.text, node.ignore_case ? "i" : "");
      return;
    case QueryNode::Kind::Number:
      out += fmt::format("{}{}{}", node.name, sign_of(node.compare), node.number);
      return;
    case QueryNode::Kind::Field: {
      const bool plain = node.text.find_first_of(" ()\"\t\n") == std::string::npos;
      const std::string_view quote = plain ? "" : "\"";
      out += fmt::format("{}:{}{}{}", node.name, quote, node.text, quote);
      return;
    }
    default:
      out += node.text;
  }
}

// How tightly a node holds together; a child that holds less than its parent needs parentheses.
int tightness(QueryNode::Kind kind) {
  switch (kind) {
    case QueryNode::Kind::Or:
      return 0;
    case QueryNode::Kind::And:
      return 1;
    case QueryNode::Kind::Not:
      return 2;
    case QueryNode::Kind::Near:
      return 3;
    default:
      return 4;
  }
}

// Every group is printed with its parentheses, also an AND within an OR: a reader asks just that.
void print(std::string& out, const QueryNode& node) {
  if (tightness(node.kind) == 4) {
    print_leaf(out, node);
    return;
  }
  if (node.kind == QueryNode::Kind::Not) out += "NOT ";
  for (std::size_t i = 0; i < node.children.size(); ++i) {
    const QueryNode& child = node.children[i];
    if (i > 0) {
      switch (node.kind) {
        case QueryNode::Kind::Or:
          out += " OR ";
          break;
        case QueryNode::Kind::Near:
          out += fmt::format(" {}NEAR/{} ", node.ordered ? "O" : "", node.distance);
          break;
        default:
          out += " AND ";
      }
    }
    const bool group = tightness(child.kind) < 4 && child.kind != QueryNode::Kind::Not &&
                       !(child.kind == QueryNode::Kind::Near && node.kind != QueryNode::Kind::Near);
    if (group) out += '(';
    print(out, child);
    if (group) out += ')';
  }
}

}  // namespace

bool has_near(const QueryNode& query) {
  return query.kind == QueryNode::Kind::Near || std::ranges::any_of(query.children, has_near);
}

const std::vector<std::string_view>& field_names() {
  static const std::vector<std::string_view> kNames = {
      "author", "to",   "mentions", "reply_to", "conversation", "network",
      "kind",   "lang", "country",  "city",     "url",          "site",
      "is",     "has",  "theme",    "campaign", "competitor",   "exact"};
  return kNames;
}

const std::vector<std::string_view>& number_names() {
  static const std::vector<std::string_view> kNames = {"followers", "likes", "replies",
                                                       "shares",    "views", "clicks"};
  return kNames;
}

std::string print_query(const QueryNode& node) {
  std::string out;
  print(out, node);
  return out;
}

}  // namespace vigie
