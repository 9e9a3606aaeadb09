#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "pipeline/core/mention.h"
#include "rules/rule_set.h"

namespace vigie {

// Who gets a mention. Not queued: queue None, no priority; `route` still names a `queue: none`
// route.
struct Decision {
  Queue queue = Queue::None;
  std::optional<std::string> route;
  std::optional<Priority> priority;
  std::optional<std::chrono::seconds> sla;

  friend bool operator==(const Decision&, const Decision&) = default;
};

// A tag, `to:brand`, a DM, or by or answering the brand's own people: what is worth a full ledger
// record.
bool is_kept(const Mention& mention, const Verdict& verdict);

// Decides by the verdict's route, or by the default route where the file has none. Only relevant
// mentions are queued; never clicks, conversions, reactions, nor what the brand or its ambassadors
// wrote.
Decision decide(const RuleSet& rules, const Mention& mention, const Verdict& verdict);

}  // namespace vigie
