#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/core/clock.h"
#include "pipeline/core/error.h"
#include "state/author_sets.h"
#include "state/counters.h"

namespace vigie {

constexpr std::int64_t kMinuteSeconds = 60;
constexpr std::int64_t kHourSeconds = 3600;
constexpr std::int64_t kDaySeconds = 86400;

// number ("m" | "h" | "d"), in seconds: at least a minute and at most `most` days. `what` names it
// in the error.
Result<std::int64_t> parse_length(std::string_view what, std::string_view text,
                                  std::int64_t most_days);

// (end - window, end]: the buckets that start in it, so the one that is still being filled is in.
struct CountWindow {
  Time as_of{};  // how far the counts go
  Time end{};
  std::int64_t seconds = kDaySeconds;
  std::chrono::hours kept = kHoursKept;  // what is older at `as_of` has expired, and is not told

  Hour first_hour() const {
    return std::max(hour_of(end - std::chrono::seconds(seconds)), hour_of(as_of - kept)) + 1;
  }
  Hour last_hour() const { return hour_of(end); }
  // The one of the same length before it.
  CountWindow before() const;
};

// How a person asks for a count; what is empty has its default.
struct CountWords {
  std::optional<std::string_view> dimension;
  std::optional<std::string_view> id;
  std::optional<std::string_view> measure;
  std::optional<std::string_view> window;
  std::optional<std::string_view> step;
  std::optional<std::string_view> end;
};
// From the words `window` and `end`: a window as long as hours are `kept` at most.
Result<CountWindow> read_window(const CountWords& words, Time as_of, std::int64_t otherwise,
                                std::chrono::hours kept);

// One series over a window, in points. Minutes serve windows of up to a day while they are kept,
// hours all others. Authors are known by the hour, and some dimensions are counted by it.
struct CountQuery {
  Series series;
  std::optional<Measure> measure = Measure::Mentions;  // none: how many different authors
  CountWindow window;
  std::int64_t bucket = kMinuteSeconds;
  std::int64_t step = kMinuteSeconds;
};
// Invalid when it cannot be asked; the message begins with the word that is wrong.
Result<CountQuery> read_count_query(const CountWords& words, Time as_of);

struct CountPoint {
  Time start{};
  std::int64_t value = 0;
  bool estimate = false;
};
struct CountAnswer {
  CountPoint total;
  std::vector<CountPoint> points;
};
Result<CountAnswer> answer(const CountQuery& query, const CounterReader& counters,
                           const AuthorSetReader& author_sets);
void append_json(std::string& out, const CountQuery& query, const CountAnswer& answer);

}  // namespace vigie
