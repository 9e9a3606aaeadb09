#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

#include "pipeline/core/clock.h"
#include "state/queues.h"

namespace vigie {

// 0 (low) to 3 (urgent); of a text that is no priority -1, which no route has.
int priority_rank(std::string_view priority);
// The opposite; "normal" for what is no rank.
std::string_view priority_of_rank(int rank);

// Where an item stands in a list: by priority, then by deadline (none is last), then by age.
struct QueuePlace {
  int rank = 0;  // negated, so that urgent comes first
  Time due{};
  Time opened{};
  std::string id;
  friend auto operator<=>(const QueuePlace&, const QueuePlace&) = default;
};
QueuePlace place_of(const QueueItem& item);

// A page mark is the place of the page's last item, so it holds while other items come and go.
std::string page_mark(const QueuePlace& place);
std::optional<QueuePlace> parse_page_mark(std::string_view mark);

}  // namespace vigie
