#include "pipeline/core/clock.h"

#include <algorithm>
#include <cstdlib>

namespace vigie {
namespace {

// Minutes since the epoch stay far within 32 bits.
constexpr int kEndYear = 6000;

using std::chrono::duration_cast;
using std::chrono::floor;
using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::minutes;
using std::chrono::seconds;

// Reads exactly `count` digits at `at`; -1 when there are fewer.
int digits(std::string_view text, std::size_t at, std::size_t count) {
  if (at + count > text.size()) return -1;
  int value = 0;
  for (std::size_t i = at; i < at + count; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

void append_padded(std::string& out, int value, int width) {
  char buffer[8];
  for (int i = width - 1; i >= 0; --i) {
    buffer[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
  out.append(buffer, static_cast<std::size_t>(width));
}

}  // namespace

Clock system_clock() {
  return [] { return floor<microseconds>(std::chrono::system_clock::now()); };
}

std::optional<Time> parse_time(std::string_view text) {
  const int year = digits(text, 0, 4);
  const int month = digits(text, 5, 2);
  const int day = digits(text, 8, 2);
  const int hour = digits(text, 11, 2);
  const int minute = digits(text, 14, 2);
  const int second = digits(text, 17, 2);
  if (year < 1 || year >= kEndYear || month < 0 || day < 0 || hour < 0 || minute < 0 || second < 0)
    return std::nullopt;
  if (text[4] != '-' || text[7] != '-' || text[13] != ':' || text[16] != ':') return std::nullopt;
  if (text[10] != 'T' && text[10] != 't') return std::nullopt;
  if (hour > 23 || minute > 59 || second > 60) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{year},
                                         std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (!date.ok()) return std::nullopt;

  std::size_t at = 19;
  microseconds fraction{0};
  if (at < text.size() && text[at] == '.') {
    ++at;
    const std::size_t first = at;
    int scale = 100'000;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
      fraction += microseconds{(text[at] - '0') * scale};
      scale /= 10;
    }
    if (at == first) return std::nullopt;
  }
  if (at >= text.size()) return std::nullopt;
  minutes offset{0};
  if (text[at] == 'Z' || text[at] == 'z') {
    ++at;
  } else {
    if (text[at] != '+' && text[at] != '-') return std::nullopt;
    const int sign = text[at] == '-' ? -1 : 1;
    const int offset_hours = digits(text, at + 1, 2);
    const int offset_minutes = digits(text, at + 4, 2);
    if (offset_hours < 0 || offset_hours > 23 || offset_minutes < 0 || offset_minutes > 59 ||
        text[at + 3] != ':') {
      return std::nullopt;
    }
    offset = minutes{sign * (offset_hours * 60 + offset_minutes)};
    at += 6;
  }
  if (at != text.size()) return std::nullopt;
  const Time time = Time{std::chrono::sys_days{date}} + hours{hour} + minutes{minute} +
                    seconds{second} + fraction - offset;
  // In UTC, too, so that what is written reads back.
  constexpr Time kBegin{std::chrono::sys_days{std::chrono::year{1} / 1 / 1}};
  constexpr Time kEnd{std::chrono::sys_days{std::chrono::year{kEndYear} / 1 / 1}};
  if (time < kBegin || time >= kEnd) return std::nullopt;
  return time;
}

void append_time(std::string& out, Time time) {
  const auto day = floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const auto within = time - Time{day};
  const auto second = duration_cast<seconds>(within);
  const auto fraction = static_cast<int>((within - second).count());
  const auto total = static_cast<int>(second.count());
  append_padded(out, static_cast<int>(date.year()), 4);
  out += '-';
  append_padded(out, static_cast<int>(static_cast<unsigned>(date.month())), 2);
  out += '-';
  append_padded(out, static_cast<int>(static_cast<unsigned>(date.day())), 2);
  out += 'T';
  append_padded(out, total / 3600, 2);
  out += ':';
  append_padded(out, total / 60 % 60, 2);
  out += ':';
  append_padded(out, total % 60, 2);
  if (fraction != 0) {
    out += '.';
    if (fraction % 1000 == 0) {
      append_padded(out, fraction / 1000, 3);
    } else {
      append_padded(out, fraction, 6);
    }
  }
  out += 'Z';
}

std::string format_time(Time time) {
  std::string out;
  append_time(out, time);
  return out;
}

Minute minute_of(Time time) {
  return static_cast<Minute>(floor<minutes>(time).time_since_epoch().count());
}

Hour hour_of(Time time) {
  return static_cast<Hour>(floor<hours>(time).time_since_epoch().count());
}

Time start_of_minute(Minute minute) {
  return Time{minutes{minute}};
}

Time start_of_hour(Hour hour) {
  return Time{hours{hour}};
}

RecordClock::RecordClock(Clock wall, Monotonic monotonic)
    : wall_(std::move(wall)), monotonic_(std::move(monotonic)) {
  if (!monotonic_) {
    monotonic_ = [] {
      return duration_cast<microseconds>(std::chrono::steady_clock::now().time_since_epoch());
    };
  }
}

Time RecordClock::now() {
  const microseconds monotonic = monotonic_();
  if (!started_) {
    started_ = true;
    base_ = wall_();
    base_monotonic_ = monotonic;
    slewed_at_ = monotonic;
    return base_;
  }
  const microseconds elapsed = monotonic - base_monotonic_;
  // What the wall clock says beyond the monotonic one, less the steps that are not followed.
  const microseconds gap = wall_() - (base_ + elapsed) - followed_gap_;
  const microseconds wanted = gap - slewed_;
  if (std::chrono::abs(wanted) > minutes{1}) {
    followed_gap_ += wanted;
    ++steps_;
    return base_ + elapsed + slewed_;
  }
  // The rate is of the time since the last move, however long the clock has run. What is too little
  // for a microsecond adds up.
  const microseconds room = (monotonic - slewed_at_) / 1000;
  if (room > microseconds{0}) {
    slewed_ += std::clamp(wanted, -room, room);
    slewed_at_ = monotonic;
  }
  return base_ + elapsed + slewed_;
}

}  // namespace vigie
