#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "connectors/connector.h"
#include "pipeline/run/ingest.h"

namespace prometheus {
class Registry;
}

namespace vigie {

struct RunnerOptions {
  std::string name;
  IngestOptions ingest;
  std::optional<double> rate;                      // mentions a second; empty: no limit
  std::optional<std::chrono::milliseconds> stall;  // in place of the connector's own deadline
  std::chrono::milliseconds first_backoff{500};
  std::chrono::milliseconds longest_backoff{60'000};
  // A line for the operator; called from the runner's thread.
  std::function<void(std::string_view)> say;
};

// Runs one connector in a thread of its own: opens it at the saved cursor, logs what it brings,
// saves the cursor with it, and starts again after a failure, with a back-off that doubles and is
// jittered. A connector that is refused (Denied) or misconfigured (Invalid) is tried again only
// once in the longest back-off. What it is given outlives it; the destructor stops it, and takes
// its gauges back.
class ConnectorRunner {
 public:
  ConnectorRunner(std::unique_ptr<Connector> connector, Ingest& ingest,
                  prometheus::Registry& registry, RunnerOptions options);
  ~ConnectorRunner();

  // Asks the thread to end after what it is logging now, and waits for that.
  void stop();

  // The source has ended and everything it brought is durable.
  bool finished() const;
  // Connected, and heard of within the deadline.
  bool up() const;
  // Why it is not up; empty when it is.
  std::string trouble() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace vigie
