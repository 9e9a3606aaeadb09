#include "pipeline/run/work_calendar.h"

#include "pipeline/route/local_hours.h"

namespace vigie {
namespace {

// What is late by more is in no bucket either.
constexpr std::chrono::days kBack{36};
// With two changes a year: longer than any item lives untouched, and than the longest SLA.
constexpr std::size_t kZones = 4;
constexpr int kDayMinutes = 24 * 60;

}  // namespace

const WorkHours& WorkCalendar::of(const RuleSet& rules, Time seen_at) {
  const auto day = std::chrono::floor<std::chrono::days>(seen_at);
  if (rules.version() == version_ && day == day_) return hours_;
  version_ = rules.version();
  day_ = day;
  hours_ = {};
  const std::vector<OpenHours>& open = rules.open_hours();
  if (open.empty() || open.size() > kMaxWorkParts) return hours_;
  for (const OpenHours& part : open) {
    const int midnight = part.weekday * kDayMinutes;
    hours_.week.push_back({static_cast<std::uint16_t>(midnight + part.begin),
                           static_cast<std::uint16_t>(midnight + part.end)});
  }
  for (const auto& [from, offset] : LocalHours(rules.timezone()).offsets(day - kBack, kZones)) {
    hours_.zones.push_back({from, offset});
  }
  return hours_;
}

}  // namespace vigie
