#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/core/clock.h"

namespace vigie {

// An hour as clocks in a zone show it. An hour that comes twice, when clocks are put back, is two.
struct LocalHour {
  Time begin{};                    // in UTC
  std::chrono::minutes offset{0};  // of the zone then
  friend auto operator<=>(const LocalHour&, const LocalHour&) = default;
};

// "2026-06-03T08:00+02:00"
std::string format_local_hour(const LocalHour& hour);

// The hours of one zone. One thread.
class LocalHours {
 public:
  // A name that the rule file accepts; any other is UTC.
  explicit LocalHours(const std::string& timezone);
  ~LocalHours();
  LocalHours(LocalHours&&) noexcept;
  LocalHours& operator=(LocalHours&&) noexcept;

  LocalHour of(Time time);

  // How far the clocks are from UTC at `from`, and after each of the next changes: `most` in all,
  // ascending. Whole minutes.
  std::vector<std::pair<Time, std::chrono::minutes>> offsets(Time from, std::size_t most) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace vigie
