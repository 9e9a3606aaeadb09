#include "rules/case_file.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "pipeline/core/utf8.h"
#include "rules/case_line.h"
#include "rules/case_set.h"
#include "rules/suggest.h"

namespace vigie {
namespace {

// What a line says of a mention, or what the matcher says: labels of rules with their spans.
struct Outcome {
  std::map<std::string, std::set<std::pair<std::size_t, std::size_t>>> rules;
  std::optional<std::string> route;  // empty text: none; not told: of no matter
  bool has_spans = false;
};

std::string print_outcome(const Outcome& outcome) {
  std::string out;
  for (const auto& [label, spans] : outcome.rules) {
    out += (out.empty() ? "" : " ") + label;
    if (!outcome.has_spans) continue;
    for (const auto& [begin, end] : spans) out += fmt::format(" {}-{}", begin, end);
  }
  if (outcome.route && !outcome.route->empty())
    out += (out.empty() ? "" : " ") + ("route:" + *outcome.route);
  return out.empty() ? "none" : out;
}

// `BEGIN-END`; nothing where the word is no span.
std::optional<std::pair<std::size_t, std::size_t>> parse_span(std::string_view word) {
  std::pair<std::size_t, std::size_t> span;
  const char* const begin = word.data();
  const char* const end = begin + word.size();
  const auto first = std::from_chars(begin, end, span.first);
  if (first.ec != std::errc{} || first.ptr == end || *first.ptr != '-') return {};
  const auto second = std::from_chars(first.ptr + 1, end, span.second);
  if (second.ec != std::errc{} || second.ptr != end) return {};
  return span;
}

// More than this many errors of one file help nobody.
constexpr std::size_t kMaxErrors = 1000;

class CaseRunner {
 public:
  CaseRunner(std::string_view file, const Explainer* given) : file_(file), given_(given) {}

  void run(std::size_t number, std::string_view text) {
    number_ = number;
    if (const std::size_t broken = invalid_utf8(text); broken != std::string_view::npos) {
      return error({number, broken + 1}, "expected UTF-8");
    }
    CaseLine line(text);
    if (line.at_end() || line.starts_with("#")) return;
    const std::size_t begin = line.offset();
    const std::string_view what = line.word("a line");
    if (what == "mention") {
      mention(line);
    } else if (what == "error" || what == "warning") {
      issue(what == "error", line, text);
    } else {
      if (used_) set_ = CaseSet{};
      used_ = false;
      own_.reset();
      own_failed_ = false;
      if (!set_.define(what, line, number)) {
        line.fail(begin, unknown_value("line", what,
                                       {"mention", "rule", "brand", "account", "ambassador", "list",
                                        "campaign", "competitor", "route", "error", "warning"}));
      }
    }
    if (line.error()) error({number, line.error()->offset + 1}, line.error()->message);
  }

  CaseRun take() { return std::move(result_); }

 private:
  void error(Mark mark, std::string message) {
    if (result_.errors.size() > kMaxErrors) return;
    if (result_.errors.size() == kMaxErrors) {
      message = fmt::format("more than {} lines are no cases: the rest is left out", kMaxErrors);
    }
    result_.errors.push_back(
        {true, std::string(file_), mark.line, mark.column, std::move(message)});
  }

  // The rules for the mentions here; null, with an error said once, where there are none.
  const Explainer* rules() {
    if (set_.empty()) {
      if (given_ == nullptr) error({number_, 1}, "no rules stand above this mention");
      return given_;
    }
    if (own_ || own_failed_) return own_.get();
    own_yaml_ = set_.yaml();
    const RuleSet::Compiled compiled = RuleSet::compile(own_yaml_.text(), file_);
    for (const Diagnostic& each : compiled.diagnostics) {
      if (each.is_error) error(own_yaml_.origin({each.line, each.column}), each.message);
    }
    own_failed_ = !compiled.rules;
    if (compiled.rules) own_ = std::make_unique<Explainer>(compiled.rules, own_yaml_.text(), file_);
    return own_.get();
  }

