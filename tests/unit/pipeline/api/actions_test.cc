#include <gmock/gmock.h>
#include <simdjson.h>

#include "pipeline/api/answers.h"
#include "pipeline/api/idempotency.h"
#include "tests/unit/pipeline/api/api_fixture.h"

namespace vigie {
namespace {

using std::chrono::minutes;
using testing::HasSubstr;
using testing::Not;

class Actions : public ApiTest {
 protected:
  Answer act(std::string_view action, std::string_view body = "{}", std::string_view headers = "",
             std::string_view item = "x%2F1") {
    return ask("POST", fmt::format("/api/v1/items/{}/{}", item, action),
               fmt::format("Content-Type: application/json\r\n{}", headers), body);
  }
  static std::string bearer(std::string_view secret) {
    return fmt::format("Authorization: Bearer {}\r\n", secret);
  }
  static std::string key(std::string_view text) {
    return fmt::format("Idempotency-Key: {}\r\n", text);
  }
};

TEST_F(Actions, ClaimAnswersWithTheItemAndItsHolder) {
  fold("x/1", "x/1", "social");
  start();
  const Answer answer = act("claim", R"({"as":"ana","lease_seconds":600})");
  EXPECT_EQ(answer.status, 200);
  EXPECT_THAT(answer.body, HasSubstr(R"("state":"claimed")"));
  EXPECT_THAT(answer.body, HasSubstr(R"("claimed_by":"ana")"));
  EXPECT_THAT(answer.body, HasSubstr(R"("claimed_until":"2026-06-01T10:10:30Z")"));
}

TEST_F(Actions, LoserOfAClaimIsToldWhoHasItAndUntilWhen) {
  fold("x/1", "x/1", "social");
  start();
  act("claim", R"({"as":"ana"})");
  const Answer answer = act("claim", R"({"as":"bob"})");
  EXPECT_EQ(answer.status, 409);
  EXPECT_THAT(answer.header, HasSubstr("application/problem+json"));
  EXPECT_THAT(answer.body, HasSubstr(R"("claimed_by":"ana")"));
  EXPECT_THAT(answer.body, HasSubstr(R"("claimed_until":"2026-06-01T10:30:30Z")"));
  simdjson::dom::parser parser;
  EXPECT_FALSE(parser.parse(answer.body).error());
}

TEST_F(Actions, EachActionDoesWhatItSays) {
  fold("x/1", "x/1", "social");
  start();
  EXPECT_THAT(act("note", R"({"note":"called\nthem"})").body, HasSubstr(R"(called\nthem)"));
  EXPECT_THAT(act("reply_noted", "").body, HasSubstr(R"("state":"waiting")"));
  EXPECT_THAT(act("reopen").body, HasSubstr(R"("state":"open")"));
  EXPECT_THAT(act("claim").body, HasSubstr(R"("claimed_by":"local")"));
  EXPECT_THAT(act("release").body, HasSubstr(R"("claimed_by":null)"));
  EXPECT_THAT(act("handoff", R"({"note":"yours"})").body, HasSubstr(R"("queue":"community")"));
  EXPECT_THAT(act("resolve").body, HasSubstr(R"("resolved_by":"local")"));
  EXPECT_EQ(act("resolve").status, 409);
  EXPECT_EQ(act("claim").status, 409);
}

TEST_F(Actions, RolesActOnTheItemsOfTheirQueue) {
  options_.tokens = {token("ana", "alpha", Role::Social), token("bob", "beta", Role::Community),
                     token("root", "gamma", Role::Admin)};
  fold("x/1", "x/1", "social");
  fold("x/2", "x/2", "community");
  start();
  EXPECT_EQ(act("claim").status, 401);
  EXPECT_EQ(act("claim", "{}", bearer("beta")).status, 403);
  EXPECT_THAT(act("claim", "{}", bearer("alpha")).body, HasSubstr(R"("claimed_by":"ana")"));
  EXPECT_EQ(act("claim", "{}", bearer("alpha"), "x%2F2").status, 403);
  EXPECT_EQ(act("claim", "{}", bearer("beta"), "x%2F2").status, 200);
  EXPECT_EQ(act("note", R"({"note":"n"})", bearer("gamma"), "x%2F2").status, 200);
  // What is handed over is the other role's.
  EXPECT_EQ(act("handoff", R"({"note":"n"})", bearer("alpha")).status, 200);
  EXPECT_EQ(act("claim", "{}", bearer("alpha")).status, 403);
  EXPECT_EQ(act("claim", "{}", bearer("beta")).status, 200);
}

TEST_F(Actions, ReadersAndSendersMayNotAct) {
  options_.tokens = {token("r", "alpha", Role::Reader), token("i", "beta", Role::Ingest)};
  fold("x/1", "x/1", "social");
  start();
  EXPECT_EQ(act("claim", "{}", bearer("alpha")).status, 403);
  EXPECT_EQ(act("claim", "{}", bearer("beta")).status, 403);
}

TEST_F(Actions, PeopleWhoShareATokenAreNamedBehindIt) {
  options_.tokens = {token("team", "alpha", Role::Social)};
  fold("x/1", "x/1", "social");
  start();
  EXPECT_THAT(act("claim", R"({"as":"ana"})", bearer("alpha")).body,
              HasSubstr(R"("claimed_by":"team/ana")"));
  EXPECT_EQ(act("claim", R"({"as":"bob"})", bearer("alpha")).status, 409);
}

TEST_F(Actions, BadRequestsSayWhatIsWrongAndDoNothing) {
  fold("x/1", "x/1", "social");
  start();
  for (const char* body : {"[]", "{", R"({"lease_seconds":1})", R"({"lease_seconds":"1h"})",
                           R"({"nope":1})", R"({"as":""})", R"({"as":"a\nb"})", R"({"note":7})"}) {
    EXPECT_EQ(act("claim", body).status, 400) << body;
  }
  EXPECT_EQ(act("note").status, 400);
  EXPECT_EQ(act("handoff").status, 400);
  EXPECT_EQ(act("resolve", R"({"lease_seconds":600})").status, 400);
  EXPECT_EQ(act("note", fmt::format(R"({{"note":"{}"}})", std::string(4097, 'n'))).status, 400);
  EXPECT_EQ(act("dance").status, 404);
  EXPECT_EQ(act("claim", "{}", "", "x%2F9").status, 404);
  EXPECT_EQ(get("/api/v1/items/x%2F1/claim").status, 405);
  EXPECT_EQ(ask("POST", "/api/v1/items/x%2F1/claim", "Content-Type: text/plain\r\n", "{}").status,
            415);
  EXPECT_EQ(ask("POST", "/api/v1/items/x%2F1/claim", "", "").status, 415);
  EXPECT_EQ(queues_->item("x/1")->state, ItemState::Open);
  EXPECT_TRUE(queues_->item("x/1")->notes.empty());
}

TEST_F(Actions, SameKeyAndRequestIsDoneOnceAndAnsweredTheSame) {
  fold("x/1", "x/1", "social");
  start();
  const Answer first = act("note", R"({"note":"a"})", key("k1"));
  now_ += minutes{1};
  const Answer again = act("note", R"({"note":"a"})", key("k1"));
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(queues_->item("x/1")->notes.size(), 1U);

  EXPECT_EQ(act("note", R"({"note":"b"})", key("k1")).status, 422);
  EXPECT_EQ(act("note", R"({"note":"a"})", key("k1"), "x%2F2").status, 422);
  EXPECT_EQ(act("note", R"({"note":"b"})", key("k2")).status, 200);
  EXPECT_EQ(queues_->item("x/1")->notes.size(), 2U);
  EXPECT_EQ(act("note", R"({"note":"b"})", key(std::string(201, 'k'))).status, 400);
}

TEST_F(Actions, KeyIsKnownAfterARestartOfTheServer) {
  fold("x/1", "x/1", "social");
  start();
  act("note", R"({"note":"a"})", key("k1"));
  server_.reset();
  start();
  EXPECT_EQ(act("note", R"({"note":"a"})", key("k1")).status, 200);
  EXPECT_EQ(queues_->item("x/1")->notes.size(), 1U);
}

TEST_F(Actions, HandoffThatIsRepeatedAfterARestartIsAnsweredAsDone) {
  options_.tokens = {token("ana", "alpha", Role::Social)};
  fold("x/1", "x/1", "social");
  start();
  const std::string headers = bearer("alpha") + key("k1");
  EXPECT_EQ(act("handoff", R"({"note":"a"})", headers).status, 200);
  server_.reset();
  start();
  EXPECT_EQ(act("handoff", R"({"note":"a"})", headers).status, 200);
  EXPECT_EQ(queues_->item("x/1")->notes.size(), 1U);
  EXPECT_EQ(act("handoff", R"({"note":"a"})", bearer("alpha") + key("k2")).status, 403);
}

TEST_F(Actions, WhatIsNotFoldedInTimeIsAnswered202WithItsOffsetAndAskedAgain) {
  fold("x/1", "x/1", "social");
  auto folding = act_;
  bool late = true;
  act_ = [&](ConversationRecord action) -> Result<ActionDone> {
    if (!std::exchange(late, false)) return folding(std::move(action));
    return ActionDone{41, std::nullopt};
  };
  start();
  const Answer answer = act("claim", "{}", key("k1"));
  EXPECT_EQ(answer.status, 202);
  EXPECT_THAT(answer.body, HasSubstr(R"("offset":41)"));
  EXPECT_EQ(act("claim", "{}", key("k1")).status, 200);
}

TEST_F(Actions, LogThatCannotBeWrittenIsSaidAndNotRemembered) {
  fold("x/1", "x/1", "social");
  auto folding = act_;
  bool broken = true;
  act_ = [&](ConversationRecord action) -> Result<ActionDone> {
    if (!std::exchange(broken, false)) return folding(std::move(action));
    return fail(Code::Unavailable, "log: refused");
  };
  start();
  EXPECT_EQ(act("claim", "{}", key("k1")).status, 503);
  EXPECT_EQ(act("claim", "{}", key("k1")).status, 200);
}

TEST_F(Actions, NodeThatTakesNoneSaysSo) {
  fold("x/1", "x/1", "social");
  act_ = nullptr;
  start();
  EXPECT_EQ(act("claim").status, 503);
}

TEST_F(Actions, ItemTellsItsClocksAsOfTheStream) {
  ConversationRecord record;
  record.conversation = "x/1";
  record.seen_at = record.message.event_time = now_;
  record.message.key = "x/1";
  record.message.queue = "social";
  record.message.priority = "high";
  record.message.sla_seconds = 3600;
  std::string value;
  append_json(value, record);
  StoreBatch batch;
  ASSERT_TRUE(queues_->apply(Partition{0}, offset_++, "x/1", value, batch));
  start();
  const auto clocks = [&] {
    const std::string body = get("/api/v1/items/x%2F1").body;
    const std::size_t at = body.find("\"clocks\"");
    return body.substr(at, body.find(']', at) - at);
  };
  EXPECT_THAT(clocks(), HasSubstr(R"("kind":"first_response","limit_seconds":3600)"));
  EXPECT_THAT(clocks(), HasSubstr(R"("at_risk":false,"breached":false)"));
  now_ += minutes{50};
  EXPECT_THAT(clocks(), HasSubstr(R"("at_risk":true,"breached":false)"));
  now_ += minutes{10};
  EXPECT_THAT(clocks(), HasSubstr(R"("at_risk":false,"breached":true)"));
}

TEST(Idempotency, ForgetsTheOldestAnswersBeyondItsBounds) {
  IdempotencyMemory memory(3, 100);
  const auto remember = [&](const std::string& key, std::size_t bytes) {
    EXPECT_EQ(memory.look(key, "r").found, IdempotencyMemory::Found::New);
    Response response;
    response.body.assign(bytes, 'b');
    memory.done(key, response, true);
  };
  for (int i = 0; i < 10; ++i) remember(std::to_string(i), 1);
  EXPECT_EQ(memory.size(), 3U);
  EXPECT_EQ(memory.look("9", "r").found, IdempotencyMemory::Found::Known);
  EXPECT_EQ(memory.look("9", "other").found, IdempotencyMemory::Found::Other);
  remember("large", 200);
  EXPECT_EQ(memory.size(), 1U);
  remember("0", 1);
  EXPECT_EQ(memory.look("large", "r").found, IdempotencyMemory::Found::New);
  EXPECT_EQ(memory.look("large", "r").found, IdempotencyMemory::Found::Busy);
}

}  // namespace
}  // namespace vigie
