#pragma once

#include <string_view>
#include <vector>

#include "pipeline/core/clock.h"
#include "rules/rule_set.h"

namespace vigie {

// What is doubtful about a rule file that compiles: warnings, in the order of the file. A warning
// but the last of these is true of every mention there can be; that there is none says nothing.
// `now` is what campaigns are compared with. Warned of are
// - queries, and parts of them joined by AND, that can never hold;
// - routes that are never taken: they never hold, or only for what is never queued, or one or
//   several routes above them hold whenever they do;
// - rules of one kind with the same query, but for campaigns that are never on together;
// - campaigns that are over;
// - network:, lang: and country: with a value that most likely no mention has.
// The work is bounded (QueryLogic says how); where that ends it, the last warning says so.
std::vector<Diagnostic> lint(std::string_view yaml, std::string_view file, Time now);

}  // namespace vigie
