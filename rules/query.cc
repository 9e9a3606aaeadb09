#include "rules/query.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "pipeline/core/utf8.h"
#include "rules/suggest.h"

namespace vigie {
namespace {

struct Token {
  enum class Type : std::uint8_t {
    End,
    Open,
    Close,
    And,
    Or,
    Not,
    Near,
    FieldList,  // `name:(`
    Leaf,
  };
  Type type = Type::End;
  std::size_t begin = 0;
  std::size_t end = 0;
  QueryNode leaf;  // Leaf; of Near the distance and order; of FieldList the name
};

// Ends the parse of one query from inside the recursion. Never leaves parse_query.
struct SyntaxError {
  std::size_t offset;
  std::string message;
};

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// The length of the white space at `at`, also of the kinds that come with text copied from a web
// page.
std::size_t space_length(std::string_view text, std::size_t at) {
  const char c = text[at];
  if (c == ' ' || (c >= '\t' && c <= '\r')) return 1;
  if (text.substr(at, 2) == "\u00a0") return 2;
  const std::string_view three = text.substr(at, 3);
  if (three == "\u3000" || three == "\u202f" || three == "\u2028" || three == "\u2029") return 3;
  if (three >= "\u2000" && three <= "\u200a") return 3;
  return 0;
}

class Lexer {
 public:
  Lexer(std::string_view text, std::vector<QueryIssue>& issues) : text_(text), issues_(issues) {}

  Token next() {
    skip_space();
    Token token;
    token.begin = token.end = at_;
    if (at_ == text_.size()) return token;
    const char c = text_[at_];
    if (c == '(' || c == ')') {
      ++at_;
      token.type = c == '(' ? Token::Type::Open : Token::Type::Close;
    } else if (c == '"') {
      token.type = Token::Type::Leaf;
      token.leaf.kind = QueryNode::Kind::Phrase;
      token.leaf.text = quotation();
    } else if (c == '/') {
      regex(token);
    } else if (c == '-') {
      ++at_;
      if (at_ == text_.size() || space_length(text_, at_) > 0) {
        throw SyntaxError{token.begin, "expected a word, a phrase or '(' right after '-'"};
      }
      token.type = Token::Type::Not;
    } else {
      run(token);
    }
    token.end = at_;
    token.leaf.begin = static_cast<std::uint32_t>(token.begin);
    token.leaf.end = static_cast<std::uint32_t>(token.end);
    return token;
  }

  // Inside `name:( )` a value follows: a word or a quotation, or one of OR and ')'.
  Token next_value() {
    skip_space();
    Token token;
    token.begin = token.end = at_;
    if (at_ == text_.size()) return token;
    if (text_[at_] == ')' || text_[at_] == '(') {
      token.type = text_[at_] == ')' ? Token::Type::Close : Token::Type::Open;
      ++at_;
    } else {
      token.type = Token::Type::Leaf;
      const bool quotes = text_[at_] == '"';
      token.leaf.kind = QueryNode::Kind::Field;
      token.leaf.text = value();
      if (!quotes && token.leaf.text == "OR") token.type = Token::Type::Or;
      if (!quotes && token.leaf.text == "AND") token.type = Token::Type::And;
      if (!quotes && token.leaf.text == "NOT") token.type = Token::Type::Not;
    }
    token.end = at_;
    token.leaf.begin = static_cast<std::uint32_t>(token.begin);
    token.leaf.end = static_cast<std::uint32_t>(token.end);
    return token;
  }

 private:
  void skip_space() {
    while (at_ < text_.size()) {
      const std::size_t length = space_length(text_, at_);
      if (length == 0) return;
      at_ += length;
    }
  }

  std::string quotation() {
    const std::size_t open = at_;
    const std::size_t close = text_.find('"', at_ + 1);
    if (close == std::string_view::npos) {
      throw SyntaxError{open, "the quotation that starts here has no closing '\"'"};
    }
    at_ = close + 1;
    return std::string(text_.substr(open + 1, close - open - 1));
  }

