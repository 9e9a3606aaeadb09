#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "pipeline/log/event_log.h"
#include "state/authors.h"

namespace vigie {

// What a worker's state looks like in a log that does not keep it: which record is which row of its
// store. With each batch the worker writes every row that it changes; a fold of the records of a
// partition gives the rows back, but for what follows from others:
//   ledger         rows of Space::Ledger, and the index of authors' messages, which follows from
//                  them, but for what leaves it
//   authors        whom somebody hid or erased
//   counters, counters.long   rows of Space::Counters, and sets of authors; cuts are no state
//   tagged         texts in Space::Latest, as if written when the message was received
std::shared_ptr<const Changelog> worker_changelog();

// The records that changed rows of authors make, but for those that are told elsewhere: when they
// were first seen, and what of their index follows from the ledger. Whom somebody hid or erased
// goes to `authors`, which every worker folds whole.
std::vector<Record> author_records(const EventLog& log, std::span<const Authors::Row> rows);
Result<void> fold_authors(const LogRecord& record, StoreBatch& batch);
// Removes all that is folded from `authors`.
Result<void> wipe_authors(Store& store);
// The partition that such a record's row belongs to; none for when an author was first seen.
std::optional<Partition> partition_of_authors_record(std::string_view key);

}  // namespace vigie
