#include "state/queue_order.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

#include <fmt/format.h>

#include "pipeline/core/ids.h"

namespace vigie {
namespace {

constexpr std::array<std::string_view, 4> kPriorities = {"low", "normal", "high", "urgent"};
constexpr std::size_t kMaxMarkBytes = 4096;

}  // namespace

int priority_rank(std::string_view priority) {
  const auto at = std::ranges::find(kPriorities, priority);
  return at == kPriorities.end() ? -1 : static_cast<int>(at - kPriorities.begin());
}

std::string_view priority_of_rank(int rank) {
  return rank >= 0 && rank < 4 ? kPriorities[static_cast<std::size_t>(rank)] : kPriorities[1];
}

QueuePlace place_of(const QueueItem& item) {
  return QueuePlace{-priority_rank(item.priority), item.due_at.value_or(Time::max()),
                    item.opened_at, item.id};
}

// mark = hex of "rank:due:opened:id", times in microseconds
std::string page_mark(const QueuePlace& place) {
  const std::string plain =
      fmt::format("{}:{}:{}:{}", -place.rank, place.due.time_since_epoch().count(),
                  place.opened.time_since_epoch().count(), place.id);
  return hex(reinterpret_cast<const std::uint8_t*>(plain.data()), plain.size());
}

std::optional<QueuePlace> parse_page_mark(std::string_view mark) {
  if (mark.empty() || mark.size() > kMaxMarkBytes) return std::nullopt;
  const std::optional<std::string> plain = from_hex(mark);
  if (!plain) return std::nullopt;
  std::array<std::int64_t, 3> numbers{};
  const char* at = plain->data();
  const char* const end = at + plain->size();
  for (std::int64_t& number : numbers) {
    const auto [rest, error] = std::from_chars(at, end, number);
    if (error != std::errc{} || rest == end || *rest != ':') return std::nullopt;
    at = rest + 1;
  }
  if (numbers[0] < 0 || numbers[0] > 3) return std::nullopt;
  return QueuePlace{-static_cast<int>(numbers[0]), Time(std::chrono::microseconds(numbers[1])),
                    Time(std::chrono::microseconds(numbers[2])), std::string(at, end)};
}

}  // namespace vigie
