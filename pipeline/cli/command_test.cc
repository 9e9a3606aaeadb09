#include <cstdio>
#include <span>

#include <fmt/format.h>

#include "pipeline/cli/commands.h"
#include "pipeline/cli/load_rules.h"
#include "pipeline/cli/report.h"
#include "pipeline/core/yaml.h"
#include "pipeline/run/rules_source.h"
#include "rules/case_file.h"
#include "rules/explain.h"

namespace vigie {
namespace {

// The item of a list that a case of must_match or must_not_match was read from. A case tells its
// line; of several items on one line it is that with its text.
const YamlNode* find_case(const YamlNode& node, const RuleSet::CaseResult& wanted) {
  for (const YamlNode& item : node.items) {
    const YamlNode* const text = item.type == YamlNode::Type::Map ? item.find("text") : &item;
    const bool same = text == nullptr ? wanted.text.empty() : text->text == wanted.text;
    if (item.mark.line == wanted.line && same) return &item;
    if (const YamlNode* found = find_case(item, wanted)) return found;
  }
  for (const auto& [key, value] : node.entries) {
    if (const YamlNode* found = find_case(value, wanted)) return found;
  }
  return nullptr;
}

struct Tally {
  std::size_t passed = 0;
  std::size_t failed = 0;
  bool bad_file = false;
};

// The lines of an explanation stand below the message that they belong to.
void print_indented(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    say(fmt::format("    {}\n", text.substr(0, end)));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
}

std::string explain_case(const Explainer& explainer, const RuleSet::CaseResult& result) {
  const auto explanation =
      explainer.explain(*result.mention, result.rule, [](const Mention&) { return true; });
  if (!explanation) return {};
  for (const auto* list : {&explanation->rules, &explanation->routes}) {
    for (const RuleExplanation& rule : *list) {
      if (rule.label == result.rule) return print(rule, explainer.file());
    }
  }
  return {};
}

void run_beside(const LoadedRules& loaded, const Explainer& explainer, Tally& tally) {
  const Result<YamlNode> yaml = parse_yaml(loaded.text, loaded.file);
  for (const RuleSet::CaseResult& result : loaded.rules->run_cases()) {
    if (result.passed) {
      ++tally.passed;
      continue;
    }
    ++tally.failed;
    const YamlNode* const node = yaml ? find_case(*yaml, result) : nullptr;
    const Mark mark = node != nullptr ? node->mark : Mark{.line = result.line, .column = 1};
    say(at(loaded.file, mark,
           fmt::format("{}: expected {}match: {}\n", result.rule,
                       result.expected_match ? "a " : "no ", result.text)));
    if (tally.failed <= CaseRun::kMaxExplained) print_indented(explain_case(explainer, result));
  }
}

void run_file(const std::string& file, const Explainer& explainer, Tally& tally) {
  const Result<std::string> text = read_file(file);
  if (!text) {
    report(text.error());
    tally.bad_file = true;
    return;
  }
  const CaseRun run = run_case_file(*text, file, &explainer);
  tally.bad_file = print_diagnostics(run.errors, false) || tally.bad_file;
  for (const CaseRun::Failure& failure : run.failures) {
    say(at(file, {failure.line, failure.column}, failure.message) + "\n");
    print_indented(failure.explanation);
  }
  tally.failed += run.failures.size();
  tally.passed += run.cases - run.failures.size();
}

}  // namespace

Exit rules_test(const RulesCommand& command) {
  Exit exit = Exit::Good;
  const std::optional<LoadedRules> loaded = load_rules(command.rules, command.strict, exit);
  if (!loaded) return exit;
  const Explainer explainer(loaded->rules, loaded->text, loaded->file);
  Tally tally;
  run_beside(*loaded, explainer, tally);
  for (const std::string& file : command.cases) run_file(file, explainer, tally);
  fmt::print("{} passed, {} failed\n", tally.passed, tally.failed);
  return tally.failed == 0 && !tally.bad_file ? Exit::Good : Exit::Input;
}

}  // namespace vigie
