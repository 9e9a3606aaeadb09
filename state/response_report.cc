#include "state/response_report.h"

#include <algorithm>

namespace vigie {

using std::chrono::seconds;

void ResponseReport::add(const QueueItem& item, const WorkHours& hours) {
  if (is_in(item.opened_at) && item.state != ItemState::Withdrawn) {
    ++items_;
    if (item.first_response_at) ++answered_;
  }
  for (const ItemResponse& response : item.responses) {
    if (!is_in(response.at)) continue;
    // An answer whose own clock is behind that of the question took no time.
    const auto taken =
        std::max(std::chrono::floor<seconds>(response.at - response.owed_since), seconds{0});
    const seconds worked = hours.between(response.owed_since, response.at);
    (response.first ? first_ : next_).push_back(taken);
    (response.first ? first_worked_ : next_worked_).push_back(worked);
    if (response.limit == seconds{0}) continue;
    ++(worked <= response.limit ? met_ : missed_);
  }
  for (const ItemClock& clock : item.clocks) {
    // What is owed is owed now, however long it has been.
    const bool owed =
        clock.kind != ItemClock::Kind::Resolution && clock.due && clock.since <= until_;
    if (owed) ++(*clock.due < now_ ? overdue_ : at_risk_);
  }
}

// The smallest that is not below this part of them.
ResponseReport::Times ResponseReport::times(std::vector<seconds> taken) {
  Times out;
  out.responses = taken.size();
  if (taken.empty()) return out;
  std::ranges::sort(taken);
  const auto at = [&](std::size_t percent) {
    return taken[(taken.size() * percent + 99) / 100 - 1];
  };
  out.median = at(50);
  out.p90 = at(90);
  return out;
}

}  // namespace vigie
