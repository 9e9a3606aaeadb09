#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "pipeline/core/error.h"
#include "rules/rule_set.h"

namespace vigie {

struct SampleCosts {
  std::size_t warnings = 0;
  std::uint64_t bad_lines = 0;
};

// Matches the mentions of the file `sample` and warns, on the standard error, of each rule that is
// considered for more than RuleBudget::kCandidates of them and matches less than half of those.
// `text` is what the rule file `file` holds. Fails when the sample cannot be read.
Result<SampleCosts> warn_of_costs(const std::string& file, std::string_view text,
                                  const RuleSet& rules, const std::string& sample);

}  // namespace vigie
