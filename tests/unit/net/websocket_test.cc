#include "pipeline/net/websocket.h"

#include <future>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "tests/fakes/jetstream_peer.h"

namespace vigie {
namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

WebSocketOptions local() {
  WebSocketOptions options;
  options.allow_private = {"127.0.0.1", "localhost"};
  return options;
}

std::string url_of(const JetstreamPeer& peer, std::string_view scheme = "ws",
                   std::string_view host = "127.0.0.1", std::string_view path = "/subscribe") {
  return fmt::format("{}://{}:{}{}", scheme, host, peer.port(), path);
}

class WebSocketTest : public testing::Test {
 protected:
  WebSocket open(const JetstreamPeer& peer, const WebSocketOptions& options) {
    auto connected = WebSocket::connect(url_of(peer), options, {});
    if (!connected) throw std::runtime_error(connected.error().message);
    return std::get<WebSocket>(std::move(*connected));
  }

  ScratchDirectory directory;
};

TEST_F(WebSocketTest, ReadsFramesInOrder) {
  const JetstreamPeer peer({"--lines", directory.write("lines", {"one", "", "zwei \xc3\xa4"})});
  WebSocket socket = open(peer, local());

  const auto first = socket.read(5s, {});
  const auto second = socket.read(5s, {});
  const auto none = socket.read(0ms, {});

  ASSERT_TRUE(first && *first && second && *second);
  EXPECT_EQ((**first).data, "one");
  EXPECT_FALSE((**first).binary);
  EXPECT_EQ((**second).data, "zwei \xc3\xa4");
  ASSERT_TRUE(none);
  EXPECT_FALSE(*none);
}

TEST_F(WebSocketTest, TalksTlsWithACertificateOfTheGivenAuthority) {
  const TestCertificates made = make_certificates(directory);
  const JetstreamPeer peer(
      {"--lines", directory.write("lines", {"one"}), "--cert", made.cert, "--key", made.key});
  WebSocketOptions options = local();
  options.ca_file = made.ca;

  for (const char* host : {"localhost", "127.0.0.1"}) {
    auto connected = WebSocket::connect(url_of(peer, "wss", host), options, {});
    ASSERT_TRUE(connected) << connected.error().message;
    const auto frame = std::get<WebSocket>(*connected).read(5s, {});
    ASSERT_TRUE(frame && *frame);
    EXPECT_EQ((**frame).data, "one");
  }
}

TEST_F(WebSocketTest, RefusesACertificateOfAnUnknownAuthority) {
  const TestCertificates made = make_certificates(directory);
  const JetstreamPeer peer(
      {"--lines", directory.write("lines", {"one"}), "--cert", made.cert, "--key", made.key});

  const auto connected = WebSocket::connect(url_of(peer, "wss"), local(), {});

  ASSERT_FALSE(connected);
  EXPECT_EQ(connected.error().code, Code::Unavailable);
  EXPECT_NE(connected.error().message.find("certificate"), std::string::npos)
      << connected.error().message;
}

TEST_F(WebSocketTest, RefusesACertificateOfAnotherHost) {
  const TestCertificates made = make_certificates(directory);
  const JetstreamPeer peer({"--lines", directory.write("lines", {"one"}), "--cert", made.cert,
                            "--key", made.key, "--host", "127.0.0.2"});
  WebSocketOptions options = local();
  options.ca_file = made.ca;
  options.allow_private = {"127.0.0.2"};

  const auto connected = WebSocket::connect(url_of(peer, "wss", "127.0.0.2"), options, {});

  ASSERT_FALSE(connected);
  EXPECT_NE(connected.error().message.find("certificate"), std::string::npos)
      << connected.error().message;
}

TEST_F(WebSocketTest, RefusesPrivateAddressesUnlessTheHostIsNamed) {
  const JetstreamPeer peer({"--lines", directory.write("lines", {"one"})});
  WebSocketOptions options;

  const auto by_address = WebSocket::connect(url_of(peer), options, {});
  const auto by_name = WebSocket::connect(url_of(peer, "ws", "localhost"), options, {});
  options.allow_private = {"other.example"};
  const auto other = WebSocket::connect(url_of(peer, "ws", "localhost"), options, {});

  ASSERT_FALSE(by_address);
  EXPECT_EQ(by_address.error().code, Code::Invalid);
  ASSERT_FALSE(by_name);
  EXPECT_EQ(by_name.error().code, Code::Unavailable);
  EXPECT_NE(by_name.error().message.find("allow_private"), std::string::npos);
  EXPECT_FALSE(other);
}

TEST_F(WebSocketTest, TellsStatusBodyAndRetryAfterOfARefusal) {
  const JetstreamPeer peer({"--lines", directory.write("lines", {"one"}), "--refuse-first", "1"});

  const auto refused = WebSocket::connect(url_of(peer), local(), {});
  const auto missing = WebSocket::connect(url_of(peer, "ws", "127.0.0.1", "/other"), local(), {});

  ASSERT_TRUE(refused) << refused.error().message;
  ASSERT_TRUE(std::holds_alternative<HttpRefusal>(*refused));
  EXPECT_EQ(std::get<HttpRefusal>(*refused).status, 503U);
  EXPECT_EQ(std::get<HttpRefusal>(*refused).body, "not ready");
  EXPECT_EQ(std::get<HttpRefusal>(*refused).retry_after, 7s);
  ASSERT_TRUE(missing);
  EXPECT_EQ(std::get<HttpRefusal>(*missing).status, 404U);
}

TEST_F(WebSocketTest, KeepsTheBeginningOfAFrameThatIsTooLongAndGoesOn) {
  const JetstreamPeer peer(
      {"--lines", directory.write("lines", {std::string(300'000, 'x'), "next"})});
  WebSocketOptions options = local();
  options.max_frame = 10'000;
  WebSocket socket = open(peer, options);

  const auto longest = socket.read(5s, {});
  const auto next = socket.read(5s, {});

  ASSERT_TRUE(longest && *longest && next && *next);
  EXPECT_FALSE((**longest).complete());
  EXPECT_EQ((**longest).data, std::string(10'000, 'x'));
  EXPECT_EQ((**longest).size, 300'000U);
  EXPECT_EQ((**next).data, "next");
  EXPECT_TRUE((**next).complete());
}

TEST_F(WebSocketTest, FailsForGoodWhenThePeerIsGone) {
  for (const char* way : {"close", "abort", "midframe"}) {
    const JetstreamPeer peer({"--lines", directory.write("lines", {"one", "two"}), "--drop-after",
                              "1", "--drop-how", way});
    WebSocket socket = open(peer, local());

    const auto first = socket.read(5s, {});
    const auto gone = socket.read(5s, {});
    const auto still = socket.read(0ms, {});

    ASSERT_TRUE(first && *first) << way;
    ASSERT_FALSE(gone) << way;
    EXPECT_EQ(gone.error().code, Code::Unavailable);
    ASSERT_FALSE(still) << way;
    EXPECT_EQ(still.error().message, gone.error().message);
  }
}

TEST_F(WebSocketTest, FindsOutThatAPeerNoLongerAnswersPings) {
  const JetstreamPeer peer({"--lines", directory.write("lines", {"one"}), "--mute"});
  WebSocketOptions options = local();
  options.ping_every = 50ms;
  options.pong_timeout = 100ms;
  WebSocket socket = open(peer, options);
  ASSERT_TRUE(socket.read(5s, {}));

  const auto dead = socket.read(10s, {});

  ASSERT_FALSE(dead);
  EXPECT_NE(dead.error().message.find("ping"), std::string::npos) << dead.error().message;
}

TEST_F(WebSocketTest, StaysWithASilentPeerThatAnswersPings) {
  const JetstreamPeer peer({"--lines", directory.write("lines", {"one"}), "--ping", "0"});
  WebSocketOptions options = local();
  options.ping_every = 30ms;
  options.pong_timeout = 5s;
  WebSocket socket = open(peer, options);
  ASSERT_TRUE(socket.read(5s, {}));
  const auto heard = socket.last_heard();

  const auto quiet = socket.read(200ms, {});

  ASSERT_TRUE(quiet) << quiet.error().message;
  EXPECT_FALSE(*quiet);
  EXPECT_GT(socket.last_heard(), heard);
}

TEST_F(WebSocketTest, GivesUpOnAHandshakeThatTakesTooLong) {
  const JetstreamPeer peer({"--lines", directory.write("lines", {"one"}), "--stall-handshake"});
  WebSocketOptions options = local();
  options.handshake_timeout = 50ms;

  const auto connected = WebSocket::connect(url_of(peer), options, {});

  ASSERT_FALSE(connected);
  EXPECT_EQ(connected.error().code, Code::Unavailable);
  EXPECT_NE(connected.error().message.find("timed out"), std::string::npos);
}

TEST_F(WebSocketTest, ReturnsSoonAfterAStopFromAnotherThread) {
  const JetstreamPeer peer({"--lines", directory.write("lines", {"one"})});
  const JetstreamPeer stalled({"--lines", directory.write("lines", {"one"}), "--stall-handshake"});
  WebSocket socket = open(peer, local());
  ASSERT_TRUE(socket.read(5s, {}));
  std::stop_source stop;
  std::promise<void> reading;

  std::jthread stopper([&] {
    reading.get_future().wait();
    stop.request_stop();
  });
  const auto begin = Steady::now();
  reading.set_value();
  const auto read = socket.read(60s, stop.get_token());
  const auto connected = WebSocket::connect(url_of(stalled), local(), stop.get_token());

  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::Closed);
  ASSERT_FALSE(connected);
  EXPECT_EQ(connected.error().code, Code::Closed);
  EXPECT_LT(Steady::now() - begin, 5s);
}

TEST(WebSocketRefuses, UrlsOfOtherSchemes) {
  const auto connected = WebSocket::connect("https://example.org/", {}, {});

  ASSERT_FALSE(connected);
  EXPECT_EQ(connected.error().code, Code::Invalid);
}

}  // namespace
}  // namespace vigie
