#include "connectors/bluesky/cursor.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace vigie {

// What an instance's clock may be ahead of ours.
constexpr std::chrono::minutes kMostAhead{10};

namespace {

std::optional<std::int64_t> parse_whole(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc{} || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

}  // namespace

void JetstreamCursor::advance(const JetstreamEvent& event, std::string_view from, Time now) {
  if (event.seq) {
    seq = event.seq;
    authority = from;
  }
  if (!event.time || *event.time > now + kMostAhead) return;
  time = time ? std::max(*time, *event.time) : *event.time;
}

std::string JetstreamCursor::text() const {
  const std::int64_t micros = time ? time->time_since_epoch().count() : 0;
  if (seq) return fmt::format("{}@{}@{}", *seq, micros, authority);
  return time ? fmt::format("{}", micros) : std::string{};
}

std::optional<JetstreamCursor> parse_cursor(std::string_view text) {
  JetstreamCursor cursor;
  const std::size_t first = text.find('@');
  if (first == std::string_view::npos) {
    const auto micros = parse_whole(text);
    if (!micros) return std::nullopt;
    cursor.time = Time{std::chrono::microseconds{*micros}};
    return cursor;
  }
  const std::size_t second = text.find('@', first + 1);
  if (second == std::string_view::npos || second + 1 == text.size()) return std::nullopt;
  cursor.seq = parse_whole(text.substr(0, first));
  const auto micros = parse_whole(text.substr(first + 1, second - first - 1));
  if (!cursor.seq || !micros) return std::nullopt;
  if (*micros > 0) cursor.time = Time{std::chrono::microseconds{*micros}};
  cursor.authority = text.substr(second + 1);
  return cursor;
}

}  // namespace vigie
