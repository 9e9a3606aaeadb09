#include <algorithm>

#include <fmt/format.h>

#include "pipeline/core/json.h"
#include "pipeline/core/utf8.h"
#include "rules/explain.h"

namespace vigie {
namespace {

using Node = QueryNode::Kind;

// Of a long list of alternatives a person reads those that hold and the first of the others.
constexpr std::size_t kMaxChildren = 20;
constexpr std::size_t kMaxStops = 20;
constexpr std::size_t kMaxFoundShown = 5;
constexpr std::size_t kColumn = 44;

std::string found_text(const Clause& clause) {
  std::string out;
  for (std::size_t i = 0; i < clause.found.size(); ++i) {
    if (i == kMaxFoundShown) {
      return out + fmt::format(" and {} more", clause.found.size() - i + clause.more);
    }
    const Evidence& one = clause.found[i];
    out += fmt::format("{}\"{}\" [{},{})", i > 0 ? ", " : "", one.text, one.begin, one.end);
  }
  return out;
}

std::string remark(const Clause& clause) {
  return clause.found.empty() ? clause.note : found_text(clause);
}

void print_tree(std::string& out, const Clause& clause, std::size_t depth) {
  std::string line =
      fmt::format("  {}  {:{}}{}", clause.holds ? "yes" : "no ", "", depth * 2, clause.text);
  const std::string why = remark(clause);
  if (!why.empty()) {
    const std::size_t width = code_points(line);
    line.append(width < kColumn ? kColumn - width : 2, ' ');
    line += why;
  }
  out += line + '\n';
  std::size_t shown = 0;
  std::size_t hidden = 0;
  for (const Clause& child : clause.children) {
    const bool show = shown < kMaxChildren || (clause.kind == Node::Or && child.holds) ||
                      (clause.kind == Node::And && !child.holds);
    if (show) {
      ++shown;
      print_tree(out, child, depth + 1);
    } else {
      ++hidden;
    }
  }
  if (hidden == 0) return;
  out += fmt::format("       {:{}}... {} more that {}\n", "", (depth + 1) * 2, hidden,
                     clause.kind == Node::Or ? "do not hold" : "hold");
}

std::string shortened(std::string_view text) {
  constexpr std::size_t kMost = 80;
  const std::string_view start = first_bytes(text, kMost);
  return fmt::format("{}{}", start, start.size() < text.size() ? "..." : "");
}

// The leaves and NEARs that settle why the whole does not hold.
void collect_stops(std::string_view query, const Clause& clause, bool wanted,
                   std::vector<std::string>& out) {
  if (!clause.decisive) return;
  if (is_group(clause.kind)) {
    for (const Clause& child : clause.children)
      collect_stops(query, child, clause.kind == Node::Not ? !wanted : wanted, out);
    return;
  }
  const std::string what = clause.kind == Node::Near
                               ? shortened(query.substr(clause.begin, clause.end - clause.begin))
                               : clause.text;
  const std::string why = remark(clause);
  if (wanted) {
    out.push_back(fmt::format("{}: {}", what, why.empty() ? "not there" : why));
  } else {
    out.push_back(fmt::format("{} must not be there: {}", what, why.empty() ? "it is" : why));
  }
}

std::string_view op_of(Node kind) {
  switch (kind) {
    case Node::And:
      return "and";
    case Node::Or:
      return "or";
    case Node::Not:
      return "not";
    case Node::Near:
      return "near";
    case Node::Word:
      return "word";
    case Node::Phrase:
      return "phrase";
    case Node::Exact:
      return "exact";
    case Node::Regex:
      return "regex";
    case Node::Field:
      return "field";
    case Node::Number:
      return "number";
  }
  return "word";
}

void write_clause(JsonWriter& json, const Clause& clause) {
  json.begin_object().field("op", op_of(clause.kind)).field("text", clause.text);
  json.field("begin", std::int64_t{clause.begin}).field("end", std::int64_t{clause.end});
  json.field("holds", clause.holds).field("decisive", clause.decisive);
  if (!clause.note.empty()) json.field("note", clause.note);
  if (!clause.found.empty()) {
    json.key("found").begin_array();
    for (const Evidence& one : clause.found) {
      json.begin_object().field("begin", std::int64_t{one.begin});
      json.field("end", std::int64_t{one.end}).field("text", one.text).key("words").begin_array();
      for (const std::string& word : one.words) json.string(word);
      json.end_array().end_object();
    }
    json.end_array();
  }
  if (clause.more > 0) json.field("more", static_cast<std::int64_t>(clause.more));
  if (!clause.children.empty()) {
    json.key("clauses").begin_array();
    for (const Clause& child : clause.children) write_clause(json, child);
    json.end_array();
  }
  json.end_object();
}

}  // namespace

std::vector<std::string> stopped_by(const RuleExplanation& rule) {
  std::vector<std::string> out;
  if (!rule.clause.holds) collect_stops(rule.query, rule.clause, true, out);
  if (out.size() > kMaxStops) {
    const std::size_t more = out.size() - kMaxStops;
    out.resize(kMaxStops);
    out.push_back(fmt::format("... and {} more", more));
  }
  return out;
}

std::string print(const RuleExplanation& rule, std::string_view file) {
  const bool route = rule.label.starts_with("route:");
  std::string out = fmt::format("{}: {}\n", rule.label,
                                rule.matched ? (route ? "is taken" : "matches")
                                             : (route ? "is not taken" : "does not match"));
  out += fmt::format("  {}:{}:{}\n", file, rule.line, rule.column);
  print_tree(out, rule.clause, 0);
  const std::vector<std::string> stops = stopped_by(rule);
  if (!rule.matched && !stops.empty()) {
    out += "  stopped by:\n";
    for (const std::string& stop : stops) out += fmt::format("    {}\n", stop);
  }
  if (!rule.note.empty()) out += fmt::format("  {}\n", rule.note);
  return out;
}

void write_json(JsonWriter& json, const RuleExplanation& rule) {
  json.begin_object().field("rule", rule.label).field("matched", rule.matched);
  json.field("line", static_cast<std::int64_t>(rule.line));
  json.field("column", static_cast<std::int64_t>(rule.column)).field("query", rule.query);
  json.field("holds", rule.clause.holds).key("stopped_by").begin_array();
  for (const std::string& stop : stopped_by(rule)) json.string(stop);
  json.end_array().key("note");
  rule.note.empty() ? json.null() : json.string(rule.note);
  json.key("clause");
  write_clause(json, rule.clause);
  json.end_object();
}

}  // namespace vigie
