#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/core/error.h"
#include "rules/rule_set.h"

namespace vigie {

struct SampleCosts {
  std::vector<Diagnostic> warnings;  // in the order of the rule file
  std::uint64_t bad_lines = 0;       // of the sample; told on the standard error
};

// Matches the mentions of the file `sample`; a warning of each rule that is considered for more
// than RuleBudget::kCandidates of them and matches less than half of those. `text` is what the rule
// file `file` holds. Fails when the sample cannot be read.
Result<SampleCosts> sample_costs(const std::string& file, std::string_view text,
                                 const RuleSet& rules, const std::string& sample);

}  // namespace vigie
