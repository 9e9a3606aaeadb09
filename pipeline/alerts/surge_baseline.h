#pragma once

// What a window of a series is expected to hold. Private to this folder.

#include <cstdint>
#include <string_view>

#include "pipeline/alerts/surge_state.h"

namespace vigie {

struct SurgeBaseline {
  double mentions = 0;     // in one window
  std::string_view from;   // as in AlertEvidence
  std::int64_t hours = 0;  // buckets it is a mean of
};

struct SurgeWindow {
  std::int64_t minute = 0;       // the last one in it
  std::int64_t length = 0;       // minutes
  std::int64_t mentions = 0;     // in it
  std::int64_t since = 0;        // the first minute of the stream
  std::int64_t min_history = 0;  // minutes
};

// Uses whole hours before the window's own only, and none from the start of an alert that fires.
SurgeBaseline surge_baseline(const SurgeSeries& series, const SurgeWindow& window);

}  // namespace vigie
