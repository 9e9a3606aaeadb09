#include <gmock/gmock.h>

#include "pipeline/net/signature.h"
#include "tests/unit/pipeline/api/api_fixture.h"

namespace vigie {
namespace {

using testing::HasSubstr;

constexpr std::string_view kJson = "Content-Type: application/json\r\n";
constexpr std::string_view kGood =
    R"({"network":"webhook","id":"1","kind":"mention","created_at":"2026-06-01T10:00:00Z","author":{"id":"a"},"text":"hi","seen_at":"2020-01-01T00:00:00Z","connector":"forged"})";
constexpr std::string_view kOther =
    R"({"network":"x","id":"2","kind":"mention","created_at":"2026-06-01T10:00:00Z","author":{"id":"a"},"text":"hi"})";
constexpr std::string_view kDelete = R"({"network":"webhook","id":"1","op":"delete"})";

class MentionsTest : public ApiTest {
 protected:
  MentionsTest() {
    accept_ = [this](Delivery delivery) -> Result<Accepted> {
      const std::lock_guard lock(mutex_);
      if (refusal_) return std::unexpected(*refusal_);
      const Accepted accepted{delivery.mentions.size(), 0, delivery.refused.size()};
      delivery_ = std::move(delivery);
      return accepted;
    };
  }
  Answer post(std::string_view body, std::string_view headers = kJson) {
    return ask("POST", "/api/v1/mentions", headers, body);
  }

  Delivery delivery() {
    const std::lock_guard lock(mutex_);
    return delivery_;
  }
  void refuse(Error error) {
    const std::lock_guard lock(mutex_);
    refusal_ = std::move(error);
  }
  void forget() {
    const std::lock_guard lock(mutex_);
    delivery_ = {};
  }

