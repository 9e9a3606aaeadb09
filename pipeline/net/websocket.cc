#include "pipeline/net/websocket.h"

#include <algorithm>
#include <charconv>
#include <tuple>
#include <variant>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <fmt/format.h>

#include "pipeline/net/address.h"
#include "pipeline/net/url.h"

namespace vigie {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
namespace websocket = boost::beast::websocket;
using asio::ip::tcp;
using boost::system::error_code;
using Steady = std::chrono::steady_clock;

using Plain = websocket::stream<tcp::socket>;
using Secure = websocket::stream<asio::ssl::stream<tcp::socket>>;

constexpr std::size_t kChunk = std::size_t{64} * 1024;
// A message is read to its end even when it is too long, so that one such message does not cut the
// connection each time it is sent again; past this multiple of `max_frame` it is an attack.
constexpr std::size_t kLongestMessage = 64;
constexpr std::size_t kRefusalBody = std::size_t{4} * 1024;

std::chrono::seconds retry_after(const websocket::response_type& response) {
  const auto value = response[http::field::retry_after];
  std::uint32_t seconds = 0;
  const auto [end, code] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (code != std::errc{} || end != value.data() + value.size()) return std::chrono::seconds{0};
  return std::chrono::seconds{seconds};
}

}  // namespace

struct WebSocket::Impl {
  Impl(Url to, WebSocketOptions with) : url(std::move(to)), options(std::move(with)) {}

  Result<void> dial(const std::stop_token& stop);
  Result<tcp::socket> connect_tcp(Steady::time_point deadline, const std::stop_token& stop);
  Result<void> start_tls(tcp::socket socket, Steady::time_point deadline,
                         const std::stop_token& stop);
  Result<std::optional<HttpRefusal>> upgrade(const std::stop_token& stop);
  void configure();

  void start_read();
  void on_read(error_code code, std::size_t size);
  void beat(Steady::time_point now);
  Frame take();

  // Runs handlers until `done` holds, the deadline passes or a stop is requested.
  template <class Done>
  bool run(Done done, Steady::time_point deadline, const std::stop_token& stop);
  // Starts one operation and waits for it. One that is not over by the deadline is abandoned: its
  // handler never runs, because the caller gives the whole connection up.
  template <class Start>
  Result<void> await(std::string_view doing, Start start, Steady::time_point deadline,
                     const std::stop_token& stop);
  std::unexpected<Error> unavailable(std::string_view doing, std::string_view why) const {
    return fail(Code::Unavailable, fmt::format("{}: {}: {}", url.authority(), doing, why));
  }

  Url url;
  WebSocketOptions options;
  // First, so that it is destroyed last: sockets and pending handlers live in it.
  asio::io_context context;
  asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
  asio::ssl::context tls{asio::ssl::context::tls_client};
  std::variant<std::monostate, Plain, Secure> stream;

  std::string chunk = std::string(kChunk, '\0');
  Frame frame;
  bool reading = false;
  bool whole = false;
  std::optional<Error> failure;

  bool pinging = false;
  Steady::time_point pinged;  // when the last ping was sent
  Steady::time_point heard;
};

template <class Done>
bool WebSocket::Impl::run(Done done, Steady::time_point deadline, const std::stop_token& stop) {
  const std::stop_callback wake(stop, [this] { asio::post(context, [] {}); });
  while (!done()) {
    if (stop.stop_requested() || Steady::now() >= deadline) return false;
    context.run_one_until(deadline);
  }
  return true;
}

template <class Start>
Result<void> WebSocket::Impl::await(std::string_view doing, Start start,
                                    Steady::time_point deadline, const std::stop_token& stop) {
  // Shared with the handler, which may be destroyed long after this call has given up.
  struct Outcome {
    bool over = false;
    error_code code;
  };
  const auto outcome = std::make_shared<Outcome>();
  start([outcome](error_code code) {
    outcome->over = true;
    outcome->code = code;
  });
  if (!run([&] { return outcome->over; }, deadline, stop)) {
    if (stop.stop_requested()) return fail(Code::Closed, "stopped while connecting");
    return unavailable(doing, "timed out");
  }
  if (outcome->code) return unavailable(doing, outcome->code.message());
  return {};
}