  void regex(Token& token) {
    token.type = Token::Type::Leaf;
    token.leaf.kind = QueryNode::Kind::Regex;
    std::size_t i = at_ + 1;
    while (i < text_.size() && text_[i] != '/') i += text_[i] == '\\' ? 2 : 1;
    if (i >= text_.size()) {
      throw SyntaxError{at_, "the regex that starts here has no closing '/'"};
    }
    token.leaf.text = text_.substr(at_ + 1, i - at_ - 1);
    at_ = i + 1;
    if (at_ < text_.size() && text_[at_] == 'i') {
      token.leaf.ignore_case = true;
      ++at_;
    }
    if (at_ < text_.size() && space_length(text_, at_) == 0 && text_[at_] != ')') {
      throw SyntaxError{at_,
                        "expected a space, ')' or the flag i after the regex; write \\/ for a "
                        "slash inside it"};
    }
  }

  std::size_t run_end() const {
    std::size_t i = at_;
    while (i < text_.size() && text_[i] != '(' && text_[i] != ')' && text_[i] != '"' &&
           space_length(text_, i) == 0) {
      ++i;
    }
    return i;
  }

  // The value of a field: a quotation, or a run of characters that may end in one (`id:"a b"`).
  std::string value() {
    if (at_ < text_.size() && text_[at_] == '"') return quotation();
    const std::size_t end = run_end();
    std::string result(text_.substr(at_, end - at_));
    at_ = end;
    if (!result.empty() && result.back() == ':' && at_ < text_.size() && text_[at_] == '"') {
      result += quotation();
    }
    return result;
  }

  void run(Token& token) {
    const std::size_t end = run_end();
    const std::string_view word = text_.substr(at_, end - at_);
    if (word == "AND" || word == "OR" || word == "NOT") {
      token.type = word == "AND"  ? Token::Type::And
                   : word == "OR" ? Token::Type::Or
                                  : Token::Type::Not;
      at_ = end;
      return;
    }
    if (near(token, word, end)) return;
    std::size_t name_end = 0;
    while (name_end < word.size() && (is_letter(word[name_end]) || word[name_end] == '_')) {
      ++name_end;
    }
    const std::string_view rest = word.substr(name_end);
    if (name_end > 0 && rest.starts_with(':') && !rest.starts_with("://")) {
      field(token, word.substr(0, name_end));
      return;
    }
    if (name_end > 0 && !rest.empty() && (rest[0] == '>' || rest[0] == '<' || rest[0] == '=')) {
      number(token, word.substr(0, name_end), rest);
      at_ = end;
      return;
    }
    warn_about(word);
    token.type = Token::Type::Leaf;
    token.leaf.kind = QueryNode::Kind::Word;
    token.leaf.text = word;
    at_ = end;
  }

  bool near(Token& token, std::string_view word, std::size_t end) {
    const bool ordered = word.starts_with("ONEAR");
    const std::string_view rest = word.substr(std::min<std::size_t>(word.size(), ordered ? 5 : 4));
    if (!ordered && !word.starts_with("NEAR")) return false;
    if (!rest.empty() && rest[0] != '/') return false;
    std::uint32_t distance = 0;
    const std::string_view digits = rest.empty() ? rest : rest.substr(1);
    const auto [stop, status] =
        std::from_chars(digits.data(), digits.data() + digits.size(), distance);
    if (digits.empty() || status == std::errc::invalid_argument ||
        stop != digits.data() + digits.size()) {
      throw SyntaxError{
          at_, fmt::format("expected a distance, such as {}/5", ordered ? "ONEAR" : "NEAR")};
    }
    if (status != std::errc{} || distance > kMaxNearDistance) {
      throw SyntaxError{
          at_, fmt::format("the distance is over the limit of {} words", kMaxNearDistance)};
    }
    token.type = Token::Type::Near;
    token.leaf.ordered = ordered;
    token.leaf.distance = distance;
    at_ = end;
    return true;
  }

