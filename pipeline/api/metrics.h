#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string_view>

namespace prometheus {
class Counter;
class Gauge;
class Registry;
template <class T>
class Family;
class Histogram;
}  // namespace prometheus

namespace vigie {

// Why something was not served.
enum class Rejected : std::uint8_t {
  Connections,    // more than max_connections
  StreamClients,  // more than max_stream_clients
  SlowClient,     // a stream that was not read in time
  Timeout,        // a request that did not come in time
  Malformed,      // no HTTP, or too large
  Unauthorized,   // 401, 403
  Bodies,         // more bodies at once than max_bodies_bytes
};
constexpr std::size_t kRejectedReasons = 7;

// What the server counts of itself. Any thread; the registry outlives it.
class ApiMetrics {
 public:
  explicit ApiMetrics(prometheus::Registry& registry);

  // `route` is a route's name or "none".
  void request(std::string_view route, unsigned status, std::chrono::duration<double> took);
  void rejected(Rejected reason);
  void stream_clients(std::int64_t change);

 private:
  prometheus::Family<prometheus::Counter>& requests_;
  prometheus::Family<prometheus::Histogram>& seconds_;
  prometheus::Gauge& stream_clients_;
  std::array<prometheus::Counter*, kRejectedReasons> rejected_{};
};

}  // namespace vigie
