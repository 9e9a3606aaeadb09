#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>

#include "pipeline/alerts/surge.h"
#include "pipeline/core/error.h"
#include "pipeline/log/event_log.h"

namespace prometheus {
class Registry;
}

namespace vigie {

// Where the detectors keep what they remember, in Space::Meta.
constexpr std::string_view kDetectorState =
    "\x01"
    "a";

// The evaluator of alerts: folds the workers' cuts and writes what its detectors raise, together
// with where it stands. Of several nodes all fold, which gives all of them the same alerts, and one
// writes; another that takes over writes what the topic lacks. One thread; what it is given
// outlives it.
class Alerting {
 public:
  // Whether it is this node that writes now; asked in each step, which an error ends.
  using Turn = std::function<Result<bool>()>;

  // Without `turn` there are no other nodes.
  static Result<std::unique_ptr<Alerting>> open(EventLog& log, Store& store,
                                                prometheus::Registry& registry,
                                                const SurgeOptions& options, Turn turn = {});
  ~Alerting();

  // Waits up to `wait` for records, judges and commits. Returns how many records there were.
  Result<std::size_t> step(std::chrono::milliseconds wait);

  // Commits what the detectors remember now, before it is due.
  Result<void> save();

 private:
  struct Impl;
  explicit Alerting(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace vigie
