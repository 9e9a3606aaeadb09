#include "pipeline/cli/kafka_metrics.h"

#include <string>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

namespace vigie {
namespace {

const prometheus::Histogram::BucketBoundaries kSeconds = {.005, .01, .025, .05, .1, .25,
                                                          .5,   1,   2.5,  5,   10, 30};

prometheus::Counter& counter(prometheus::Registry& registry, const std::string& name,
                             const std::string& help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add({});
}

}  // namespace

KafkaObserver kafka_metrics(prometheus::Registry& registry) {
  auto& seconds = prometheus::BuildHistogram()
                      .Name("vigie_kafka_transaction_seconds")
                      .Help("How long transactions of workers took, from begin to commit")
                      .Register(registry)
                      .Add({}, kSeconds);
  auto& doubted = counter(registry, "vigie_kafka_transactions_doubted_total",
                          "Transactions that failed or were not quick: the producer was replaced "
                          "and the state read up from the changelog");
  auto& dealt = counter(registry, "vigie_kafka_partitions_dealt_total",
                        "Partitions of mentions that came to this node");
  auto& folded = counter(registry, "vigie_kafka_changelog_records_total",
                         "Records of the changelog read to bring state up to date");
  auto& rebuilt = counter(registry, "vigie_kafka_partitions_rebuilt_total",
                          "Partitions whose state on this disk was wrong and folded anew");
  auto& left =
      prometheus::BuildGauge()
          .Name("vigie_kafka_changelog_left_records")
          .Help("About how many are still to be read before all workers of this process work")
          .Register(registry)
          .Add({});
  KafkaObserver out;
  out.committed = [&seconds](std::chrono::milliseconds took) {
    seconds.Observe(std::chrono::duration<double>(took).count());
  };
  out.doubted = [&doubted] { doubted.Increment(); };
  out.dealt = [&dealt](std::size_t partitions) {
    dealt.Increment(static_cast<double>(partitions));
  };
  out.restoring = [&folded, &left](std::uint64_t records, std::int64_t change) {
    folded.Increment(static_cast<double>(records));
    left.Increment(static_cast<double>(change));
  };
  out.rebuilt = [&rebuilt] { rebuilt.Increment(); };
  return out;
}

}  // namespace vigie
