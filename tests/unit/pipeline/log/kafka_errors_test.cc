#include <array>
#include <chrono>

#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "pipeline/log/kafka_handle.h"
#include "pipeline/log/kafka_producer.h"

namespace vigie {
namespace {

using std::chrono::milliseconds;

constexpr std::int16_t kProduce = 0;  // the protocol's number of the request

// librdkafka's own imitation of a broker, which fails when it is told to.
class MockCluster : public testing::Test {
 protected:
  void SetUp() override {
    host_ = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), nullptr, 0);
    cluster_ = rd_kafka_mock_cluster_new(host_, 1);
    options_.bootstrap = rd_kafka_mock_cluster_bootstraps(cluster_);
    options_.delivery_timeout = milliseconds{5'000};
    for (const Topic topic : {Topic::Mentions, Topic::Cursors}) {
      rd_kafka_mock_topic_create(cluster_, kafka_topic(options_, topic).c_str(), 3, 1);
    }
  }
  void TearDown() override {
    producer_.reset();
    rd_kafka_mock_cluster_destroy(cluster_);
    rd_kafka_destroy(host_);
  }

  void open() {
    auto producer = KafkaProducer::open(options_);
    ASSERT_TRUE(producer) << producer.error().message;
    producer_ = std::move(*producer);
  }

  Result<void> send(std::vector<Record> records) { return producer_->send(records); }

  Offset end_of(Topic topic, Partition partition) {
    Offset low = 0;
    Offset high = 0;
    rd_kafka_query_watermark_offsets(producer_->handle().get(),
                                     kafka_topic(options_, topic).c_str(), number(partition), &low,
                                     &high, 5'000);
    return high;
  }

  KafkaOptions options_;
  rd_kafka_t* host_ = nullptr;
  rd_kafka_mock_cluster_t* cluster_ = nullptr;
  std::unique_ptr<KafkaProducer> producer_;
};

Record mention(std::string key) {
  return {Topic::Mentions, Partition{1}, std::move(key), "v"};
}

TEST_F(MockCluster, TakesWhatIsSent) {
  open();

  EXPECT_TRUE(send({mention("a"), mention("b")}));

  EXPECT_EQ(end_of(Topic::Mentions, Partition{1}), 2);
}

TEST_F(MockCluster, RetriesFaultsThatPass) {
  open();
  rd_kafka_mock_push_request_errors(cluster_, kProduce, 2,
                                    RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
                                    RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT);

  auto sent = send({mention("a")});

  EXPECT_TRUE(sent) << sent.error().message;
  EXPECT_TRUE(producer_->healthy());
}

TEST_F(MockCluster, SaysThatCredentialsWereRefused) {
  open();
  rd_kafka_mock_push_request_errors(cluster_, kProduce, 1,
                                    RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);

  auto sent = send({mention("a")});

  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, Code::Denied);
  EXPECT_NE(sent.error().message.find("vigie.mentions/1 key `a`"), std::string::npos)
      << sent.error().message;
  EXPECT_FALSE(producer_->healthy());
}

TEST_F(MockCluster, NamesTheKeyThatTheBrokerFindsTooLarge) {
  open();
  rd_kafka_mock_push_request_errors(cluster_, kProduce, 1, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);

  auto sent = send({mention("x/\n7")});

  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, Code::Invalid);
  EXPECT_NE(sent.error().message.find("x/\\x0a7"), std::string::npos) << sent.error().message;
  EXPECT_TRUE(producer_->healthy());
}

TEST_F(MockCluster, WritesNoCursorWhenAMentionWasRefused) {
  open();
  rd_kafka_mock_push_request_errors(cluster_, kProduce, 1,
                                    RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);

  EXPECT_FALSE(send({{Topic::Cursors, Partition{0}, "rss", "42"}, mention("a")}));

  EXPECT_EQ(end_of(Topic::Cursors, Partition{0}), 0);
}

TEST_F(MockCluster, GivesUpInTimeWhenTheBrokerIsGone) {
  // Long enough for the client's first second, in which it asks for its producer id.
  options_.delivery_timeout = milliseconds{4'000};
  open();
  ASSERT_TRUE(send({mention("a")}));
  rd_kafka_mock_broker_set_down(cluster_, 1);

  auto sent = send({mention("b")});

  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, Code::Unavailable);
  EXPECT_FALSE(producer_->healthy());
  rd_kafka_mock_broker_set_up(cluster_, 1);
  EXPECT_TRUE(send({mention("c")}));
  EXPECT_TRUE(producer_->healthy());
}

TEST_F(MockCluster, ReplacesAProducerThatFailedForGood) {
  open();
  ASSERT_TRUE(send({mention("a")}));
  rd_kafka_test_fatal_error(producer_->handle().get(),
                            RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "sequence lost");

  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{10};
  auto sent = send({mention("b")});
  while (!sent && std::chrono::steady_clock::now() < deadline) sent = send({mention("b")});

  EXPECT_TRUE(sent) << sent.error().message;
  EXPECT_TRUE(producer_->healthy());
}

// Whether a transaction ended cleanly is known from the errors that librdkafka tells.
TEST_F(MockCluster, CannotBeMadeSilentAboutBrokenConnections) {
  options_.properties = {{"log.connection.close", "false"}};

  const auto producer = KafkaProducer::open(options_);

  ASSERT_FALSE(producer);
  EXPECT_EQ(producer.error().code, Code::Invalid);
  EXPECT_NE(producer.error().message.find("log.connection.close"), std::string::npos);
}

// Each was replaced in some client, and silently.
TEST_F(MockCluster, RefusesWhatItWouldReplace) {
  for (const char* name : {"max.poll.interval.ms", "heartbeat.interval.ms",
                           "transaction.timeout.ms", "queue.buffering.max.messages"}) {
    options_.properties = {{name, "60000"}};

    const auto producer = KafkaProducer::open(options_);

    ASSERT_FALSE(producer) << name;
    EXPECT_NE(producer.error().message.find(name), std::string::npos) << producer.error().message;
  }
}

TEST_F(MockCluster, WaitsForRoomWhenItsQueueIsFull) {
  options_.properties = {{"queue.buffering.max.kbytes", "1"}};
  open();
  std::vector<Record> many;
  for (int i = 0; i < 500; ++i) many.push_back(mention(std::string(100, 'k')));

  auto sent = send(std::move(many));

  EXPECT_TRUE(sent) << sent.error().message;
  EXPECT_EQ(end_of(Topic::Mentions, Partition{1}), 500);
}

}  // namespace
}  // namespace vigie
