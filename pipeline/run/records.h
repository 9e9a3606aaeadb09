#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "pipeline/core/mention.h"
#include "pipeline/log/event_log.h"
#include "rules/rule_set.h"
#include "state/ledger.h"

namespace vigie {

// The value of a `tagged` record, and of one in `queue.*`: the mention's fields, then what was
// decided: `themes`, `campaigns`, `competitors` (sorted ids), `brand`, `queue`, `route`,
// `priority`, `rules` (version) and `hidden` where it is. Only for a record that is kept, or was.
std::string tagged_json(const Mention& mention, const LedgerRecord& record);

// What could not be read, as a record of `deadletter`: reason, where it came from, its length, its
// XXH3 and the first 64 KiB as base64.
Record dead_letter(const EventLog& log, std::string_view source, std::string_view position,
                   std::string_view reason, std::string_view bytes, Time seen_at);

}  // namespace vigie
