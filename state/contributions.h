#pragma once

#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "pipeline/core/clock.h"
#include "pipeline/core/ids.h"
#include "pipeline/core/mention.h"
#include "state/authors.h"
#include "state/counters.h"
#include "state/ledger.h"

namespace vigie {

// What a message adds in a minute to each of its series.
struct Booking {
  Minute minute = 0;
  Measures measures{};
};

// Gets what a message contributes, one series after the other. Which buckets there are of a series,
// and which of them are still kept, is the receiver's to know.
struct ContributionSink {
  std::function<void(const SeriesView&, Minute, const Measures&)> count;
  // One message by the record's author.
  std::function<void(const SeriesView&, Hour)> author;
};
// Tells all that `record` contributes, if it is visible and has buckets. Booking it, taking it back
// and recounting it go through here.
void contributions(const LedgerRecord& record, const ContributionSink& sink);
// The same of an unmatched message of `network`: one of `mentions` in `all` and `network`.
void contributions_of_unmatched(std::string_view network, Kind kind, Minute event_minute,
                                const ContributionSink& sink);

// How many of a message's hashtags and links are counted, and how long any of them, or a place or
// an ambassador, may be. The ledger keeps no others, so that taking back is exact.
constexpr std::size_t kCountedPerMessage = 100;
constexpr std::size_t kCountedIdBytes = 2048;
// Keeps what is counted; returns how many were dropped.
std::size_t limit_counted(LedgerRecord& record);

// Books all that `record` contributes, `sign` times (+1 or -1).
void book(Partition partition, const LedgerRecord& record, int sign,
          std::optional<Time> stream_time, CounterBatch& counters, Authors& authors);
// Takes what `before` contributed back and books `after`: less work where they differ in engagement
// alone.
void rebook(Partition partition, const LedgerRecord& before, const LedgerRecord& after,
            std::optional<Time> stream_time, CounterBatch& counters, Authors& authors);
void book_unmatched(std::string_view network, Kind kind, Minute event_minute, int sign,
                    std::optional<Time> stream_time, CounterBatch& counters);

}  // namespace vigie
