#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "pipeline/alerts/alert_book.h"
#include "pipeline/core/clock.h"
#include "pipeline/log/event_log.h"
#include "pipeline/log/text_retention.h"
#include "state/author_sets.h"
#include "state/authors.h"
#include "state/counters.h"
#include "state/feed.h"
#include "state/queues.h"

namespace prometheus {
class Registry;
}

namespace vigie {

struct ViewOptions {
  // Events each feed keeps for those who come back.
  std::size_t feed_capacity = 10'000;
  // The workers' state is not in this store: `tagged` and `counters` are folded too.
  bool fold_state = false;
  // Texts that are past it are not shown.
  TextRetention texts{};
  // For latencies; empty: none are measured.
  Clock clock;
  // Told of every action once it is folded and committed, from the folding thread. May be empty.
  std::function<void(const ActionOutcome&)> on_action;
};

// Folds what workers committed and holds what is served: queues, counters, texts, alerts and their
// feeds. `step` is called by one thread; the rest by any. What it is given outlives it.
class View {
 public:
  static Result<std::unique_ptr<View>> open(EventLog& log, Store& store,
                                            prometheus::Registry& registry, ViewOptions options);
  ~View();

  // Waits up to `wait` for records, folds and serves them. Returns how many.
  Result<std::size_t> step(std::chrono::milliseconds wait);

  const Queues& queues() const;
  const CounterReader& counters() const;
  const AuthorSetReader& author_sets() const;
  const FirstSeenReader& first_seen() const;
  const AlertBook& alerts() const;
  Feed& social();
  Feed& community();
  Feed& alert_feed();

  // The `tagged` record of a message; empty when it has none, or is hidden.
  Result<std::optional<std::string>> tagged(std::string_view key) const;

  // Record time of the newest of what is served.
  Time as_of() const;
  // A worker in this process has come so far.
  void advance(Time stream_time);

 private:
  struct Impl;
  explicit View(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace vigie
