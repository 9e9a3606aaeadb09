#pragma once

#include <chrono>
#include <cstddef>
#include <optional>

namespace vigie {

// How many records make one commit: as many as are applied in `longest`, and at most `most`. With
// no `longest` always `most`.
//
// A commit waits for the log as long for a few records as for many. So no more is polled than will
// be committed at once, and a short rest goes along.
class BatchPace {
 public:
  using Duration = std::chrono::steady_clock::duration;
  BatchPace(std::size_t most, std::optional<std::chrono::milliseconds> longest);

  // How many records to poll.
  std::size_t wanted() const;

  // Whether to commit what is `done` of a batch, after it took so long, before what is `left`.
  bool is_over(Duration took, std::size_t done, std::size_t left) const;

  // So many records were applied in that time; `left` were polled with them.
  void learn(Duration took, std::size_t done, std::size_t left);

 private:
  const std::size_t most_;
  const std::optional<std::chrono::milliseconds> longest_;
  std::optional<std::size_t> fitting_;  // as the last batches went; none: not known
};

}  // namespace vigie
