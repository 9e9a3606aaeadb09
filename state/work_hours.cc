#include "state/work_hours.h"

#include <algorithm>

namespace vigie {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr minutes kWeek{7 * 24 * 60};
constexpr minutes kMaxOffset{24 * 60};
// Whoever asks for more gets this: no SLA is that long, but a week may be open for one minute.
constexpr std::chrono::days kLongest{3660};

// Monday 1970-01-05 is four days after the epoch.
Time week_of(Time local) {
  const Time monday{std::chrono::days{4}};
  auto weeks = (local - monday) / kWeek;
  if (monday + weeks * kWeek > local) --weeks;
  return monday + weeks * kWeek;
}

}  // namespace

bool WorkHours::valid() const {
  if (week.size() > kMaxWorkParts || zones.size() > kMaxWorkZones) return false;
  if (!week.empty() && zones.empty()) return false;
  std::uint16_t end = 0;
  for (const Part& part : week) {
    if (part.begin < end || part.begin >= part.end || part.end > kWeek.count()) return false;
    end = part.end;
  }
  for (std::size_t i = 0; i < zones.size(); ++i) {
    if (i > 0 && zones[i - 1].from >= zones[i].from) return false;
    if (zones[i].offset < -kMaxOffset || zones[i].offset > kMaxOffset) return false;
  }
  return true;
}

// Within one zone local time is UTC moved by a number; a stretch that lies across a change of the
// clocks is cut there. So an hour that is skipped is no work, and one that comes twice is two.
void WorkHours::stretches(Time start,
                          const std::function<bool(Time begin, Time end)>& visit) const {
  const Time last = start + kLongest;
  for (std::size_t z = 0; z < zones.size(); ++z) {
    const Time zone_end = z + 1 < zones.size() ? std::min(zones[z + 1].from, last) : last;
    const Time zone_begin = z == 0 ? start : std::max(zones[z].from, start);
    if (zone_begin >= zone_end) continue;
    const minutes offset = zones[z].offset;
    for (Time monday = week_of(zone_begin + offset); monday - offset < zone_end; monday += kWeek) {
      for (const Part& part : week) {
        const Time begin = std::max(monday - offset + minutes{part.begin}, zone_begin);
        const Time end = std::min(monday - offset + minutes{part.end}, zone_end);
        if (begin < end && !visit(begin, end)) return;
      }
    }
  }
}

Time WorkHours::after(Time start, seconds work) const {
  if (work <= seconds{0}) return start;
  if (week.empty()) return start + work;
  std::chrono::microseconds left = work;
  Time found = start + kLongest;
  stretches(start, [&](Time begin, Time end) {
    if (end - begin >= left) {
      found = begin + left;
      return false;
    }
    left -= end - begin;
    return true;
  });
  return found;
}

seconds WorkHours::between(Time begin, Time end) const {
  if (end <= begin) return seconds{0};
  if (week.empty()) return std::chrono::floor<seconds>(end - begin);
  std::chrono::microseconds sum{0};
  stretches(begin, [&](Time from, Time to) {
    if (from >= end) return false;
    sum += std::min(to, end) - from;
    return true;
  });
  return std::chrono::floor<seconds>(sum);
}

void put_work_hours(std::string& out, const WorkHours& hours) {
  put_varint(out, hours.week.size());
  for (const WorkHours::Part& part : hours.week) {
    put_varint(out, part.begin);
    put_varint(out, part.end);
  }
  put_varint(out, hours.zones.size());
  for (const WorkHours::Zone& zone : hours.zones) {
    put_signed(out, zone.from.time_since_epoch().count());
    put_signed(out, zone.offset.count());
  }
}

WorkHours read_work_hours(ByteReader& in) {
  WorkHours hours;
  const std::uint64_t parts = in.varint();
  for (std::uint64_t i = 0; i < parts && in.ok(); ++i) {
    WorkHours::Part& part = hours.week.emplace_back();
    part.begin = static_cast<std::uint16_t>(in.varint());
    part.end = static_cast<std::uint16_t>(in.varint());
  }
  const std::uint64_t zones = in.varint();
  for (std::uint64_t i = 0; i < zones && in.ok(); ++i) {
    WorkHours::Zone& zone = hours.zones.emplace_back();
    zone.from = Time(std::chrono::microseconds(in.signed_varint()));
    zone.offset = minutes(in.signed_varint());
  }
  return hours;
}

}  // namespace vigie
