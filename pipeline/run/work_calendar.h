#pragma once

#include <string>

#include "pipeline/core/clock.h"
#include "rules/rule_set.h"
#include "state/work_hours.h"

namespace vigie {

// The business hours of a rule file as a record carries them, so that whoever folds it needs
// neither the rules of that day nor a database of time zones. One thread.
class WorkCalendar {
 public:
  // Those of `rules` for clocks of a record with this record time: the same for the whole day. An
  // empty week when the brand answers at all times, or has more than kMaxWorkParts parts of a week.
  // Valid until the next call.
  const WorkHours& of(const RuleSet& rules, Time seen_at);

 private:
  std::string version_;
  std::chrono::sys_days day_{};
  WorkHours hours_;
};

}  // namespace vigie
