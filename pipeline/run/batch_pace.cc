#include "pipeline/run/batch_pace.h"

#include <algorithm>

namespace vigie {
namespace {

// So few are polled at least, however long they take: one that is slow says little of the next.
constexpr std::size_t kLeast = 50;

}  // namespace

BatchPace::BatchPace(std::size_t most, std::optional<std::chrono::milliseconds> longest)
    : most_(most), longest_(longest) {}

std::size_t BatchPace::wanted() const {
  if (!fitting_) return most_;
  return std::min(most_, std::max(*fitting_, kLeast));
}

bool BatchPace::is_over(Duration took, std::size_t done, std::size_t left) const {
  if (!longest_ || took < *longest_) return false;
  const bool is_short = 4 * left <= done && 2 * took < 3 * *longest_;
  return !is_short;
}

void BatchPace::learn(Duration took, std::size_t done, std::size_t left) {
  // Nothing is learned from a batch that was small because there was no more.
  if (!longest_ || (left == 0 && done < wanted())) return;
  const double share = std::chrono::duration<double>(*longest_) / std::max(took, Duration{1});
  const auto fits = static_cast<std::size_t>(
      std::min(share * static_cast<double>(done), static_cast<double>(most_)));
  // A batch that was held up, by a flush of the store, say, does not make the next ones small.
  fitting_ = fitting_ ? (3 * *fitting_ + fits) / 4 : fits;
}

}  // namespace vigie
