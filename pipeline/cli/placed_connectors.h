#pragma once

#include <chrono>
#include <memory>

#include "pipeline/cli/config.h"
#include "pipeline/core/error.h"

namespace prometheus {
class Registry;
}

namespace vigie {

class EventLog;
class Ingest;
class Store;

// The connectors of a config, each run by one node of the installation: over Kafka, by one of the
// nodes whose configs name it; over the embedded log, by this one.
class PlacedConnectors {
 public:
  struct Parts {
    const Config& config;
    EventLog& log;
    Store& store;
    Ingest& ingest;
    prometheus::Registry& registry;
    bool alone = false;  // there are no other nodes
  };
  // The parts outlive it. Invalid when a connector's options are wrong: none runs then.
  static Result<std::unique_ptr<PlacedConnectors>> start(const Parts& parts);
  // Stops them all.
  ~PlacedConnectors();

  // Asks the groups, starts what is ours and stops what is no longer. One thread calls it, again
  // and again; it takes about `wait`. Nothing to do when we are alone. Denied when a group refuses
  // this node for good: ours are stopped then.
  Result<void> step(std::chrono::milliseconds wait);

  void stop();

 private:
  struct Impl;
  explicit PlacedConnectors(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace vigie