  void mention(CaseLine& line) {
    used_ = true;
    const std::size_t begin = line.offset();
    const CaseMention wanted = read_case_mention(line);
    line.skip("->", "-> and the rules that tag the mention, or none");
    if (line.error()) return;
    const Explainer* const explainer = rules();
    if (explainer == nullptr) return;
    const Outcome expected = read_outcome(line, explainer->rules());
    if (line.error()) return;
    ++result_.cases;
    compare(*explainer, wanted, expected, begin);
  }

  Outcome read_outcome(CaseLine& line, const RuleSet& rules) {
    Outcome result;
    if (line.at_end()) line.fail(line.offset(), "expected a rule, or none");
    std::string last;
    bool none = false;
    while (!line.at_end()) {
      const std::size_t begin = line.offset();
      const std::string_view word = line.word("a rule");
      if (none || (word == "none" && (!result.rules.empty() || result.route))) {
        line.fail(begin,
                  "none says that nothing tags the mention and no route takes it; it stands alone");
      } else if (word == "none") {
        none = true;
        result.route = "";
      } else if (word.starts_with("route:")) {
        result.route = read_route(line, begin, word.substr(6), rules);
      } else if (const auto span = parse_span(word); span && !last.empty()) {
        result.rules[last].insert(*span);
        result.has_spans = true;
      } else {
        last = read_rule(line, begin, word, rules);
        result.rules[last];
      }
    }
    return result;
  }

  static std::string read_route(CaseLine& line, std::size_t begin, std::string_view id,
                                const RuleSet& rules) {
    if (id == "none") return "";
    std::vector<std::string_view> known = {"none"};
    for (const Route& route : rules.routes()) {
      if (route.id == id) return route.id;
      known.push_back(route.id);
    }
    line.fail(begin, unknown_value("route", id, known));
    return "";
  }

  static std::string read_rule(CaseLine& line, std::size_t begin, std::string_view name,
                               const RuleSet& rules) {
    std::vector<std::string> found;
    std::vector<std::string_view> known;
    for (const Rule rule : rules.rules()) {
      if (rule.label == name) return std::string(rule.label);
      if (rule.id == name) found.emplace_back(rule.label);
      known.push_back(rule.label);
      known.push_back(rule.id);
    }
    if (found.size() == 1) return found.front();
    line.fail(begin, found.empty()
                         ? unknown_value("rule", name, known)
                         : fmt::format("\"{}\" is the id of several rules; expected one of {}",
                                       name, fmt::join(found, ", ")));
    return "";
  }

  Outcome match(const RuleSet& rules, const CaseMention& wanted) {
    Matcher::Options options;
    options.spans = true;
    options.is_new_author = [&](const Mention&) { return wanted.is_new_author; };
    const Verdict& verdict = matcher_.match(rules, wanted.mention, options);
    Outcome found;
    if (verdict.brand) found.rules["brand"];
    for (const auto* list : {&verdict.themes, &verdict.campaigns, &verdict.competitors}) {
      for (const std::uint32_t rule : *list) found.rules[std::string(rules.rules()[rule].label)];
    }
    for (const Span& span : verdict.spans)
      found.rules[std::string(rules.rules()[span.rule].label)].emplace(span.begin, span.end);
    const bool routed = verdict.route && may_be_queued(wanted.mention, verdict);
    found.route = routed ? rules.routes()[*verdict.route].id : "";
    return found;
  }

