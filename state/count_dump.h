#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "pipeline/core/clock.h"
#include "pipeline/core/error.h"
#include "state/author_sets.h"
#include "state/counters.h"

namespace vigie {

// One number of one hour.
struct CountLine {
  Dimension dimension = Dimension::All;
  std::string_view id;
  std::string_view measure;  // that of a counter, or "authors"
  Hour hour = 0;
  std::int64_t value = 0;
  bool estimate = false;
};

// Every number other than zero of every hour that is kept at `stream_time` (all, when it is empty),
// in the order of (dimension name, id, measure, hour), over all partitions.
Result<void> dump_counts(const CounterReader& counters, const AuthorSetReader& authors,
                         std::optional<Time> stream_time,
                         const std::function<void(const CountLine&)>& visit);

}  // namespace vigie
