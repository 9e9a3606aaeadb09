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

// The value of an author's record in `authors`, whose key is the author key in hex.
std::string first_seen_json(Time first_seen);
// The author and when they were first seen; empty for the other records of that topic.
struct FirstSeen {
  AuthorKey author{};
  std::optional<Time> at;  // none: the author was erased
};
// Puts what such a record says into Space::Authors.
void fold_first_seen(const LogRecord& record, StoreBatch& batch);
std::optional<FirstSeen> parse_first_seen(std::string_view key,
                                          std::optional<std::string_view> value);

// What could not be read, as a record of `deadletter`: reason, where it came from, its length, its
// XXH3 and the first 64 KiB as base64.
Record dead_letter(const EventLog& log, std::string_view source, std::string_view position,
                   std::string_view reason, std::string_view bytes, Time seen_at);

}  // namespace vigie