Result<tcp::socket> WebSocket::Impl::connect_tcp(Steady::time_point deadline,
                                                 const std::stop_token& stop) {
  tcp::resolver resolver(context);
  tcp::resolver::results_type found;
  const auto looked_up = await(
      "looking up",
      [&](const auto& done) {
        resolver.async_resolve(
            url.host, fmt::format("{}", url.port),
            [&found, done](error_code code, const tcp::resolver::results_type& results) {
              if (!code) found = results;
              done(code);
            });
      },
      deadline, stop);
  if (!looked_up) return std::unexpected(looked_up.error());

  const AddressPolicy policy(options.allow_private);
  Error last{Code::Unavailable, fmt::format("{}: no address", url.authority())};
  auto left = static_cast<std::ptrdiff_t>(found.size());
  for (const auto& entry : found) {
    // An address that does not answer leaves the others their share of the time.
    const auto now = Steady::now();
    const auto until = now + (deadline - now) / left--;
    const std::string address = entry.endpoint().address().to_string();
    if (!policy.allows(url.host, address)) {
      last = Error{is_ip_address(url.host) ? Code::Invalid : Code::Unavailable,
                   fmt::format("{}: address {} is not public; allow_private can name the host",
                               url.authority(), address)};
      continue;
    }
    tcp::socket socket(context);
    auto connected = await(
        "connecting to " + address,
        [&](auto done) { socket.async_connect(entry.endpoint(), std::move(done)); }, until, stop);
    if (connected) return socket;
    last = std::move(connected.error());
    if (last.code == Code::Closed) break;
  }
  return std::unexpected(std::move(last));
}

Result<void> WebSocket::Impl::start_tls(tcp::socket socket, Steady::time_point deadline,
                                        const std::stop_token& stop) {
  error_code code;
  if (tls.set_default_verify_paths(code)) {
    return unavailable("the system's certificate authorities", code.message());
  }
  if (!options.ca_file.empty() && tls.load_verify_file(options.ca_file, code)) {
    return fail(Code::Invalid, fmt::format("ca_file {}: {}", options.ca_file, code.message()));
  }
  SSL_CTX_set_min_proto_version(tls.native_handle(), TLS1_2_VERSION);
  auto& secure = stream.emplace<Secure>(std::move(socket), tls);
  auto& layer = secure.next_layer();
  if (layer.set_verify_mode(asio::ssl::verify_peer, code) ||
      layer.set_verify_callback(asio::ssl::host_name_verification(url.host), code)) {
    return unavailable("TLS", code.message());
  }
  // SNI is for names only.
  if (!is_ip_address(url.host)) SSL_set_tlsext_host_name(layer.native_handle(), url.host.c_str());
  return await(
      "TLS handshake",
      [&](auto done) { layer.async_handshake(asio::ssl::stream_base::client, std::move(done)); },
      deadline, stop);
}

Result<void> WebSocket::Impl::dial(const std::stop_token& stop) {
  const auto deadline = Steady::now() + options.connect_timeout;
  auto socket = connect_tcp(deadline, stop);
  if (!socket) return std::unexpected(socket.error());
  error_code unsupported;
  // The network's own keep-alive finds a dead peer while nobody calls read.
  std::ignore = socket->set_option(asio::socket_base::keep_alive(true), unsupported);
  if (url.secure()) return start_tls(*std::move(socket), deadline, stop);
  stream.emplace<Plain>(*std::move(socket));
  return {};
}

void WebSocket::Impl::configure() {
  const auto decorate = [protocol = options.subprotocol](websocket::request_type& request) {
    request.set(http::field::user_agent, "vigie");
    if (!protocol.empty()) request.set(http::field::sec_websocket_protocol, protocol);
  };
  const auto set = [&](auto& socket) {
    socket.set_option(websocket::stream_base::decorator(decorate));
    socket.read_message_max(options.max_frame * kLongestMessage);
    socket.control_callback(
        [this](websocket::frame_type, boost::beast::string_view) { heard = Steady::now(); });
  };
  if (auto* plain = std::get_if<Plain>(&stream)) set(*plain);
  if (auto* secure = std::get_if<Secure>(&stream)) set(*secure);
}

Result<std::optional<HttpRefusal>> WebSocket::Impl::upgrade(const std::stop_token& stop) {
  configure();
  struct Answer {
    bool over = false;
    error_code code;
    websocket::response_type response;
  };
  const auto answer = std::make_shared<Answer>();
  const auto start = [&](auto& socket) {
    socket.async_handshake(answer->response, url.authority(), url.target,
                           [answer](error_code code) {
                             answer->over = true;
                             answer->code = code;
                           });
  };
  if (auto* plain = std::get_if<Plain>(&stream)) start(*plain);
  if (auto* secure = std::get_if<Secure>(&stream)) start(*secure);
  if (!run([&] { return answer->over; }, Steady::now() + options.handshake_timeout, stop)) {
    if (stop.stop_requested()) return fail(Code::Closed, "stopped while connecting");
    return unavailable("upgrade", "timed out");
  }
  if (answer->code == websocket::error::upgrade_declined) {
    HttpRefusal refusal;
    refusal.status = answer->response.result_int();
    refusal.body = answer->response.body().substr(0, kRefusalBody);
    refusal.retry_after = retry_after(answer->response);
    return refusal;
  }
  if (answer->code) return unavailable("upgrade", answer->code.message());
  heard = pinged = Steady::now();
  return std::nullopt;
}

