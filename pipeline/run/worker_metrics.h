#pragma once

#include "pipeline/run/apply.h"

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
class Registry;
template <typename T>
class Family;
}  // namespace prometheus

namespace vigie {

// What a worker tells of itself. The registry outlives it.
struct WorkerMetrics {
  explicit WorkerMetrics(prometheus::Registry& registry);
  void add(const ApplyCounts& counts);

  prometheus::Family<prometheus::Counter>& ops;
  prometheus::Counter& duplicates;
  prometheus::Counter& stale;
  prometheus::Counter& late;
  prometheus::Counter& clamped;
  prometheus::Counter& uncounted;
  prometheus::Counter& ignored;
  prometheus::Counter& dead;
  prometheus::Family<prometheus::Counter>& tags;
  prometheus::Family<prometheus::Counter>& routed;
  prometheus::Family<prometheus::Gauge>& lag;
  prometheus::Gauge& looked;
  prometheus::Histogram& commit_seconds;
};

}  // namespace vigie