 private:
  std::optional<Error> refusal_;  // guarded by mutex_
  Delivery delivery_;             // guarded by mutex_
};

TEST_F(MentionsTest, TakesAnObjectAnArrayOrLines) {
  start();
  const std::string array = fmt::format("[{},{}]", kGood, kOther);
  const std::string lines = fmt::format("{}\n\n{}\r\n", kGood, kOther);

  EXPECT_EQ(post(kGood).body, R"({"logged":1,"dropped":0,"dead_lettered":0})");
  EXPECT_EQ(post(array).body, R"({"logged":2,"dropped":0,"dead_lettered":0})");
  EXPECT_EQ(post(lines, "Content-Type: application/x-ndjson; charset=utf-8\r\n").body,
            R"({"logged":2,"dropped":0,"dead_lettered":0})");
  EXPECT_EQ(delivery().mentions[1].id, "2");
}

TEST_F(MentionsTest, SaysItselfWhenAndBywhomAMentionCame) {
  start();
  post(kGood);

  EXPECT_FALSE(delivery().mentions[0].seen_at);
  EXPECT_EQ(delivery().mentions[0].connector, "api");
}

TEST_F(MentionsTest, StoresTheValidOnesAndGivesTheReasonsOfTheOthers) {
  start();

  const Answer answer = post(fmt::format("[{},{{\"network\":1}}]", kGood));

  EXPECT_EQ(answer.status, 200);
  EXPECT_THAT(answer.body, HasSubstr(R"("logged":1,"dropped":0,"dead_lettered":1)"));
  EXPECT_THAT(answer.body, HasSubstr(R"("errors":[{"index":1,"reason":")"));
  ASSERT_EQ(delivery().refused.size(), 1U);
  EXPECT_EQ(delivery().refused[0].bytes, R"({"network":1})");
}

TEST_F(MentionsTest, SeesTheFormOfABodyWhateverTypeItIsSaidToBe) {
  start();
  constexpr std::string_view kLines = "Content-Type: Application/X-NDJSON\r\n";
  const std::string lines = fmt::format("{}\n{{\"broken\n{}", kGood, kOther);
  const std::string array = fmt::format("[{},{}]", kGood, kOther);

  for (const std::string_view type : {kJson, kLines}) {
    EXPECT_THAT(post(lines, type).body, HasSubstr(R"("logged":2,"dropped":0,"dead_lettered":1)"));
    EXPECT_THAT(post(array, type).body, HasSubstr(R"("logged":2,"dropped":0,"dead_lettered":0)"));
  }
}

TEST_F(MentionsTest, RefusesABodyWithoutAnyValidMention) {
  start();

  EXPECT_EQ(post("[{},{\"op\":\"tick\"}]").status, 422);
  EXPECT_EQ(post("{not json\nat all}").status, 422);
  EXPECT_EQ(post("{\"id\":\"\xff\xfe\"}").status, 422);
  EXPECT_EQ(post("not json\nat all").status, 422);
  EXPECT_EQ(post("\xff\xfe").status, 422);
  EXPECT_EQ(post("null").status, 422);
  EXPECT_EQ(post(fmt::format("[{},]", kGood)).status, 400);
  EXPECT_EQ(post("[").status, 400);
  EXPECT_EQ(post("[]").status, 400);
  EXPECT_EQ(post("  ").status, 400);
  EXPECT_EQ(post(kGood, "Content-Type: text/plain\r\n").status, 415);
  EXPECT_EQ(post(kGood, "").status, 415);
  EXPECT_TRUE(delivery().mentions.empty());
}

TEST_F(MentionsTest, KeepsATokenToItsNetworksAndOps) {
  options_.tokens = {token("hook", "alpha", Role::Ingest), token("root", "beta", Role::Admin)};
  start();
  const std::string ingest = fmt::format("{}Authorization: Bearer alpha\r\n", kJson);
  const std::string admin = fmt::format("{}Authorization: Bearer beta\r\n", kJson);

  EXPECT_EQ(post(kGood).status, 401);
  EXPECT_EQ(post(kGood, ingest).status, 200);
  EXPECT_EQ(delivery().connector, "hook");
  EXPECT_EQ(post(kOther, ingest).status, 403);
  EXPECT_EQ(post(kDelete, ingest).status, 403);
  EXPECT_EQ(post(kDelete, admin).status, 200);
  forget();
  EXPECT_EQ(post(fmt::format("{}\n{}", kGood, kOther), ingest).status, 403);
  EXPECT_TRUE(delivery().mentions.empty());
}

TEST_F(MentionsTest, TakesASignedBody) {
  const std::string secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
  options_.webhook_secrets = {secret};
  options_.tokens = {token("hook", "alpha", Role::Ingest)};
  start();
  const std::string signature = WebhookSecret::parse(secret)->sign("m1", now_, kGood);
  const std::string headers = fmt::format(
      "{}webhook-id: m1\r\nwebhook-timestamp: {}\r\nwebhook-signature: {}\r\n", kJson,
      std::chrono::floor<std::chrono::seconds>(now_).time_since_epoch().count(), signature);

  EXPECT_EQ(post(kGood, headers).status, 200);
  EXPECT_EQ(delivery().connector, "webhook");
  EXPECT_EQ(post(kOther, headers).status, 401);
  EXPECT_EQ(get("/api/v1/alerts", headers).status, 401);
}

TEST_F(MentionsTest, PassesOnWhenToComeAgain) {
  start();
  refuse(Error{Code::Throttled, "log is full", std::chrono::milliseconds{2500}});
  const Answer throttled = post(kGood);
  refuse(Error{Code::Unavailable, "no leader", std::chrono::milliseconds{0}});
  const Answer unavailable = post(kGood);

  EXPECT_EQ(throttled.status, 429);
  EXPECT_THAT(throttled.header, HasSubstr("Retry-After: 3\r\n"));
  EXPECT_EQ(unavailable.status, 503);
  EXPECT_THAT(unavailable.header, HasSubstr("Retry-After: 1\r\n"));
}

TEST_F(MentionsTest, AsksForTheBodyWhenTheClientWaits) {
  start();
  RawClient client(server_->port());
  client.send(
      fmt::format("POST /api/v1/mentions HTTP/1.1\r\nHost: localhost\r\n{}"
                  "Expect: 100-continue\r\nContent-Length: {}\r\n\r\n",
                  kJson, kGood.size()));
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send(kGood);

  EXPECT_EQ(read_answer(client).status, 200);
}

TEST_F(MentionsTest, KeepsASignedSenderToWhatTheConfigNames) {
  const std::string secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
  options_.webhook_secrets = {secret};
  options_.webhook_networks = {"webhook"};
  options_.webhook_ops = {"delete"};
  start();
  const auto signed_headers = [&](std::string_view body) {
    return fmt::format("{}webhook-id: m1\r\nwebhook-timestamp: {}\r\nwebhook-signature: {}\r\n",
                       kJson,
                       std::chrono::floor<std::chrono::seconds>(now_).time_since_epoch().count(),
                       WebhookSecret::parse(secret)->sign("m1", now_, body));
  };
  const std::string removal = R"({"network":"webhook","id":"1","op":"delete"})";
  const std::string creation = R"({"network":"webhook","id":"1","kind":"post","author":{"id":"a"},)"
                               R"("created_at":"2026-06-01T10:00:00Z"})";

  EXPECT_EQ(post(removal, signed_headers(removal)).status, 200);
  EXPECT_EQ(post(creation, signed_headers(creation)).status, 403);
}

TEST_F(MentionsTest, BodiesInFlightAreBounded) {
  options_.max_bodies_bytes = 3000;
  options_.body_timeout = std::chrono::seconds{20};
  start();
  const auto begin = [&](RawClient& client) {
    client.send(
        fmt::format("POST /api/v1/mentions HTTP/1.1\r\nHost: localhost\r\n{}"
                    "Expect: 100-continue\r\nContent-Length: 2000\r\n\r\n",
                    kJson));
  };
  RawClient first(server_->port());
  begin(first);
  ASSERT_EQ(first.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");

  RawClient second(server_->port());
  begin(second);
  const Answer refused = read_answer(second);
  EXPECT_EQ(refused.status, 429);
  EXPECT_THAT(refused.header, HasSubstr("Retry-After: 5\r\n"));

  first.send(std::string(kGood) + std::string(2000 - kGood.size(), ' '));
  EXPECT_EQ(read_answer(first).status, 200);
  EXPECT_EQ(post(std::string(kGood) + std::string(2000, ' ')).status, 200);
  EXPECT_THAT(get("/metrics").body, HasSubstr(R"(vigie_api_rejected_total{reason="bodies"} 1)"));
}

TEST_F(MentionsTest, ASignatureWithoutIdAndTimeIsNoReasonToReadABody) {
  options_.webhook_secrets = {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"};
  options_.tokens = {token("hook", "alpha", Role::Ingest)};
  start();

  EXPECT_EQ(post(kGood, fmt::format("{}webhook-signature: v1,x\r\n", kJson)).status, 401);
}

}  // namespace
}  // namespace vigie
