#pragma once

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <prometheus/registry.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "connectors/webhook/webhook.h"
#include "pipeline/api/server.h"

namespace vigie {

// A blocking HTTP client without any help, so that a test may send what no library would. Every
// wait gives up ten seconds after the connection was made.
class RawClient {
 public:
  explicit RawClient(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    const timeval deadline{10, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
      ADD_FAILURE() << "connect";
    }
  }
  ~RawClient() { ::close(socket_); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  int descriptor() const { return socket_; }

  void send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  // What came up to and with `mark`, or all until the end or the deadline.
  std::string read_until(std::string_view mark) {
    std::size_t at = std::string::npos;
    while ((at = buffer_.find(mark)) == std::string::npos) {
      if (!receive()) return std::exchange(buffer_, {});
    }
    std::string out = buffer_.substr(0, at + mark.size());
    buffer_.erase(0, out.size());
    return out;
  }

  std::string read_bytes(std::size_t size) {
    while (buffer_.size() < size && receive()) {
    }
    std::string out = buffer_.substr(0, size);
    buffer_.erase(0, out.size());
    return out;
  }

  // True when the server ends the connection before the deadline.
  bool ends() {
    char byte = 0;
    ssize_t got = 0;
    while ((got = ::recv(socket_, &byte, 1, 0)) > 0) {
    }
    return got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
  }

 private:
  bool receive() {
    if (std::chrono::steady_clock::now() > deadline_) return false;
    char bytes[4096];
    const ssize_t got = ::recv(socket_, bytes, sizeof(bytes), 0);
    if (got <= 0) return false;
    buffer_.append(bytes, static_cast<std::size_t>(got));
    return true;
  }

  int socket_;
  std::chrono::steady_clock::time_point deadline_ =
      std::chrono::steady_clock::now() + std::chrono::seconds{10};
  std::string buffer_;
};

struct Answer {
  int status = 0;
  std::string header;  // as it came, with the status line
  std::string body;
};

inline Answer read_answer(RawClient& client, bool head = false) {
  Answer answer;
  answer.header = client.read_until("\r\n\r\n");
  if (answer.header.size() > 12) answer.status = std::atoi(answer.header.c_str() + 9);
  const std::size_t at = answer.header.find("Content-Length: ");
  if (at != std::string::npos && !head) {
    answer.body = client.read_bytes(std::strtoul(answer.header.c_str() + at + 16, nullptr, 10));
  }
  return answer;
}

// A server over parts made by hand.
class ApiTest : public testing::Test {
 protected:
  ApiTest() {
    std::string name = (std::filesystem::temp_directory_path() / "vigie-api-XXXXXX").string();
    directory_ = ::mkdtemp(name.data());
    store_ = *Store::open(directory_, StoreOptions{});
    queues_ = *Queues::open(*store_);
    counters_ = std::make_unique<CounterReader>(*store_, 1);
    author_sets_ = std::make_unique<AuthorSetReader>(*store_, 1);
    first_seen_ = std::make_unique<FirstSeenReader>(*store_);
    options_.port = 0;
  }
  ~ApiTest() override {
    server_.reset();
    first_seen_.reset();
    author_sets_.reset();
    counters_.reset();
    queues_.reset();
    store_.reset();
    std::filesystem::remove_all(directory_);
  }

  void write(StoreBatch& batch) const { ASSERT_TRUE(store_->write(batch, Durability::Buffered)); }

  ViewParts view() {
    return ViewParts{.queues = *queues_,
                     .social = social_,
                     .community = community_,
                     .alerts = alerts_,
                     .counters = *counters_,
                     .author_sets = *author_sets_,
                     .first_seen = *first_seen_,
                     .as_of = [this] { return now_; },
                     .tagged = [this](std::string_view key) { return tagged(key); },
                     .firing = [this] { return firing_; }};
  }

  ApiParts parts() {
    return ApiParts{.view = view(),
                    .registry = registry_,
                    .clock = [this] { return now_; },
                    .author_key = [this](auto network, auto id) { return keys_.of(network, id); },
                    .read = read_,
                    .accept = accept_,
                    .act = act_,
                    .erase_author = erase_author_,
                    .erasure = erasure_,
                    .rules = [this] { return rules_; },
                    .explainer = [this] { return explainer_; },
                    .readiness =
                        [this] {
                          const std::lock_guard lock(mutex_);
                          return readiness_;
                        }};
  }

  void start() { start(parts()); }

  void start(ApiParts parts) {
    Result<std::unique_ptr<ApiServer>> started = ApiServer::start(options_, std::move(parts));
    ASSERT_TRUE(started) << started.error().message;
    server_ = std::move(*started);
  }

