#include "pipeline/api/metrics.h"

#include <string>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

namespace vigie {
namespace {

constexpr std::array<const char*, kRejectedReasons> kReasons = {
    "connections", "stream_clients", "slow_client", "timeout",
    "malformed",   "unauthorized",   "bodies"};

const prometheus::Histogram::BucketBoundaries& buckets() {
  static const prometheus::Histogram::BucketBoundaries kBuckets = {
      0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10};
  return kBuckets;
}

}  // namespace

ApiMetrics::ApiMetrics(prometheus::Registry& registry)
    : requests_(prometheus::BuildCounter()
                    .Name("vigie_api_requests_total")
                    .Help("HTTP requests answered")
                    .Register(registry)),
      seconds_(prometheus::BuildHistogram()
                   .Name("vigie_api_request_seconds")
                   .Help("Time from a request's header to the end of its answer; streams: to "
                         "their start")
                   .Register(registry)),
      stream_clients_(prometheus::BuildGauge()
                          .Name("vigie_api_stream_clients")
                          .Help("Clients that follow a stream")
                          .Register(registry)
                          .Add({})) {
  auto& family = prometheus::BuildCounter()
                     .Name("vigie_api_rejected_total")
                     .Help("Connections, requests and streams that were refused or cut")
                     .Register(registry);
  for (std::size_t i = 0; i < kRejectedReasons; ++i) {
    rejected_[i] = &family.Add({{"reason", kReasons[i]}});
  }
}

void ApiMetrics::request(std::string_view route, unsigned status,
                         std::chrono::duration<double> took) {
  requests_.Add({{"route", std::string(route)}, {"code", std::to_string(status)}}).Increment();
  seconds_.Add({{"route", std::string(route)}}, buckets()).Observe(took.count());
}

void ApiMetrics::rejected(Rejected reason) {
  rejected_[static_cast<std::size_t>(reason)]->Increment();
}

void ApiMetrics::stream_clients(std::int64_t change) {
  stream_clients_.Increment(static_cast<double>(change));
}

}  // namespace vigie
