#include <gmock/gmock.h>

#include "tests/unit/pipeline/api/api_fixture.h"

namespace vigie {
namespace {

using testing::HasSubstr;
using testing::Not;

class StreamTest : public ApiTest {
 protected:
  std::unique_ptr<RawClient> follow(std::string_view target, std::string_view headers = "") {
    auto client = std::make_unique<RawClient>(server_->port());
    client->send(fmt::format("GET {} HTTP/1.1\r\nHost: localhost\r\n{}\r\n", target, headers));
    return client;
  }
};

TEST_F(StreamTest, BringsEventsAsTheyHappen) {
  start();
  const auto client = follow("/api/v1/queues/social/stream");
  const std::string header = client->read_until("\r\n\r\n");
  const std::string hello = client->read_until("\n\n");

  social_.push(Partition{0}, 1, "item", R"({"id":"x/1"})");
  community_.push(Partition{0}, 1, "item", R"({"id":"other"})");
  social_.push(Partition{1}, 1, "item", R"({"id":"x/2"})");

  EXPECT_THAT(header, HasSubstr("200 OK"));
  EXPECT_THAT(header, HasSubstr("text/event-stream"));
  EXPECT_EQ(hello, "retry: 3000\nid: 0:0\n\n");
  EXPECT_EQ(client->read_until("\n\n"), "event: item\nid: 0:1\ndata: {\"id\":\"x/1\"}\n\n");
  EXPECT_THAT(client->read_until("\n\n"), Not(HasSubstr("other")));
}

TEST_F(StreamTest, GoesOnAfterTheLastEventId) {
  start();
  for (Offset next = 1; next <= 3; ++next) {
    alerts_.push(Partition{0}, next, "alert", fmt::format("{{\"n\":{}}}", next));
  }

  const auto by_header = follow("/api/v1/alerts/stream", "Last-Event-ID: 0:2\r\n");
  const auto by_query = follow("/api/v1/alerts/stream?after=0:1");
  by_header->read_until("0:2\n\n");
  by_query->read_until("0:1\n\n");

  EXPECT_EQ(by_header->read_until("\n\n"), "event: alert\nid: 0:3\ndata: {\"n\":3}\n\n");
  EXPECT_EQ(by_query->read_until("\n\n"), "event: alert\nid: 0:2\ndata: {\"n\":2}\n\n");
}

TEST_F(StreamTest, SaysResetWhenTheIdIsTooOld) {
  start();
  for (Offset next = 1; next <= 9; ++next) alerts_.push(Partition{0}, next, "alert", "{}");

  const auto client = follow("/api/v1/alerts/stream?after=0:1");
  client->read_until("0:1\n\n");

  EXPECT_EQ(client->read_until("\n\n"), "event: reset\nid: 0:9\ndata: {}\n\n");
}

TEST_F(StreamTest, SendsAHeartbeatWithWhereItStands) {
  options_.heartbeat = std::chrono::milliseconds{20};
  start();
  const auto client = follow("/api/v1/alerts/stream");
  client->read_until("\n\n");
  const std::string beat = client->read_until("\n\n");
  alerts_.push(Partition{0}, 1, "", "");

  EXPECT_THAT(beat, HasSubstr(": beat"));
  EXPECT_THAT(client->read_until("id: 0:1\n\n"), HasSubstr(": beat"));
}

TEST_F(StreamTest, BoundsItsClientsAndForgetsThoseWhoLeave) {
  options_.max_stream_clients = 1;
  start();
  auto first = follow("/api/v1/alerts/stream");
  first->read_until("retry: ");

  const auto second = follow("/api/v1/alerts/stream");
  const Answer refused = read_answer(*second);
  EXPECT_EQ(refused.status, 503);
  EXPECT_THAT(refused.header, HasSubstr("Retry-After: 5"));

  first.reset();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{10};
  std::string header;
  while (header.find("200 OK") == std::string::npos &&
         std::chrono::steady_clock::now() < deadline) {
    const auto third = follow("/api/v1/alerts/stream");
    header = third->read_until("\r\n\r\n");
  }
  EXPECT_THAT(header, HasSubstr("200 OK"));
}

TEST_F(StreamTest, CutsAClientThatDoesNotRead) {
  options_.write_timeout = std::chrono::milliseconds{100};
  start();
  const auto client = follow("/api/v1/alerts/stream");
  client->read_until("retry: ");
  const std::string large(std::size_t{1} << 20, 'x');

  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
  std::string metrics;
  for (Offset next = 1; metrics.find("slow_client\"} 1") == std::string::npos &&
                        std::chrono::steady_clock::now() < deadline;
       ++next) {
    alerts_.push(Partition{0}, next, "alert", large);
    metrics = get("/metrics").body;
  }

  EXPECT_THAT(metrics, HasSubstr(R"(vigie_api_rejected_total{reason="slow_client"} 1)"));
  EXPECT_TRUE(client->ends());
}

TEST_F(StreamTest, AsksForARole) {
  options_.tokens = {token("i", "beta", Role::Ingest)};
  start();

  EXPECT_EQ(get("/api/v1/alerts/stream").status, 401);
  EXPECT_EQ(get("/api/v1/alerts/stream", "Authorization: Bearer beta\r\n").status, 403);
}

}  // namespace
}  // namespace vigie
