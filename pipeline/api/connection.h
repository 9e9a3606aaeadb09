#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/thread_pool.hpp>

#include "pipeline/api/auth.h"
#include "pipeline/api/idempotency.h"
#include "pipeline/api/metrics.h"
#include "pipeline/api/routes.h"
#include "pipeline/api/server.h"

namespace vigie {

// Bytes of bodies in flight, bounded. Any thread.
class BodyBudget {
 public:
  explicit BodyBudget(std::size_t limit) : limit_(limit) {}
  // An empty budget takes a body of any size, so that none is refused for ever.
  bool take(std::size_t bytes) {
    const std::size_t before = used_.fetch_add(bytes);
    if (before == 0 || before + bytes <= limit_) return true;
    used_.fetch_sub(bytes);
    return false;
  }
  void give_back(std::size_t bytes) { used_.fetch_sub(bytes); }

 private:
  const std::size_t limit_;
  std::atomic<std::size_t> used_{0};
};

// A body's part of the budget, until its answer is made.
class BodyLease {
 public:
  BodyLease(BodyBudget& budget, std::size_t bytes)
      : budget_(budget), bytes_(bytes), taken_(budget.take(bytes)) {}
  ~BodyLease() {
    if (taken_) budget_.give_back(bytes_);
  }
  BodyLease(const BodyLease&) = delete;
  BodyLease& operator=(const BodyLease&) = delete;
  bool taken() const { return taken_; }

 private:
  BodyBudget& budget_;
  const std::size_t bytes_;
  const bool taken_;
};

// What the connections of one server share. They keep a reference, so it goes after they do: the
// pools, then the event loop with what is left of the connections, then the rest.
struct ServerState {
  ServerState(ApiOptions options_in, ApiParts parts_in, std::vector<WebhookSecret> secrets);

  const ApiOptions options;
  const ApiParts parts;
  const std::optional<WebhookVerifier> webhooks;
  std::mutex backtest;
  IdempotencyMemory idempotency{10'000, std::size_t{16} << 20};
  const Service service;
  const Authenticator authenticator;
  ApiMetrics metrics;
  std::optional<boost::asio::ssl::context> tls;
  std::atomic<std::size_t> stream_clients{0};
  BodyBudget bodies{options.max_bodies_bytes};
  BodyBudget signed_bodies{options.max_signed_bodies_bytes};
  std::atomic<bool> stopping{false};

  std::mutex mutex;
  std::condition_variable gone;                         // a connection ended
  std::map<std::uint64_t, std::function<void()>> live;  // ends idle ones; guarded by mutex
  std::uint64_t next_connection = 0;                    // guarded by mutex
  std::size_t turned_away = 0;                          // being told so; guarded by mutex

  boost::asio::io_context io;
  boost::asio::thread_pool readers{3};
  boost::asio::thread_pool writers{3};
  boost::asio::thread_pool actors{3};
};

// Serves an accepted connection until it ends.
void serve_connection(ServerState& server, boost::asio::ip::tcp::socket socket);

// Says 503 to a connection that is one too many and closes it; with TLS it is only closed.
void turn_away(ServerState& server, boost::asio::ip::tcp::socket socket);

}  // namespace vigie
