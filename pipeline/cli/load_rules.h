#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/cli/commands.h"
#include "rules/rule_set.h"

namespace vigie {

// A rule file that compiles, and its text.
struct LoadedRules {
  std::string file;
  std::string text;
  std::shared_ptr<const RuleSet> rules;
};

// Reads and compiles the file and prints what there is to say about it. Nothing, with the exit code
// in `exit`, when it is not good; with `strict` a warning is enough for that.
std::optional<LoadedRules> load_rules(const std::string& file, bool strict, Exit& exit);

// Prints diagnostics, with `strict` all as errors. Whether there is an error among them.
bool print_diagnostics(std::vector<Diagnostic> diagnostics, bool strict);

}  // namespace vigie
