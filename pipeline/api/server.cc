#include "pipeline/api/server.h"

#include <chrono>
#include <exception>
#include <thread>
#include <tuple>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>
#include <openssl/ssl.h>

#include "pipeline/api/connection.h"

namespace vigie {
namespace {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;

constexpr auto kToken = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::seconds kGrace{5};
constexpr std::chrono::milliseconds kAcceptPause{100};

Result<asio::ip::address> parse_address(const std::string& text) {
  boost::system::error_code error;
  asio::ip::address address =
      asio::ip::make_address(text == "localhost" ? "127.0.0.1" : text, error);
  if (error) return fail(Code::Invalid, "api: address: expected an IP address: " + text);
  return address;
}

Result<void> check(const ApiOptions& options, const asio::ip::address& address) {
  const bool tls = !options.tls_certificate_file.empty();
  if (tls == options.tls_key_file.empty()) {
    return fail(Code::Invalid, "api: a TLS certificate and its key come together");
  }
  if (options.tokens.empty() && options.behind_proxy) {
    return fail(Code::Invalid, "api: a proxy leads everybody here: tokens are needed");
  }
  if (!address.is_loopback()) {
    if (options.tokens.empty()) {
      return fail(Code::Invalid,
                  "api: " + options.address + " is beyond loopback: tokens are needed");
    }
    if (!tls && !options.behind_proxy) {
      return fail(Code::Invalid,
                  "api: " + options.address + " is beyond loopback: TLS or behind_proxy is needed");
    }
  }
  return Authenticator::check(options.tokens);
}

Result<asio::ssl::context> make_tls(const ApiOptions& options) {
  asio::ssl::context context(asio::ssl::context::tls_server);
  SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
  boost::system::error_code error;
  std::ignore = context.use_certificate_chain_file(options.tls_certificate_file, error);
  if (error) {
    return fail(Code::Invalid,
                "api: certificate " + options.tls_certificate_file + ": " + error.message());
  }
  std::ignore = context.use_private_key_file(options.tls_key_file, asio::ssl::context::pem, error);
  if (error) {
    return fail(Code::Invalid, "api: key " + options.tls_key_file + ": " + error.message());
  }
  if (SSL_CTX_check_private_key(context.native_handle()) != 1) {
    return fail(Code::Invalid, "api: the key does not belong to the certificate");
  }
  return context;
}

Result<tcp::acceptor> listen(asio::io_context& io, const asio::ip::address& address,
                             std::uint16_t port) {
  const tcp::endpoint endpoint(address, port);
  // On a strand of its own: whoever stops the server closes it while it waits for the next client.
  tcp::acceptor acceptor(asio::make_strand(io));
  boost::system::error_code error;
  std::ignore = acceptor.open(endpoint.protocol(), error);
  if (!error) std::ignore = acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) std::ignore = acceptor.bind(endpoint, error);
  if (!error) std::ignore = acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    return fail(Code::Unavailable, fmt::format("api: listen on {} port {}: {}", address.to_string(),
                                               port, error.message()));
  }
  return acceptor;
}

// `server` and `acceptor` outlive the event loop that runs this.
asio::awaitable<void> accept_all(ServerState* server, tcp::acceptor* acceptor) {
  asio::steady_timer pause(acceptor->get_executor());
  while (!server->stopping) {
    const asio::strand<asio::io_context::executor_type> strand = asio::make_strand(server->io);
    auto [error, socket] = co_await acceptor->async_accept(strand, kToken);
    if (error == asio::error::operation_aborted || !acceptor->is_open()) co_return;
    if (error) {
      // Out of descriptors or memory: what is open must end first.
      pause.expires_after(kAcceptPause);
      [[maybe_unused]] auto [waited] = co_await pause.async_wait(kToken);
      continue;
    }
    boost::system::error_code ignored;
    std::ignore = socket.set_option(tcp::no_delay(true), ignored);
    std::size_t live = 0;
    {
      const std::lock_guard lock(server->mutex);
      live = server->live.size();
    }
    if (live < server->options.max_connections) {
      serve_connection(*server, tcp::socket(std::move(socket)));
    } else {
      turn_away(*server, tcp::socket(std::move(socket)));
    }
  }
}

}  // namespace

struct ApiServer::Impl {
  Impl(ApiOptions options, ApiParts parts, std::vector<WebhookSecret> secrets)
      : state(std::move(options), std::move(parts), std::move(secrets)) {}

  ServerState state;
  std::optional<tcp::acceptor> acceptor;
  std::uint16_t port = 0;
  std::vector<std::thread> threads;
  std::mutex stop_mutex;
  bool stopped = false;  // guarded by stop_mutex
};

ApiServer::ApiServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

// NOLINTNEXTLINE(bugprone-exception-escape): without locks or memory nothing can be stopped
ApiServer::~ApiServer() {
  stop();
}

Result<std::unique_ptr<ApiServer>> ApiServer::start(ApiOptions options, ApiParts parts) {
  const Result<asio::ip::address> address = parse_address(options.address);
  if (!address) return std::unexpected(address.error());
  if (const Result<void> checked = check(options, *address); !checked) {
    return std::unexpected(checked.error());
  }
  std::vector<WebhookSecret> secrets;
  for (const std::string& text : options.webhook_secrets) {
    Result<WebhookSecret> secret = WebhookSecret::parse(text);
    if (!secret) return std::unexpected(secret.error());
    secrets.push_back(std::move(*secret));
  }
  const std::uint16_t port = options.port;
  auto impl = std::make_unique<Impl>(std::move(options), std::move(parts), std::move(secrets));
  if (!impl->state.options.tls_certificate_file.empty()) {
    Result<asio::ssl::context> tls = make_tls(impl->state.options);
    if (!tls) return std::unexpected(tls.error());
    impl->state.tls.emplace(std::move(*tls));
  }
  Result<tcp::acceptor> acceptor = listen(impl->state.io, *address, port);
  if (!acceptor) return std::unexpected(acceptor.error());
  impl->port = acceptor->local_endpoint().port();
  impl->acceptor.emplace(std::move(*acceptor));
  asio::co_spawn(impl->acceptor->get_executor(), accept_all(&impl->state, &*impl->acceptor),
                 [](const std::exception_ptr& error) {
                   if (error) std::terminate();
                 });
  for (int i = 0; i < 2; ++i) {
    impl->threads.emplace_back([state = &impl->state] { state->io.run(); });
  }
  return std::unique_ptr<ApiServer>(new ApiServer(std::move(impl)));
}

std::uint16_t ApiServer::port() const {
  return impl_->port;
}

// No new connections; idle ones and streams end at once, requests within the grace; then the pools,
// which may still be storing something, and the event loop.
void ApiServer::stop() {
  const std::lock_guard stop_lock(impl_->stop_mutex);
  if (impl_->stopped) return;
  impl_->stopped = true;
  ServerState& state = impl_->state;
  state.stopping = true;
  asio::post(impl_->acceptor->get_executor(), [this] {
    boost::system::error_code ignored;
    std::ignore = impl_->acceptor->close(ignored);
  });
  {
    std::unique_lock lock(state.mutex);
    for (const auto& [id, end] : state.live) end();
    state.gone.wait_for(lock, kGrace, [&] { return state.live.empty(); });
  }
  state.readers.stop();
  state.writers.stop();
  state.actors.stop();
  state.readers.join();
  state.writers.join();
  state.actors.join();
  state.io.stop();
  for (std::thread& thread : impl_->threads) thread.join();
}

}  // namespace vigie
