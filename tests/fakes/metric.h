#pragma once

#include <string>
#include <string_view>

#include <prometheus/registry.h>

namespace vigie {

// The sum of a counter or gauge, or the number of observations, over all its labels.
inline double metric(const prometheus::Registry& registry, std::string_view name) {
  double sum = 0;
  for (const prometheus::MetricFamily& family : registry.Collect()) {
    if (family.name != name) continue;
    for (const prometheus::ClientMetric& one : family.metric) {
      sum += one.counter.value + one.gauge.value;
      sum += static_cast<double>(one.histogram.sample_count);
    }
  }
  return sum;
}

// How many values it has: one for each set of labels.
inline std::size_t metric_series(const prometheus::Registry& registry, std::string_view name) {
  std::size_t series = 0;
  for (const prometheus::MetricFamily& family : registry.Collect()) {
    if (family.name == name) series += family.metric.size();
  }
  return series;
}

}  // namespace vigie