  Answer ask(std::string_view method, std::string_view target, std::string_view headers = "",
             std::string_view body = "") {
    RawClient client(server_->port());
    std::string request =
        fmt::format("{} {} HTTP/1.1\r\nHost: localhost\r\n{}", method, target, headers);
    if (!body.empty()) request += fmt::format("Content-Length: {}\r\n", body.size());
    client.send(request.append("\r\n").append(body));
    return read_answer(client, method == "HEAD");
  }
  Answer get(std::string_view target, std::string_view headers = "") {
    return ask("GET", target, headers);
  }

  Result<std::optional<std::string>> tagged(std::string_view key) const {
    const auto found = tagged_.find(std::string(key));
    if (found == tagged_.end()) return std::optional<std::string>();
    return std::optional<std::string>(found->second);
  }

  void fold(const std::string& conversation, const std::string& key, std::string_view queue,
            std::string_view priority = "normal") {
    ConversationRecord record;
    record.conversation = conversation;
    record.seen_at = now_;
    record.message.key = key;
    record.message.event_time = now_;
    record.message.queue = queue;
    record.message.route = "r";
    record.message.priority = priority;
    record.message.author_handle = "fan";
    std::string value;
    append_json(value, record);
    StoreBatch batch;
    ASSERT_TRUE(queues_->apply(Partition{0}, offset_++, conversation, value, batch));
  }

  void set_readiness(Readiness readiness) {
    const std::lock_guard lock(mutex_);
    readiness_ = std::move(readiness);
  }

  // A token whose secret is `secret`.
  static ApiToken token(std::string name, std::string_view secret, Role role);

  Offset offset_ = 0;
  Time now_ = *parse_time("2026-06-01T10:00:30Z");
  std::filesystem::path directory_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Queues> queues_;
  std::unique_ptr<AuthorSetReader> author_sets_;
  std::unique_ptr<CounterReader> counters_;
  std::unique_ptr<FirstSeenReader> first_seen_;
  AuthorKeys keys_{{}};
  Feed social_{4};
  Feed community_{4};
  Feed alerts_{4};
  prometheus::Registry registry_;
  std::map<std::string, std::string> tagged_;
  // The webhook connector's reading, as the service hands it in.
  std::function<Result<Delivery>(std::string_view, const Grant&)> read_ =
      [](std::string_view body, const Grant& grant) -> Result<Delivery> {
    auto read = read_webhook(body, {grant.connector, grant.everything, grant.networks, grant.ops});
    if (!read) return std::unexpected(read.error());
    Delivery delivery{grant.connector, std::move(read->mentions), {}};
    for (const WebhookItemError& error : read->errors) {
      delivery.refused.push_back({error.index, error.message, error.bytes,
                                  error.reason == WebhookItemError::Reason::NotAllowed});
    }
    return delivery;
  };
  std::function<Result<Accepted>(Delivery)> accept_;
  // Folds an action at once, as if the log had just brought it.
  std::function<Result<ActionDone>(ConversationRecord)> act_ =
      [this](ConversationRecord action) -> Result<ActionDone> {
    action.seen_at = now_;
    std::string value;
    append_json(value, action);
    StoreBatch batch;
    const std::lock_guard lock(mutex_);
    auto folded = queues_->apply(Partition{0}, offset_++, action.conversation, value, batch);
    if (!folded) return std::unexpected(folded.error());
    return ActionDone{offset_ - 1, folded->outcome};
  };
  std::function<Result<std::string>(const std::string&, const std::string&)> erase_author_;
  std::function<Result<std::optional<std::string>>(std::string_view)> erasure_;
  std::shared_ptr<const RuleSet> rules_;
  std::shared_ptr<const Explainer> explainer_;
  std::mutex mutex_;
  Readiness readiness_{true, {{"log", "ok"}}};  // guarded by mutex_
  std::vector<std::string> firing_;
  ApiOptions options_;
  std::unique_ptr<ApiServer> server_;
};

inline ApiToken ApiTest::token(std::string name, std::string_view secret, Role role) {
  // SHA-256 of the secrets that the tests use.
  constexpr std::pair<std::string_view, std::string_view> kHashes[] = {
      {"alpha", "8ed3f6ad685b959ead7022518e1af76cd816f8e8ec7ccdda1ed4018e8f2223f8"},
      {"beta", "f44e64e75f3948e9f73f8dfa94721c4ce8cbb4f265c4790c702b2d41cfbf2753"},
      {"gamma", "be9d587defa1f0c09ef49eb17e206983a5f8f8289e4281860bd0ee5a19592c67"}};
  ApiToken out;
  out.name = std::move(name);
  for (const auto& [known, hash] : kHashes) {
    if (known == secret) out.sha256_hex = hash;
  }
  out.roles = {role};
  return out;
}

}  // namespace vigie