  void field(Token& token, std::string_view name) {
    if (std::ranges::find(field_names(), name) == field_names().end()) {
      throw SyntaxError{at_, unknown_name("name", name, field_names())};
    }
    at_ += name.size() + 1;
    token.leaf.name = name;
    if (at_ < text_.size() && text_[at_] == '(') {
      ++at_;
      token.type = Token::Type::FieldList;
      return;
    }
    token.type = Token::Type::Leaf;
    token.leaf.kind = name == "exact" ? QueryNode::Kind::Exact : QueryNode::Kind::Field;
    token.leaf.text = value();
    if (token.leaf.text.empty()) {
      throw SyntaxError{at_, fmt::format("expected a value right after {}:", name)};
    }
  }

  void number(Token& token, std::string_view name, std::string_view rest) {
    if (std::ranges::find(number_names(), name) == number_names().end()) {
      throw SyntaxError{at_, unknown_name("number", name, number_names())};
    }
    const bool equal = rest.size() > 1 && rest[1] == '=' && rest[0] != '=';
    const std::string_view digits = rest.substr(equal ? 2 : 1);
    token.type = Token::Type::Leaf;
    token.leaf.kind = QueryNode::Kind::Number;
    token.leaf.name = name;
    token.leaf.compare = rest[0] == '='   ? Compare::Equal
                         : rest[0] == '<' ? (equal ? Compare::LessEqual : Compare::Less)
                                          : (equal ? Compare::GreaterEqual : Compare::Greater);
    const auto [stop, status] =
        std::from_chars(digits.data(), digits.data() + digits.size(), token.leaf.number);
    const std::size_t where = at_ + static_cast<std::size_t>(digits.data() - name.data());
    if (status == std::errc::result_out_of_range) {
      throw SyntaxError{where, "the number is over the limit of 9223372036854775807"};
    }
    if (digits.empty() || !is_digit(digits[0]) || stop != digits.data() + digits.size()) {
      throw SyntaxError{where, fmt::format("expected a whole number, such as {}>=1000", name)};
    }
  }

  void warn_about(std::string_view word) {
    std::string doubt = doubt_about_word(word);
    if (!doubt.empty()) issues_.push_back({at_, false, std::move(doubt)});
  }

  std::string_view text_;
  std::vector<QueryIssue>& issues_;
  std::size_t at_ = 0;
};

class Parser {
 public:
  Parser(std::string_view text, std::vector<QueryIssue>& issues)
      : text_(text), issues_(issues), lexer_(text, issues) {}

  QueryNode parse() {
    token_ = lexer_.next();
    QueryNode root = parse_or(0);
    if (token_.type == Token::Type::Close) {
      throw SyntaxError{token_.begin, "this ')' closes nothing"};
    }
    return root;
  }

 private:
  void advance() { token_ = lexer_.next(); }

  void check_depth(std::size_t depth) const {
    if (depth < kMaxQueryDepth) return;
    throw SyntaxError{token_.begin,
                      fmt::format("nested deeper than the limit of {} levels", kMaxQueryDepth)};
  }

  QueryNode join(QueryNode::Kind kind, std::vector<QueryNode> children) {
    if (children.size() == 1) return std::move(children.front());
    QueryNode node;
    node.kind = kind;
    node.begin = children.front().begin;
    node.end = children.back().end;
    node.children = std::move(children);
    return node;
  }

  QueryNode parse_or(std::size_t depth) {
    std::vector<QueryNode> children;
    bool mixed = false;
    const std::size_t begin = token_.begin;
    children.push_back(parse_and(depth, mixed));
    while (token_.type == Token::Type::Or) {
      advance();
      children.push_back(parse_and(depth, mixed));
    }
    mixed = mixed && children.size() > 1;
    QueryNode node = join(QueryNode::Kind::Or, std::move(children));
    if (mixed) {
      issues_.push_back({begin, false,
                         fmt::format("AND binds tighter than OR: this reads as {}; add parentheses",
                                     shortened(print_query(node)))});
    }
    return node;
  }

  static std::string shortened(std::string_view text) {
    constexpr std::size_t kMost = 300;
    const std::string_view start = first_bytes(text, kMost);
    return fmt::format("{}{}", start, start.size() < text.size() ? "..." : "");
  }

