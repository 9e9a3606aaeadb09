#include <algorithm>

#include "rules/plan.h"
#include "rules/rule_set.h"

namespace vigie {

std::vector<RuleSet::CaseResult> RuleSet::run_cases() const {
  std::vector<CaseResult> results;
  Matcher matcher;
  Matcher::Options options;
  // Each case stands for itself: nothing was ever heard of its author.
  options.is_new_author = [](const Mention&) { return true; };
  for (const Plan::Case& each : plan_->cases) {
    const Verdict& verdict = matcher.match(*this, each.source.mention, options);
    bool matched = false;
    if (each.is_route) {
      matched = verdict.route == each.index && may_be_queued(each.source.mention, verdict);
    } else if (rules_.kind(each.index) == RuleKind::Brand) {
      matched = verdict.brand;
    } else {
      for (const auto* list : {&verdict.themes, &verdict.campaigns, &verdict.competitors}) {
        matched = matched || std::ranges::find(*list, each.index) != list->end();
      }
    }
    results.push_back({each.label, each.source.line, each.source.expected_match,
                       matched == each.source.expected_match, each.source.text,
                       &each.source.mention});
  }
  std::ranges::sort(results, {}, &CaseResult::line);
  return results;
}

}  // namespace vigie
