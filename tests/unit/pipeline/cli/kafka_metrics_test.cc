#include "pipeline/cli/kafka_metrics.h"

#include <gtest/gtest.h>
#include <prometheus/registry.h>

#include "tests/fakes/metric.h"

namespace vigie {
namespace {

TEST(KafkaMetrics, WhatIsLeftOfTheChangelogIsThatOfAllWorkers) {
  prometheus::Registry registry;
  const KafkaObserver observer = kafka_metrics(registry);
  const auto left = [&] { return metric(registry, "vigie_kafka_changelog_left_records"); };

  observer.restoring(100, 900);
  observer.restoring(10, 90);
  EXPECT_EQ(left(), 990);
  observer.restoring(90, -90);
  EXPECT_EQ(left(), 900);
  observer.restoring(0, -900);

  EXPECT_EQ(left(), 0);
  EXPECT_EQ(metric(registry, "vigie_kafka_changelog_records_total"), 200);
}

}  // namespace
}  // namespace vigie