  QueryNode parse_and(std::size_t depth, bool& joined) {
    std::vector<QueryNode> children;
    children.push_back(parse_unary(depth));
    while (token_.type != Token::Type::End && token_.type != Token::Type::Close &&
           token_.type != Token::Type::Or) {
      if (token_.type == Token::Type::And) advance();
      children.push_back(parse_unary(depth));
    }
    joined = joined || children.size() > 1;
    return join(QueryNode::Kind::And, std::move(children));
  }

  QueryNode parse_unary(std::size_t depth) {
    if (token_.type != Token::Type::Not) return parse_near(depth);
    check_depth(depth);
    QueryNode node;
    node.kind = QueryNode::Kind::Not;
    node.begin = static_cast<std::uint32_t>(token_.begin);
    advance();
    node.children.push_back(parse_unary(depth + 1));
    node.end = node.children.front().end;
    return node;
  }

  QueryNode parse_near(std::size_t depth) {
    QueryNode left = parse_primary(depth);
    for (std::size_t operands = 2; token_.type == Token::Type::Near; ++operands) {
      if (operands > kMaxNearOperands) {
        throw SyntaxError{token_.begin, fmt::format("more NEARs in a row than the limit of {}",
                                                    kMaxNearOperands - 1)};
      }
      QueryNode node;
      node.kind = QueryNode::Kind::Near;
      node.distance = token_.leaf.distance;
      node.ordered = token_.leaf.ordered;
      advance();
      node.children.reserve(2);
      node.children.push_back(std::move(left));
      node.children.push_back(parse_primary(depth));
      node.begin = node.children.front().begin;
      node.end = node.children.back().end;
      left = std::move(node);
    }
    return left;
  }

  QueryNode parse_primary(std::size_t depth) {
    switch (token_.type) {
      case Token::Type::Leaf: {
        QueryNode leaf = std::move(token_.leaf);
        advance();
        return leaf;
      }
      case Token::Type::FieldList:
        return parse_values();
      case Token::Type::Open: {
        check_depth(depth);
        const std::size_t open = token_.begin;
        advance();
        QueryNode inner = parse_or(depth + 1);
        if (token_.type != Token::Type::Close) {
          throw SyntaxError{open, "the '(' that stands here has no closing ')'"};
        }
        // A parenthesised group is one operand: its place is that of its parentheses.
        if (!inner.children.empty()) {
          inner.begin = static_cast<std::uint32_t>(open);
          inner.end = static_cast<std::uint32_t>(token_.end);
        }
        advance();
        return inner;
      }
      case Token::Type::Near:
        throw SyntaxError{token_.begin, "NEAR stands between two words, phrases or groups"};
      default:
        throw SyntaxError{token_.begin, "expected a word, a phrase or '('"};
    }
  }

  // `name:(a OR b)`: the same field with each of the values.
  QueryNode parse_values() {
    const std::string name = token_.leaf.name;
    const std::size_t open = token_.begin;
    std::vector<QueryNode> values;
    if (name == "exact") throw SyntaxError{open, "expected a word or a quotation after exact:"};
    for (;;) {
      Token token = lexer_.next_value();
      if (token.type != Token::Type::Leaf || token.leaf.text.empty()) {
        throw SyntaxError{token.begin, fmt::format("expected a value of {}:", name)};
      }
      token.leaf.name = name;
      values.push_back(std::move(token.leaf));
      token = lexer_.next_value();
      if (token.type == Token::Type::Close) break;
      if (token.type != Token::Type::Or) {
        throw SyntaxError{token.begin,
                          fmt::format("expected OR or ')' in the values of {}:", name)};
      }
    }
    advance();
    return join(QueryNode::Kind::Or, std::move(values));
  }

  std::string_view text_;
  std::vector<QueryIssue>& issues_;
  Lexer lexer_;
  Token token_;
};

}  // namespace

ParsedQuery parse_query(std::string_view text) {
  ParsedQuery parsed;
  if (text.size() > kMaxQueryBytes) {
    parsed.issues.push_back(
        {0, true, fmt::format("the query is longer than the limit of {} bytes", kMaxQueryBytes)});
    return parsed;
  }
  try {
    parsed.root = Parser(text, parsed.issues).parse();
  } catch (const SyntaxError& error) {
    parsed.issues.push_back({error.offset, true, error.message});
  }
  return parsed;
}

}  // namespace vigie
