#include "pipeline/core/log_limit.h"

#include <utility>

namespace vigie {
namespace {

constexpr std::chrono::minutes kEvery{1};
// Of different lines; where each is another, the oldest are forgotten.
constexpr std::size_t kLines = 16;

}  // namespace

std::uint64_t LogLimit::times(const std::string& line, std::chrono::steady_clock::time_point now) {
  const auto found = told_.find(line);
  if (found != told_.end()) {
    Told& told = found->second;
    ++told.since;
    if (now - told.at < kEvery) return 0;
    told.at = now;
    return std::exchange(told.since, 0);
  }
  if (told_.size() == kLines) {
    auto oldest = told_.begin();
    for (auto it = told_.begin(); it != told_.end(); ++it) {
      if (it->second.at < oldest->second.at) oldest = it;
    }
    told_.erase(oldest);
  }
  told_[line].at = now;
  return 1;
}

}  // namespace vigie
