#include "pipeline/route/local_hours.h"

#include <cstdlib>
#include <optional>

#include <fmt/format.h>
#include <unicode/basictz.h>
#include <unicode/timezone.h>
#include <unicode/tztrans.h>

namespace vigie {

using std::chrono::hours;
using std::chrono::minutes;

struct LocalHours::Impl {
  std::unique_ptr<icu::TimeZone> zone;
  // No zone changes its clocks within a quarter of an hour of UTC.
  std::optional<std::int64_t> quarter;
  minutes offset{0};
};

LocalHours::LocalHours(const std::string& timezone) : impl_(std::make_unique<Impl>()) {
  impl_->zone.reset(icu::TimeZone::createTimeZone(icu::UnicodeString::fromUTF8(timezone)));
}
LocalHours::~LocalHours() = default;
LocalHours::LocalHours(LocalHours&&) noexcept = default;
LocalHours& LocalHours::operator=(LocalHours&&) noexcept = default;

LocalHour LocalHours::of(Time time) {
  const std::int64_t quarter = std::chrono::floor<minutes>(time).time_since_epoch() / minutes{15};
  if (quarter != impl_->quarter) {
    impl_->quarter = quarter;
    std::int32_t raw = 0;
    std::int32_t saving = 0;
    UErrorCode failed = U_ZERO_ERROR;
    const auto millis = std::chrono::floor<std::chrono::milliseconds>(time).time_since_epoch();
    impl_->zone->getOffset(static_cast<UDate>(millis.count()), 0, raw, saving, failed);
    const std::chrono::milliseconds whole{U_SUCCESS(failed) ? raw + saving : 0};
    impl_->offset = std::chrono::floor<minutes>(whole);
  }
  const auto local = std::chrono::floor<hours>(time + impl_->offset);
  return {local - impl_->offset, impl_->offset};
}

std::vector<std::pair<Time, minutes>> LocalHours::offsets(Time from, std::size_t most) const {
  using std::chrono::milliseconds;
  std::vector<std::pair<Time, minutes>> out;
  const auto add = [&](Time at, std::int32_t raw, std::int32_t saving) {
    out.emplace_back(at, std::chrono::floor<minutes>(milliseconds{raw + saving}));
  };
  std::int32_t raw = 0;
  std::int32_t saving = 0;
  UErrorCode failed = U_ZERO_ERROR;
  auto at = static_cast<UDate>(std::chrono::floor<milliseconds>(from).time_since_epoch().count());
  impl_->zone->getOffset(at, 0, raw, saving, failed);
  add(from, raw, saving);
  // Every zone of the ICU data is a basic one; another would have no changes to tell.
  const auto* zone = dynamic_cast<const icu::BasicTimeZone*>(impl_->zone.get());
  icu::TimeZoneTransition next;
  while (zone != nullptr && out.size() < most && zone->getNextTransition(at, 0, next)) {
    at = next.getTime();
    add(Time{milliseconds{static_cast<std::int64_t>(at)}}, next.getTo()->getRawOffset(),
        next.getTo()->getDSTSavings());
  }
  return out;
}

std::string format_local_hour(const LocalHour& hour) {
  const std::string local = format_time(hour.begin + hour.offset);
  const auto apart = std::abs(hour.offset.count());
  return fmt::format("{}{}{:02}:{:02}", local.substr(0, sizeof("2026-06-03T08:00") - 1),
                     hour.offset.count() < 0 ? '-' : '+', apart / 60, apart % 60);
}

}  // namespace vigie
