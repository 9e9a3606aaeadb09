#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "pipeline/core/error.h"

namespace vigie {

struct WebSocketOptions {
  std::vector<std::string> allow_private;  // hosts that may be at private addresses
  std::string ca_file;                     // PEM, trusted beside the system's authorities
  std::string subprotocol;                 // asked for when not empty
  std::chrono::milliseconds connect_timeout{10'000};    // DNS, TCP and TLS together
  std::chrono::milliseconds handshake_timeout{10'000};  // the HTTP upgrade
  std::chrono::milliseconds ping_every{20'000};
  std::chrono::milliseconds pong_timeout{20'000};  // silence after a ping that means death
  std::size_t max_frame = std::size_t{4} * 1024 * 1024;
};

// One message. Of a message longer than `max_frame`, `data` holds the beginning only and `size`
// tells the length of all of it.
struct Frame {
  std::string data;
  std::size_t size = 0;
  bool binary = false;
  bool complete() const { return data.size() == size; }
};

// A server that answered the upgrade with something else than 101. `body` is its beginning.
struct HttpRefusal {
  unsigned status = 0;
  std::string body;
  std::chrono::seconds retry_after{0};  // of the header, when it gives seconds
};

// A WebSocket to read from. It has no thread: all of its work, also answering the peer's pings,
// is done inside `read`, so that a caller who does not read makes the peer wait. One thread; only
// stop tokens reach it from others. A DNS look-up under way cannot be cut short.
class WebSocket {
 public:
  using Connected = std::variant<WebSocket, HttpRefusal>;

  // Connects to a ws:// or wss:// URL. For wss the certificate is checked against the host. Every
  // address is checked after DNS; a host that has only private ones and is not allowed by name is
  // Unavailable (Invalid when the URL names the address itself).
  static Result<Connected> connect(std::string_view url, const WebSocketOptions& options,
                                   const std::stop_token& stop);

  WebSocket(WebSocket&&) noexcept;
  WebSocket& operator=(WebSocket&&) noexcept;
  ~WebSocket();

  // The next message, or nothing when none came within `wait`; zero takes what is there already.
  // Fails with Unavailable when the connection is gone, ping and pong included, and with Closed on
  // `stop`; after a failure other than Closed every later call fails alike.
  Result<std::optional<Frame>> read(std::chrono::milliseconds wait, const std::stop_token& stop);

  // When the last byte or control frame of the peer was read.
  std::chrono::steady_clock::time_point last_heard() const;

 private:
  struct Impl;
  explicit WebSocket(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace vigie
