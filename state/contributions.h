#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "pipeline/core/clock.h"
#include "pipeline/core/ids.h"
#include "pipeline/core/mention.h"
#include "state/authors.h"
#include "state/counters.h"
#include "state/ledger.h"

namespace vigie {

// Gets what a message contributes, one series after the other. Which buckets there are of a series,
// and which of them are still kept, is the receiver's to know.
struct ContributionSink {
  std::function<void(const Series&, Minute, const Measures&)> count;
  // One message by the record's author.
  std::function<void(const Series&, Hour)> author;
};
// Tells all that `record` contributes, if it is visible and has buckets. Booking it, taking it back
// and recounting it go through here.
void contributions(const LedgerRecord& record, const ContributionSink& sink);
// The same of an unmatched message of `network`: one of `mentions` in `all` and `network`.
void contributions_of_unmatched(std::string_view network, Kind kind, Minute event_minute,
                                const ContributionSink& sink);

// Books all that `record` contributes, `sign` times (+1 or -1).
void book(Partition partition, const LedgerRecord& record, int sign,
          std::optional<Time> stream_time, CounterBatch& counters, Authors& authors);
void book_unmatched(std::string_view network, Kind kind, Minute event_minute, int sign,
                    std::optional<Time> stream_time, CounterBatch& counters);

}  // namespace vigie
