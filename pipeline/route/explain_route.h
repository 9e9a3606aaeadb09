#pragma once

#include <string>

#include "pipeline/route/route.h"
#include "rules/explain.h"

namespace vigie {

// An explanation whole: its rules, who gets the mention and why, and the routes down to the first
// that holds. For a person, and as one JSON object.
std::string print(const Explainer& explainer, const Mention& mention,
                  const Explanation& explanation);
void append_json(std::string& out, const Explainer& explainer, const Mention& mention,
                 const Explanation& explanation);

}  // namespace vigie
