#pragma once

#include <string>

#include "pipeline/core/mention.h"
#include "rules/query.h"
#include "rules/rule_set.h"

namespace vigie {

// What a mention has where a Field or Number of a query asks, in words for the author of the query:
// "its language is en", "followers are not told". `verdict` is a Matcher's of this mention under
// `rules`.
std::string observed(const QueryNode& field, const RuleSet& rules, const Mention& mention,
                     const Verdict& verdict, const IsNewAuthor& is_new_author);

}  // namespace vigie
