#include "rules/plan.h"

#include <re2/re2.h>

namespace vigie {

RuleSet::Plan::Plan() = default;
RuleSet::Plan::~Plan() = default;
RuleSet::Plan::Plan(Plan&&) noexcept = default;
RuleSet::Plan& RuleSet::Plan::operator=(Plan&&) noexcept = default;

void RuleSet::Plan::freeze() {
  vocabulary.freeze();
  atoms.freeze();
  cells.shrink_to_fit();
  fields.shrink_to_fit();
  rules.shrink_to_fit();
  routes.shrink_to_fit();
  regexes.shrink_to_fit();
  regex_atoms.shrink_to_fit();
  regex_atom_begins.shrink_to_fit();
  postings = choose_postings(*this, {}, 0);
}

}  // namespace vigie
