#include "pipeline/api/connection.h"

#include <chrono>
#include <exception>
#include <memory>
#include <string>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include "pipeline/api/stream.h"

namespace vigie {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = asio::ip::tcp;
using std::chrono::milliseconds;

constexpr auto kToken = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kReadBytes = 8192;
constexpr std::size_t kEventsAtOnce = 64;
// What a refused body may still send while we wait for the client to read why.
constexpr std::size_t kDrainBytes = std::size_t{256} << 10;
constexpr std::chrono::seconds kDrainTime{2};
// Connections beyond the limit that are told so; more than these are closed without a word.
constexpr std::size_t kMaxTurnedAway = 64;
constexpr std::chrono::seconds kRetryAfter{5};

using Plain = beast::tcp_stream;
using Tls = beast::ssl_stream<beast::tcp_stream>;
using Parser = http::request_parser<http::string_body>;

// One connection; everything runs on its strand. It is among the server's live ones for as long as
// it exists.
template <class Stream>
struct Connection {
  Connection(ServerState& server_in, Stream stream_in)
      : server(server_in), stream(std::move(stream_in)), timer(stream.get_executor()) {}
  ~Connection() {
    const std::lock_guard lock(server.mutex);
    if (extra) {
      --server.turned_away;
    } else {
      server.live.erase(id);
    }
    server.gone.notify_all();
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  Plain& lowest() { return beast::get_lowest_layer(stream); }

  ServerState& server;
  Stream stream;
  beast::flat_buffer buffer;
  asio::steady_timer timer;  // of a stream: heartbeat, cut short by a wake
  std::uint64_t id = 0;
  bool idle = false;      // between requests
  bool closed = false;    // of a stream: the client has gone
  bool streamed = false;  // a stream was served and has closed the socket
  bool extra = false;     // turned away
};

template <class Stream>
using Held = std::shared_ptr<Connection<Stream>>;

// Runs the job on `pool` and completes on the caller's executor.
template <class CompletionToken>
auto run_on(asio::thread_pool& pool, std::shared_ptr<Job> job, CompletionToken&& token) {
  return asio::async_initiate<CompletionToken, void()>(
      [&pool](auto handler, std::shared_ptr<Job> work) {
        auto executor = asio::get_associated_executor(handler);
        auto guard = asio::make_work_guard(executor);
        asio::post(pool, [handler = std::move(handler), work = std::move(work),
                          guard = std::move(guard), executor]() mutable {
          work->response = work->route->answer(*work->service, work->who, work->request);
          asio::post(executor, std::move(handler));
        });
      },
      token, std::move(job));
}

void describe(http::response_header<>& header, const Response& response, bool keep, Time now) {
  header.version(11);
  header.result(response.status);
  header.reason(reason_phrase(response.status));
  if (!response.content_type.empty()) header.set(http::field::content_type, response.content_type);
  header.set("X-Content-Type-Options", "nosniff");
  header.set(http::field::cache_control, "no-store");
  header.set(http::field::date,
             fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT",
                         fmt::gmtime(std::chrono::system_clock::to_time_t(now))));
  header.set(http::field::connection, keep ? "keep-alive" : "close");
  for (const auto& [name, value] : response.headers) header.set(name, value);
}

template <class Stream>
asio::awaitable<bool> write_response(Held<Stream> c, Response response, bool head, bool keep) {
  c->lowest().expires_after(c->server.options.write_timeout);
  if (head || response.status == 204) {
    http::response<http::empty_body> message;
    describe(message.base(), response, keep, c->server.parts.clock());
    if (response.status != 204) message.content_length(response.body.size());
    auto [error, size] = co_await http::async_write(c->stream, message, kToken);
    co_return !error;
  }
  http::response<http::string_body> message;
  describe(message.base(), response, keep, c->server.parts.clock());
  message.body() = std::move(response.body);
  message.content_length(message.body().size());
  auto [error, size] = co_await http::async_write(c->stream, message, kToken);
  co_return !error;
}

// Ends our side and reads what the client still sends, within limits: closing over unread bytes
// would reset the connection under the answer.
template <class Stream>
asio::awaitable<void> close(Held<Stream> c) {
  c->lowest().expires_after(kDrainTime);
  if constexpr (std::is_same_v<Stream, Tls>) {
    [[maybe_unused]] auto [error] = co_await c->stream.async_shutdown(kToken);
  } else {
    beast::error_code ignored;
    c->lowest().socket().shutdown(tcp::socket::shutdown_send, ignored);
    std::string waste(kReadBytes, '\0');
    for (std::size_t drained = 0; drained < kDrainBytes && !c->server.stopping;) {
      auto [error, size] = co_await c->stream.async_read_some(asio::buffer(waste), kToken);
      if (error) break;
      drained += size;
    }
  }
  c->lowest().close();
}

// What is wrong with a request before anything else is looked at; fills `out`.
std::optional<Response> take_header(const ServerState& server, const Parser& parser, Request& out) {
  const auto& message = parser.get();
  if (message.version() != 11 && message.version() != 10) return problem(400, "expected HTTP/1.1");
  out.method = std::string(message.method_string());
  for (const auto& field : message) add_header(out, field.name_string(), field.value());
  return check_target(server.options, message.version() == 11, message.target(), out);
}

// The answer to bytes that are no request of ours.
Response malformed(beast::error_code error) {
  if (error == http::error::header_limit) return problem(431, "the header is too large");
  if (error == http::error::body_limit) return problem(413, "the body is too large");
  return problem(400, "not an HTTP/1.1 request: " + error.message());
}

bool is_http(beast::error_code error) {
  return error.category() == make_error_code(http::error::end_of_stream).category() &&
         error != http::error::end_of_stream && error != http::error::partial_message;
}

void note(ServerState& server, std::string_view route, unsigned status,
          std::chrono::steady_clock::time_point since) {
  if (status == 401 || status == 403) server.metrics.rejected(Rejected::Unauthorized);
  server.metrics.request(route, status, std::chrono::steady_clock::now() - since);
}

// A follower sends nothing; the end of what it sends is its going away, which ends the wait.
template <class Stream>
asio::awaitable<void> watch(Held<Stream> c) {
  std::string waste(kReadBytes, '\0');
  for (std::size_t total = 0; total < kDrainBytes;) {
    auto [error, size] = co_await c->stream.async_read_some(asio::buffer(waste), kToken);
    if (error) break;
    total += size;
  }
  c->closed = true;
  c->timer.cancel();
}

template <class Stream>
asio::awaitable<bool> write_text(Held<Stream> c, std::string text) {
  c->lowest().expires_after(c->server.options.write_timeout);
  auto [error, size] = co_await asio::async_write(c->stream, asio::buffer(text), kToken);
  if (error == beast::error::timeout) c->server.metrics.rejected(Rejected::SlowClient);
  c->lowest().expires_never();
  co_return !error;
}

// Writes a feed's events as they come. At most kEventsAtOnce are in memory for one client, who is
// cut when it does not take them within the write deadline, and told `reset` when it falls behind
// what the feed keeps.
template <class Stream>
asio::awaitable<void> follow(Held<Stream> c, std::shared_ptr<Waker> waker, Feed* feed,
                             std::string after) {
  const Follower follower(c->server, *feed, waker);
  std::string told = after;  // the last id that was sent
  auto next_beat = std::chrono::steady_clock::now() + c->server.options.heartbeat;
  while (!c->closed && !c->server.stopping) {
    waker->rest();
    const Result<Feed::Page> page = feed->read(after, kEventsAtOnce);
    if (!page) co_return;
    std::string text = events_text(*page);
    after = page->last_id;
    const bool due = std::chrono::steady_clock::now() >= next_beat;
    if (text.empty() && due) {
      text = after != told ? fmt::format(": beat\nid: {}\n\n", after) : ": beat\n\n";
    }
    if (!text.empty()) {
      next_beat = std::chrono::steady_clock::now() + c->server.options.heartbeat;
      told = after;
      const bool written = co_await write_text<Stream>(c, std::move(text));
      if (!written) co_return;
      continue;
    }
    if (waker->pending()) continue;
    c->timer.expires_at(next_beat);
    [[maybe_unused]] auto [cancelled] = co_await c->timer.async_wait(kToken);
  }
}

template <class Stream>
asio::awaitable<void> serve_stream(Held<Stream> c, std::shared_ptr<Job> job,
                                   std::chrono::steady_clock::time_point since) {
  ServerState& server = c->server;
  Feed& feed = job->route->feed(*server.parts.view, job->request);
  std::string after(job->request.header("last-event-id"));
  if (after.empty()) after = job->request.param("after").value_or("");
  const bool head = job->request.method == "HEAD";

  std::optional<Response> refused;
  const Result<Feed::Page> first = feed.read(after, 0);
  if (!first) {
    refused = problem(first.error());
  } else if (!head && server.stream_clients.fetch_add(1) >= server.options.max_stream_clients) {
    server.stream_clients.fetch_sub(1);
    server.metrics.rejected(Rejected::StreamClients);
    const Error full{Code::Unavailable, "too many stream clients", kRetryAfter};
    refused = problem(full);
  }
  if (refused || head) {
    Response response = refused ? std::move(*refused) : Response{};
    if (!refused) response.content_type = "text/event-stream";
    note(server, job->route->name, response.status, since);
    [[maybe_unused]] const bool sent =
        co_await write_response<Stream>(c, std::move(response), head, false);
    co_return;
  }

  note(server, job->route->name, 200, since);
  auto executor = c->stream.get_executor();
  const std::weak_ptr<Connection<Stream>> weak = c;
  auto waker = std::make_shared<Waker>([executor, weak] {
    asio::post(executor, [weak] {
      if (const auto held = weak.lock()) held->timer.cancel();
    });
  });
  // The answer ends with the connection, so it needs no length and no chunks.
  std::string text =
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n"
      "X-Accel-Buffering: no\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
      "retry: 3000\n";
  // Who joins now has an id to come back with before the first event.
  if (after.empty()) after = first->last_id;
  text += fmt::format("id: {}\n\n", after);
  const bool written = co_await write_text<Stream>(c, std::move(text));
  if (!written) {
    server.stream_clients.fetch_sub(1);
    co_return;
  }
  asio::co_spawn(executor, watch<Stream>(c), [](const std::exception_ptr& error) {
    if (error) std::terminate();
  });
  co_await follow<Stream>(c, std::move(waker), &feed, std::move(after));
  // Ends the watch, too, which reads from the stream until then.
  c->streamed = true;
  c->lowest().close();
}

// Answers with what was refused. Its body has not been read, so the connection ends.
template <class Stream>
asio::awaitable<bool> serve_refusal(Held<Stream> c, Response response, std::string name, bool head,
                                    bool keep, std::chrono::steady_clock::time_point since) {
  note(c->server, name, response.status, since);
  const bool written = co_await write_response<Stream>(c, std::move(response), head, keep);
  if (!written) co_return false;
  co_return keep;
}

template <class Stream>
asio::awaitable<bool> wait_for_request(Held<Stream> c) {
  if (c->buffer.size() > 0) co_return true;
  c->idle = true;
  if (c->server.stopping) co_return false;
  c->lowest().expires_after(c->server.options.idle_timeout);
  auto space = c->buffer.prepare(kReadBytes);
  auto [error, size] = co_await c->stream.async_read_some(space, kToken);
  c->idle = false;
  if (error) co_return false;
  c->buffer.commit(size);
  co_return true;
}

// Reads a part of a request; true when it is there. Else the connection ends, after an answer where
// there can be one.
template <class Stream>
asio::awaitable<bool> read_part(Held<Stream> c, std::shared_ptr<Parser> parser, bool header) {
  const ApiOptions& options = c->server.options;
  const auto since = std::chrono::steady_clock::now();
  c->lowest().expires_after(header ? options.header_timeout : options.body_timeout);
  beast::error_code error;
  if (header) {
    auto [failed, size] = co_await http::async_read_header(c->stream, c->buffer, *parser, kToken);
    error = failed;
  } else {
    auto [failed, size] = co_await http::async_read(c->stream, c->buffer, *parser, kToken);
    error = failed;
  }
  if (!error) co_return true;
  if (error == beast::error::timeout) c->server.metrics.rejected(Rejected::Timeout);
  if (is_http(error)) {
    c->server.metrics.rejected(Rejected::Malformed);
    Response response = malformed(error);
    [[maybe_unused]] const bool sent =
        co_await serve_refusal<Stream>(c, std::move(response), "none", false, false, since);
  }
  co_return false;
}

template <class Stream>
asio::awaitable<bool> serve_one(Held<Stream> c) {
  ServerState& server = c->server;
  auto parser = std::make_shared<Parser>();
  parser->header_limit(static_cast<std::uint32_t>(server.options.max_header_bytes));
  parser->body_limit(server.options.max_body_bytes);
  const bool header_read = co_await read_part<Stream>(c, parser, true);
  if (!header_read) co_return false;

  const auto since = std::chrono::steady_clock::now();
  auto job = std::make_shared<Job>();
  std::string_view name = "none";
  const bool has_body = !parser->is_done();
  std::optional<Response> refused = take_header(server, *parser, job->request);
  const bool sound = !refused;
  if (sound) refused = admit(server.service, server.authenticator, *job, has_body);
  if (job->route != nullptr) name = job->route->name;
  const bool head = job->request.method == "HEAD";
  const bool keep = sound && parser->get().keep_alive() && !server.stopping;
  if (refused) {
    std::string label(name);
    const bool goes_on = co_await serve_refusal<Stream>(c, std::move(*refused), std::move(label),
                                                        head, keep && !has_body, since);
    co_return goes_on;
  }
  if (job->route->runs_on == RunsOn::Stream) {
    co_await serve_stream<Stream>(c, job, since);
    co_return false;
  }
  std::optional<BodyLease> lease;
  if (has_body) {
    const bool is_known = job->who.everything || job->who.token != nullptr;
    lease.emplace(
        is_known ? server.bodies : server.signed_bodies,
        static_cast<std::size_t>(parser->content_length().value_or(server.options.max_body_bytes)));
    if (!lease->taken()) {
      server.metrics.rejected(Rejected::Bodies);
      const Error full{Code::Throttled, "too many bodies at once", kRetryAfter};
      Response response = problem(full);
      std::string label(name);
      [[maybe_unused]] const bool sent = co_await serve_refusal<Stream>(
          c, std::move(response), std::move(label), head, false, since);
      co_return false;
    }
    if (!job->request.header("expect").empty()) {
      std::string go_on = "HTTP/1.1 100 Continue\r\n\r\n";
      const bool written = co_await write_text<Stream>(c, std::move(go_on));
      if (!written) co_return false;
    }
    const bool body_read = co_await read_part<Stream>(c, parser, false);
    if (!body_read) co_return false;
  }
  job->request.body = std::move(parser->get().body());
  c->lowest().expires_never();
  switch (job->route->runs_on) {
    case RunsOn::Reader:
      co_await run_on(server.readers, job, asio::use_awaitable);
      break;
    case RunsOn::Writer:
      co_await run_on(server.writers, job, asio::use_awaitable);
      break;
    case RunsOn::Actor:
      co_await run_on(server.actors, job, asio::use_awaitable);
      break;
    default:
      job->response = job->route->answer(*job->service, job->who, job->request);
  }
  job->request.body = {};
  lease.reset();
  note(server, name, job->response.status, since);
  const bool written = co_await write_response<Stream>(c, std::move(job->response), head, keep);
  if (!written) co_return false;
  co_return keep;
}

template <class Stream>
asio::awaitable<void> serve(Held<Stream> c) {
  if constexpr (std::is_same_v<Stream, Tls>) {
    c->lowest().expires_after(c->server.options.header_timeout);
    auto [error] = co_await c->stream.async_handshake(asio::ssl::stream_base::server, kToken);
    if (error) co_return;
  }
  bool goes_on = true;
  while (goes_on) {
    goes_on = co_await wait_for_request<Stream>(c);
    if (goes_on) goes_on = co_await serve_one<Stream>(c);
  }
  if (!c->streamed) co_await close<Stream>(c);
}

template <class Stream>
void start(ServerState& server, Stream stream) {
  auto connection = std::make_shared<Connection<Stream>>(server, std::move(stream));
  const std::weak_ptr<Connection<Stream>> weak = connection;
  auto executor = connection->stream.get_executor();
  {
    const std::lock_guard lock(server.mutex);
    connection->id = server.next_connection++;
    server.live.emplace(connection->id, [weak, executor] {
      asio::post(executor, [weak] {
        const auto held = weak.lock();
        if (!held) return;
        held->timer.cancel();
        if (held->idle) held->lowest().cancel();
      });
    });
  }
  asio::co_spawn(executor, serve<Stream>(std::move(connection)),
                 [](const std::exception_ptr& error) {
                   if (error) std::terminate();
                 });
}

asio::awaitable<void> refuse(Held<Plain> c) {
  const Error full{Code::Unavailable, "too many connections", kRetryAfter};
  Response response = problem(full);
  [[maybe_unused]] const bool sent =
      co_await write_response<Plain>(c, std::move(response), false, false);
  co_await close<Plain>(c);
}

}  // namespace

