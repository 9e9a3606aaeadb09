#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/connector.h"
#include "pipeline/core/clock.h"
#include "pipeline/log/event_log.h"
#include "pipeline/run/rules_source.h"

namespace prometheus {
class Registry;
}

namespace vigie {

class RuleCostBoard;

struct IngestOptions {
  bool detect_lang = true;
  // Only what the rules may want reaches the log; see `keep` in the config.
  bool keep_matched = false;
  // A mention brings its own `seen_at`; one without gets the later of the previous one and its
  // `created_at`. Otherwise ingest stamps its receipt.
  bool time_from_input = false;
};

// The door to the log: stamps each mention's receipt, finds its language, drops what no rule wants,
// and logs it together with its connector's cursor. Any thread; what it is given outlives it.
class Ingest {
 public:
  // `rules` may be null when no source keeps matched mentions only. `record_clock` gives record
  // time. `costs` is told what the rules cost here; null: nobody is.
  Ingest(EventLog& log, const RulesSource* rules, RecordClock record_clock,
         prometheus::Registry& registry, RuleCostBoard* costs = nullptr);
  // `told` hears of each erasure once it is durable. Before anything is accepted.
  void on_erasure(std::function<void(const Mention&)> told);
  ~Ingest();

  // Asked before anything is taken in, and before a tick: an error refuses it. Set before the first
  // call of another member.
  void guard(std::function<std::optional<Error>()> refusal);

  struct Outcome {
    std::size_t logged = 0;
    std::size_t dropped = 0;
    std::size_t dead_lettered = 0;
  };
  // Returns once everything is durable: mentions and dead letters, then the cursor (where it is not
  // empty). After a failure nothing is said of how much was written; sending the same again is
  // safe.
  Result<Outcome> accept(std::string_view connector, std::vector<Item> items,
                         const std::string& cursor, const IngestOptions& options);

  // Makes the metrics of a connector exist at zero, so that its first drop shows as an increase.
  void announce(std::string_view connector);

  // The saved cursor of a connector; empty when it has none. Stamps of a source that brings its own
  // time go on from what was saved with it.
  Result<std::string> cursor(std::string_view connector);

  // Writes a tick into each partition that has had no record for `idle`, so that stream time moves
  // on.
  Result<void> tick(std::chrono::milliseconds idle);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace vigie
