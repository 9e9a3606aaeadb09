#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pipeline/api/routes.h"
#include "pipeline/core/error.h"
#include "state/counter_key.h"

namespace vigie {

constexpr std::int64_t kMinuteSeconds = 60;
constexpr std::int64_t kHourSeconds = 3600;
constexpr std::int64_t kDaySeconds = 86400;

// number ("m" | "h" | "d"), in seconds: at least a minute and at most `most` days.
Result<std::int64_t> duration_param(const Request& request, std::string_view name,
                                    std::int64_t most_days);

// (end - window, end]: the buckets that start in it, so the one that is still being filled is in.
struct CountWindow {
  Time as_of{};
  Time end{};
  std::int64_t seconds = kDaySeconds;

  Hour first_hour() const { return hour_of(end - std::chrono::seconds(seconds)) + 1; }
  Hour last_hour() const { return hour_of(end); }
  // The one of the same length before it.
  CountWindow before() const;
};
// From the parameters `window` (`otherwise` when there is none) and `end`; at most as long as hours
// are kept.
Result<CountWindow> window_param(const Service& service, const Request& request,
                                 std::int64_t otherwise, std::chrono::hours kept);
// The same in whole hours: an hour at least.
Result<CountWindow> hours_param(const Service& service, const Request& request,
                                std::int64_t otherwise, std::chrono::hours kept);

// The measure that a request asks for; `mentions` when it does not say.
Result<Measure> measure_param(const Request& request);

// Opens an object and writes what every answer from counts begins with.
class JsonWriter;
void begin_counts(JsonWriter& json, const CountWindow& window, std::int64_t bucket_seconds);

}  // namespace vigie
