#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "pipeline/core/clock.h"
#include "pipeline/core/error.h"
#include "pipeline/core/ids.h"
#include "state/counters.h"
#include "state/store.h"

namespace vigie {

struct RecountOptions {
  // The most buckets and authors that are held in memory at once; what is more takes more passes
  // over the ledger.
  std::size_t max_held = std::size_t{1} << 18;
  // Asked now and then; the recount ends with Closed when it answers true.
  std::function<bool()> stopped;
};

// A bucket that says something else than the ledger.
struct Difference {
  Partition partition{};
  Series series;
  Granularity granularity = Granularity::Hour;
  std::int32_t bucket = 0;
  std::string measure;  // a measure's name, or `authors`
  std::int64_t stored = 0;
  std::int64_t recounted = 0;
  bool at_least = false;  // `recounted` is the least it could be
};
std::string to_text(const Difference& difference);

struct Recounted {
  std::uint64_t records = 0;      // of the ledger, unmatched rows too
  std::uint64_t buckets = 0;      // compared
  std::uint64_t author_sets = 0;  // compared
  std::uint64_t expired = 0;      // buckets and sets that records which are gone may have filled
  std::uint64_t differences = 0;
  std::size_t passes = 0;  // over the ledger, of the partition that took the most
};

// Counts every record of the ledger anew, at one moment of the store, and compares with its
// counters and sets of authors, key by key; `visit` gets every difference. Workers may go on
// meanwhile.
//
// Compared are minutes of 25 hours and hours of 35 days (of ranked pairs 8), but for the last hour
// of these, whose records may be gone; of `all` and `network`, to which unmatched messages
// contribute, those of 7 days. The row of an unmatched message does not name its network: all
// networks of a bucket together must have as many unmatched mentions as there are rows, and none
// fewer mentions than it has records. A set that was more than 256 authors takes nobody back: it
// must have counted every author there is. Corrupt when a row of any kind cannot be read.
Result<Recounted> recount(const Store& store, const RecountOptions& options,
                          const std::function<void(const Difference&)>& visit);

}  // namespace vigie
