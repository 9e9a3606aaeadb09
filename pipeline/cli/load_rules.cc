#include "pipeline/cli/load_rules.h"

#include "pipeline/cli/report.h"
#include "pipeline/run/rules_source.h"

namespace vigie {

std::optional<LoadedRules> load_rules(const std::string& file, bool strict, Exit& exit) {
  auto text = read_file(file);
  if (!text) {
    exit = report(text.error());
    return {};
  }
  RuleSet::Compiled compiled = RuleSet::compile(*text, file);
  const bool bad = print_diagnostics(std::move(compiled.diagnostics), strict);
  exit = bad || !compiled.rules ? Exit::Input : Exit::Good;
  if (exit != Exit::Good) return {};
  return LoadedRules{file, std::move(*text), std::move(compiled.rules)};
}

bool print_diagnostics(std::vector<Diagnostic> diagnostics, bool strict) {
  bool bad = false;
  for (Diagnostic& diagnostic : diagnostics) {
    if (strict) diagnostic.is_error = true;
    bad = bad || diagnostic.is_error;
    say(format(diagnostic) + "\n");
  }
  return bad;
}

}  // namespace vigie
