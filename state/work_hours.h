#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "pipeline/core/bytes.h"
#include "pipeline/core/clock.h"

namespace vigie {

// When the brand answers: parts of a week as its clocks show it, and how far those clocks are from
// UTC. Nothing else is needed to count working time, so that all who have the same value count the
// same, whatever they know of time zones. A value; any thread.
struct WorkHours {
  // Minutes from Monday 00:00, [begin, end).
  struct Part {
    std::uint16_t begin = 0;
    std::uint16_t end = 0;
    friend bool operator==(const Part&, const Part&) = default;
  };
  struct Zone {
    Time from{};
    std::chrono::minutes offset{0};
    friend bool operator==(const Zone&, const Zone&) = default;
  };
  // Of a week in ascending order, not overlapping. Empty: always open.
  std::vector<Part> week;
  // Ascending. What is before the first has its offset, what is after the last that of the last.
  std::vector<Zone> zones;

  // When this much working time has passed since `start`. At most ten years later.
  Time after(Time start, std::chrono::seconds work) const;
  // The working time in [begin, end); zero when the end is not later.
  std::chrono::seconds between(Time begin, Time end) const;

  // Whether it is in form and within the bounds below.
  bool valid() const;

  friend bool operator==(const WorkHours&, const WorkHours&) = default;

 private:
  // Each open stretch from `start` on, in order, until `visit` returns false or ten years are over.
  void stretches(Time start, const std::function<bool(Time begin, Time end)>& visit) const;
};
constexpr std::size_t kMaxWorkParts = 200;
constexpr std::size_t kMaxWorkZones = 8;

// hours = count(varint) *(begin(varint) end(varint)) count(varint) *(from(signed) minutes(signed))
void put_work_hours(std::string& out, const WorkHours& hours);
WorkHours read_work_hours(ByteReader& in);

}  // namespace vigie