ServerState::ServerState(ApiOptions options_in, ApiParts parts_in,
                         std::vector<WebhookSecret> secrets)
    : options(std::move(options_in)),
      parts(std::move(parts_in)),
      webhooks(secrets.empty() ? std::optional<WebhookVerifier>()
                               : std::optional<WebhookVerifier>(std::in_place, std::move(secrets),
                                                                parts.clock)),
      service{options, parts, webhooks ? &*webhooks : nullptr, backtest, idempotency},
      authenticator(options.tokens),
      metrics(parts.registry) {}

void serve_connection(ServerState& server, tcp::socket socket) {
  if (server.tls) {
    start<Tls>(server, Tls(Plain(std::move(socket)), *server.tls));
  } else {
    start<Plain>(server, Plain(std::move(socket)));
  }
}

void turn_away(ServerState& server, tcp::socket socket) {
  server.metrics.rejected(Rejected::Connections);
  {
    const std::lock_guard lock(server.mutex);
    if (server.tls || server.turned_away >= kMaxTurnedAway) return;
    ++server.turned_away;
  }
  auto connection = std::make_shared<Connection<Plain>>(server, Plain(std::move(socket)));
  connection->extra = true;
  auto executor = connection->stream.get_executor();
  asio::co_spawn(executor, refuse(std::move(connection)), [](const std::exception_ptr& error) {
    if (error) std::terminate();
  });
}

}  // namespace vigie
