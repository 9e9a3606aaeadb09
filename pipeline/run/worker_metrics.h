#pragma once

#include <map>
#include <string>

#include "pipeline/core/ids.h"
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

// How far a worker is behind in each partition that it has; of one that it no longer has nothing is
// told. The name tells it from the workers beside it: a partition goes from one to another, and
// each takes away what it told itself.
class WorkerLag {
 public:
  // The family outlives it.
  WorkerLag(prometheus::Family<prometheus::Gauge>& family, std::string worker);
  ~WorkerLag();
  WorkerLag(const WorkerLag&) = delete;
  WorkerLag& operator=(const WorkerLag&) = delete;

  // Of all partitions that it has now.
  void tell(const std::map<Partition, Offset>& lags);

 private:
  prometheus::Family<prometheus::Gauge>& family_;
  const std::string worker_;
  std::map<Partition, prometheus::Gauge*> gauges_;
};

// What a worker tells of itself. The registry outlives it.
struct WorkerMetrics {
  WorkerMetrics(prometheus::Registry& registry, std::string worker);
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
  WorkerLag lag;
  prometheus::Gauge& looked;
  prometheus::Histogram& commit_seconds;
};

}  // namespace vigie
