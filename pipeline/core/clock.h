#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace vigie {

// UTC, in microseconds: the finest any network tells.
using Time = std::chrono::sys_time<std::chrono::microseconds>;

// Where "now" comes from. Handed to whoever needs it, so that tests and replay bring their own.
using Clock = std::function<Time()>;

// The operating system's wall clock.
Clock system_clock();

// Reads RFC 3339 with an offset (`2026-06-01T10:00:00.25+02:00`, `t` and `z` too). Digits past the
// microsecond are dropped; a leap second counts as the second after it. Years 1 to 5999. Empty when
// the text has any other form.
std::optional<Time> parse_time(std::string_view text);

// RFC 3339 in UTC with `Z`: no fraction, three digits or six, whichever is the shortest exact one.
void append_time(std::string& out, Time time);
std::string format_time(Time time);

// Whole minutes and hours since 1970-01-01T00:00Z, rounded down: the names of counter buckets.
using Minute = std::int32_t;
using Hour = std::int32_t;
Minute minute_of(Time time);
Hour hour_of(Time time);
constexpr Hour hour_of_minute(Minute minute) {
  return minute >= 0 ? minute / 60 : -((-minute + 59) / 60);
}
Time start_of_minute(Minute minute);
Time start_of_hour(Hour hour);

// Record time: the monotonic clock, counted from the wall time at the first call. Each call moves
// the answer towards the wall clock by at most 1 ms a second of monotonic time, so drift is slewed;
// a wall clock that differs by more than one minute has been stepped: that is not followed but
// counted once per step. One thread at a time.
class RecordClock {
 public:
  using Monotonic = std::function<std::chrono::microseconds()>;
  explicit RecordClock(Clock wall = system_clock(), Monotonic monotonic = {});

  Time now();
  std::uint64_t steps() const { return steps_; }

 private:
  Clock wall_;
  Monotonic monotonic_;
  bool started_ = false;
  Time base_{};
  std::chrono::microseconds base_monotonic_{};
  std::chrono::microseconds slewed_{};
  std::chrono::microseconds slewed_at_{};  // monotonic
  std::chrono::microseconds followed_gap_{};
  std::uint64_t steps_ = 0;
};

}  // namespace vigie