  void compare(const Explainer& explainer, const CaseMention& wanted, const Outcome& expected,
               std::size_t begin) {
    Outcome found = match(explainer.rules(), wanted);
    found.has_spans = expected.has_spans;
    if (!expected.route) found.route.reset();
    std::set<std::string> surprising;
    for (const auto& [label, spans] : expected.rules) {
      const auto same = found.rules.find(label);
      if (same == found.rules.end() || (expected.has_spans && same->second != spans))
        surprising.insert(label);
    }
    for (const auto& [label, spans] : found.rules) {
      if (!expected.rules.contains(label)) surprising.insert(label);
    }
    if (expected.route && expected.route != found.route) {
      surprising.insert("route:" + (expected.route->empty() ? *found.route : *expected.route));
    }
    if (surprising.empty()) return;
    CaseRun::Failure& failure = result_.failures.emplace_back();
    failure.line = number_;
    failure.column = begin + 1;
    failure.message = fmt::format("expected {}, found {}: {}", print_outcome(expected),
                                  print_outcome(found), wanted.mention.text);
    if (result_.failures.size() > CaseRun::kMaxExplained) return;
    for (const std::string& label : surprising)
      failure.explanation += explain(explainer, wanted, label);
  }

  std::string explain(const Explainer& explainer, const CaseMention& wanted,
                      const std::string& label) const {
    const bool is_new = wanted.is_new_author;
    const Result<Explanation> explanation =
        explainer.explain(wanted.mention, label, [is_new](const Mention&) { return is_new; });
    if (!explanation) return {};
    RuleExplanation rule =
        explanation->rules.empty() ? explanation->routes.back() : explanation->rules.front();
    for (const RuleExplanation& route : explanation->routes) {
      if (explanation->rules.empty() && route.label == label) rule = route;
    }
    if (&explainer == own_.get()) {
      const Mark origin = own_yaml_.origin({rule.line, rule.column});
      rule.line = origin.line;
      rule.column = origin.column;
    }
    return print(rule, explainer.file());
  }

  // `"QUERY" at OFFSET: MESSAGE`. A query may hold quotation marks: it ends at the last one before
  // an ` at ` with a number.
  void issue(bool is_error, CaseLine& line, std::string_view text) {
    used_ = true;
    const std::size_t open = line.offset();
    line.skip("\"", "a query in quotation marks");
    if (line.error()) return;
    std::size_t close = std::string_view::npos;
    for (std::size_t at = text.find(" at "); at != std::string_view::npos;
         at = text.find(" at ", at + 1)) {
      const std::size_t before = text.find_last_not_of(' ', at);
      if (before > open && text[before] == '"' && text.find_first_of("0123456789", at) == at + 4)
        close = before;
    }
    if (close == std::string_view::npos) {
      return line.fail(open, "expected \"QUERY\" at OFFSET: MESSAGE");
    }
    const std::string_view query = text.substr(open + 1, close - open - 1);
    CaseLine after(text.substr(close + 1));
    after.word("at");
    const std::string offset(after.word("an offset"));
    const std::string expected = fmt::format("{} {}", offset, after.rest("a message"));
    ++result_.cases;
    const CaseSet::Yaml yaml = set_.yaml_of_theme(query, {number_, 1});
    std::string got;
    for (const Diagnostic& each : RuleSet::compile(yaml.text(), file_).diagnostics) {
      const std::size_t column = yaml.origin({each.line, each.column}).column;
      const std::string message = fmt::format("{}: {}", column - 1, each.message);
      if (each.is_error == is_error && message.starts_with(expected)) return;
      got += " " + message + ";";
    }
    result_.failures.push_back(
        {number_,
         open + 1,
         fmt::format("expected {}, found{}: {}", expected, got.empty() ? " nothing" : got, query),
         {}});
  }

  std::string_view file_;
  const Explainer* given_;
  std::size_t number_ = 0;
  CaseSet set_;
  CaseSet::Yaml own_yaml_;
  std::unique_ptr<Explainer> own_;
  bool own_failed_ = false;
  bool used_ = false;
  Matcher matcher_;
  CaseRun result_;
};

}  // namespace

CaseRun run_case_file(std::string_view text, std::string_view file, const Explainer* rules) {
  CaseRunner runner(file, rules);
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    runner.run(number, text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return runner.take();
}

}  // namespace vigie
