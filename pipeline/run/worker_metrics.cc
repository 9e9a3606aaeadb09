#include "pipeline/run/worker_metrics.h"

#include <string>
#include <utility>

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

namespace vigie {
namespace {

prometheus::Counter& counter(prometheus::Registry& registry, const char* metric, const char* help) {
  return prometheus::BuildCounter().Name(metric).Help(help).Register(registry).Add({});
}

}  // namespace

WorkerLag::WorkerLag(prometheus::Family<prometheus::Gauge>& family, std::string worker)
    : family_(family), worker_(std::move(worker)) {}

WorkerLag::~WorkerLag() {
  tell({});
}

void WorkerLag::tell(const std::map<Partition, Offset>& lags) {
  std::erase_if(gauges_, [&](const auto& gauge) {
    if (lags.contains(gauge.first)) return false;
    family_.Remove(gauge.second);
    return true;
  });
  for (const auto& [partition, lag] : lags) {
    prometheus::Gauge*& gauge = gauges_[partition];
    if (gauge == nullptr) {
      gauge = &family_.Add({{"partition", std::to_string(number(partition))}, {"worker", worker_}});
    }
    gauge->Set(static_cast<double>(lag));
  }
}

WorkerMetrics::WorkerMetrics(prometheus::Registry& registry, std::string worker)
    : ops(prometheus::BuildCounter()
              .Name("vigie_worker_mentions_total")
              .Help("Records applied, by op")
              .Register(registry)),
      duplicates(counter(registry, "vigie_duplicates_total", "Same version and content again")),
      stale(counter(registry, "vigie_stale_total", "Older versions that were ignored")),
      late(counter(registry, "vigie_late_total", "Too far behind record time for any bucket")),
      clamped(counter(registry, "vigie_clamped_total",
                      "Messages dated ahead of their receipt, counted at their receipt")),
      uncounted(counter(registry, "vigie_uncounted_ids_total",
                        "Hashtags, links, places and ambassadors beyond what one message may "
                        "bring, and repeated ones")),
      ignored(counter(registry, "vigie_ignored_total",
                      "Ops on deleted messages and engagement of unknown ones")),
      dead(counter(registry, "vigie_worker_deadletters_total", "Log records that are no mention")),
      tags(prometheus::BuildCounter()
               .Name("vigie_tags_total")
               .Help("Tags given, by rule")
               .Register(registry)),
      routed(prometheus::BuildCounter()
                 .Name("vigie_routed_total")
                 .Help("Messages routed to a queue")
                 .Register(registry)),
      lag(prometheus::BuildGauge()
              .Name("vigie_worker_lag_records")
              .Help("Records logged and not yet committed, of the partitions that are here")
              .Register(registry),
          std::move(worker)),
      looked(prometheus::BuildGauge()
                 .Name("vigie_worker_looked_timestamp_seconds")
                 .Help("When the log was last asked for more; the lag is as of then")
                 .Register(registry)
                 .Add({})),
      commit_seconds(
          prometheus::BuildHistogram()
              .Name("vigie_worker_commit_seconds")
              .Help("From the first record of a batch to its commit")
              .Register(registry)
              .Add({}, prometheus::Histogram::BucketBoundaries{.001, .0025, .005, .01, .025, .05,
                                                               .1, .25, .5, 1, 2.5, 5})) {}

void WorkerMetrics::add(const ApplyCounts& counts) {
  for (const auto& [op, n] : counts.ops) {
    ops.Add({{"op", std::string(name(op))}}).Increment(static_cast<double>(n));
  }
  duplicates.Increment(static_cast<double>(counts.duplicates));
  stale.Increment(static_cast<double>(counts.stale));
  late.Increment(static_cast<double>(counts.late));
  clamped.Increment(static_cast<double>(counts.clamped));
  uncounted.Increment(static_cast<double>(counts.uncounted));
  ignored.Increment(static_cast<double>(counts.ignored));
  for (const auto& [label, n] : counts.tags) {
    const std::size_t colon = label.find(':');
    tags.Add({{"kind", label.substr(0, colon)}, {"id", label.substr(colon + 1)}})
        .Increment(static_cast<double>(n));
  }
  for (const auto& [where, n] : counts.routed) {
    routed.Add({{"queue", where.first}, {"priority", where.second}})
        .Increment(static_cast<double>(n));
  }
}

}  // namespace vigie
