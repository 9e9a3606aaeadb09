#pragma once

#include <functional>
#include <string_view>

#include "pipeline/cli/config.h"

namespace vigie {

// For tests of crashes: VIGIE_CRASH_AT=POINT:COUNT kills the process, as kill -9 does, when it
// passes that point for the COUNTth time. Told every point that is passed; empty when the variable
// is not set. StoreOptions::at_point lists those of the store, KafkaOptions::at_point those of the
// log over Kafka; `vigie backup` and `vigie restore` have their own.
using AtPoint = std::function<void(std::string_view point)>;
AtPoint crash_points(const Environment& environment);

}  // namespace vigie
