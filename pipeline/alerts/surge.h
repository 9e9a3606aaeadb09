#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/alerts/alert.h"
#include "pipeline/core/clock.h"
#include "pipeline/core/error.h"
#include "state/cut.h"

namespace vigie {

struct SurgeOptions {
  bool enabled = true;                   // off: values are kept, nothing fires, what fires ends
  std::chrono::minutes window{5};        // 1 to 60
  std::int64_t floor = 10;               // fewer mentions in a window never fire
  std::int64_t min_authors = 5;          // above Cut::kAuthors it counts as that many
  double ratio = 2.0;                    // count over baseline
  double z = 4.0;                        // fires at or above it
  double clear_z = 1.5;                  // calm below it
  std::chrono::minutes clear_after{10};  // calm this long resolves
  std::chrono::minutes cooldown{30};     // after it resolved, a series does not fire
  std::chrono::minutes min_history{24 * 60};
  std::chrono::minutes max_firing{24 * 60};  // after that it is the new normal
  std::size_t max_series = 100'000;
  friend bool operator==(const SurgeOptions&, const SurgeOptions&) = default;
};

// P(X >= x) of a Poisson variable with mean `m`, to a relative 1e-9 also where it is far below
// 1e-16 (at counts of a million and more, to fewer digits).
double poisson_tail(std::int64_t x, double m);
// 2 (sqrt(x + 3/8) - sqrt(m + 3/8))
double anscombe_z(std::int64_t x, double m);

// Finds series whose mentions rise well above their own baseline. A fold over the cuts of every
// partition: no clock, no thread, no I/O. A minute is judged once, when every partition has passed
// it, from the values each had as of its first cut at or after that minute; so any interleaving of
// the partitions' cuts gives the same alerts in the same order (by minute, then dimension name,
// then id). One thread.
class SurgeDetector {
 public:
  struct Stats {
    std::uint64_t judged = 0;  // minutes
    std::uint64_t fired = 0;
    std::uint64_t resolved = 0;
    std::uint64_t cooled = 0;          // would have fired but for the cool-down
    std::uint64_t refused_series = 0;  // values left out because `max_series` are known
    std::uint64_t merged_cuts = 0;     // cuts joined because another partition is far behind
    std::uint64_t ignored_cuts = 0;    // of no such partition, or read before
  };

  // `partitions` is the number of partitions of `mentions`, at least 1.
  SurgeDetector(const SurgeOptions& options, std::int32_t partitions);
  ~SurgeDetector();
  SurgeDetector(SurgeDetector&&) noexcept;
  SurgeDetector& operator=(SurgeDetector&&) noexcept;

  // What this cut makes fire or resolve, each with its state. Cuts of one partition come in their
  // order; a cut that is not newer than the one before is ignored unless it is whole.
  std::vector<Alert> fold(const Cut& cut);

  // The last minute judged; the minute before the first one when none was.
  Minute judged() const;
  std::size_t series() const;
  Stats stats() const;  // since this object was made

  // All it remembers. A detector loaded from that goes on exactly as this one would.
  std::string save() const;
  // Corrupt when the bytes are no such state, Invalid when it is of another number of partitions.
  static Result<SurgeDetector> load(std::string_view bytes, const SurgeOptions& options,
                                    std::int32_t partitions);

 private:
  struct Impl;
  explicit SurgeDetector(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace vigie