void WebSocket::Impl::start_read() {
  reading = true;
  const auto start = [this](auto& socket) {
    socket.async_read_some(asio::buffer(chunk),
                           [this](error_code code, std::size_t size) { on_read(code, size); });
  };
  if (auto* plain = std::get_if<Plain>(&stream)) start(*plain);
  if (auto* secure = std::get_if<Secure>(&stream)) start(*secure);
}

void WebSocket::Impl::on_read(error_code code, std::size_t size) {
  reading = false;
  heard = Steady::now();
  const auto look = [&](auto& socket) {
    if (code == websocket::error::closed) {
      const auto& reason = socket.reason();
      const auto text = reason.reason.empty() ? "" : fmt::format(" ({})", reason.reason.c_str());
      failure = unavailable("read", fmt::format("closed by the peer with {}{}",
                                                static_cast<unsigned>(reason.code), text))
                    .error();
      return;
    }
    if (code) {
      failure = unavailable("read", code.message()).error();
      return;
    }
    const std::size_t room = options.max_frame - std::min(options.max_frame, frame.data.size());
    frame.data.append(chunk, 0, std::min(size, room));
    frame.size += size;
    whole = socket.is_message_done();
    frame.binary = socket.got_binary();
  };
  if (auto* plain = std::get_if<Plain>(&stream)) look(*plain);
  if (auto* secure = std::get_if<Secure>(&stream)) look(*secure);
  if (!whole && !failure) start_read();
}

// Sends a ping when one is due and finds that the peer is dead. Bytes of any kind that came after
// the ping are as good as its pong, which may wait behind them.
void WebSocket::Impl::beat(Steady::time_point now) {
  const bool waiting = pinging || heard < pinged;
  if (waiting && now >= pinged + options.pong_timeout) {
    failure = unavailable("read", "no answer to a ping").error();
    return;
  }
  if (pinging || now < pinged + options.ping_every) return;
  pinging = true;
  pinged = now;
  const auto start = [this](auto& socket) {
    // A write that fails shows as a failed read, too.
    socket.async_ping({}, [this](error_code) { pinging = false; });
  };
  if (auto* plain = std::get_if<Plain>(&stream)) start(*plain);
  if (auto* secure = std::get_if<Secure>(&stream)) start(*secure);
}

Frame WebSocket::Impl::take() {
  whole = false;
  Frame out = std::move(frame);
  frame = {};
  return out;
}

Result<WebSocket::Connected> WebSocket::connect(std::string_view url,
                                                const WebSocketOptions& options,
                                                const std::stop_token& stop) {
  auto parsed = parse_url(url);
  if (!parsed) return std::unexpected(parsed.error());
  if (parsed->scheme != "ws" && parsed->scheme != "wss") {
    return fail(Code::Invalid, fmt::format("URL \"{}\": expected the scheme ws or wss", url));
  }
  auto impl = std::make_unique<Impl>(*std::move(parsed), options);
  if (auto dialled = impl->dial(stop); !dialled) return std::unexpected(dialled.error());
  auto refused = impl->upgrade(stop);
  if (!refused) return std::unexpected(refused.error());
  if (*refused) return Connected(**std::move(refused));
  return Connected(WebSocket(std::move(impl)));
}

Result<std::optional<Frame>> WebSocket::read(std::chrono::milliseconds wait,
                                             const std::stop_token& stop) {
  Impl& it = *impl_;
  const auto end = Steady::now() + wait;
  const std::stop_callback wake(stop, [&it] { asio::post(it.context, [] {}); });
  for (;;) {
    if (!it.reading && !it.whole && !it.failure) it.start_read();
    // What has arrived is taken before the clock is asked: after a pause of the caller, the pong
    // may be there already.
    while (!it.whole && !it.failure && it.context.poll_one() > 0) {
    }
    if (it.whole) return it.take();
    if (it.failure) return std::unexpected(*it.failure);
    if (stop.stop_requested()) return fail(Code::Closed, "stopped while reading");
    const auto now = Steady::now();
    if (now >= end) return std::nullopt;
    it.beat(now);
    if (it.failure) continue;
    const bool waiting = it.pinging || it.heard < it.pinged;
    const auto due = it.pinged + (waiting ? it.options.pong_timeout : it.options.ping_every);
    it.context.run_one_until(std::min(end, due));
  }
}

std::chrono::steady_clock::time_point WebSocket::last_heard() const {
  return impl_->heard;
}

WebSocket::WebSocket(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
WebSocket::WebSocket(WebSocket&&) noexcept = default;
WebSocket& WebSocket::operator=(WebSocket&&) noexcept = default;
WebSocket::~WebSocket() = default;

}  // namespace vigie
