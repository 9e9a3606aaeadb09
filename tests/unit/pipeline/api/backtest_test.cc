#include <gmock/gmock.h>

#include "pipeline/core/json.h"
#include "tests/unit/pipeline/api/api_fixture.h"

namespace vigie {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kJson = "Content-Type: application/json\r\n";
constexpr std::string_view kLate =
    R"({"network":"x","id":"1","kind":"dm","created_at":"2026-06-01T10:00:00Z","author":{"id":"a"},"text":"acme is late"})";
constexpr std::string_view kRules =
    "brand: {id: acme, query: acme}\nthemes: [{id: late, query: late}]\n";

class BacktestAnswer : public ApiTest {
 protected:
  Answer post(std::string_view body, std::string_view headers = kJson) {
    return ask("POST", "/api/v1/rules/backtest", headers, body);
  }
  static std::string body_of(std::string_view rules, std::string_view mentions) {
    std::string out;
    JsonWriter(out).begin_object().field("rules", rules).key("mentions").raw(mentions).end_object();
    return out;
  }
};

TEST_F(BacktestAnswer, TellsWhatWouldChange) {
  rules_ = RuleSet::compile("brand: {id: acme, query: acme}\n", "r.yaml").rules;
  start();

  const Answer answer = post(body_of(kRules, fmt::format("[{}]", kLate)));

  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_THAT(answer.body, HasSubstr("\"against\":\"" + rules_->version() + '"'));
  EXPECT_THAT(answer.body, HasSubstr(R"({"rule":"brand","in":"both","old":1,"new":1,)"));
  EXPECT_THAT(
      answer.body,
      HasSubstr(R"({"rule":"theme:late","in":"new","old":0,"new":1,"added":{"mentions":1,)"
                R"("first":[{"mention":"x/1","text":"acme is late","dm":true}],"sampled":[]})"));
  EXPECT_THAT(answer.body, HasSubstr(R"("bad_mentions":{"mentions":0,"first":[]})"));
}

TEST_F(BacktestAnswer, WithoutRulesInUseThereIsNothingToCompareWith) {
  start();

  const Answer answer = post(body_of(kRules, fmt::format("[{}]", kLate)));

  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_THAT(answer.body, Not(HasSubstr("\"against\"")));
}

TEST_F(BacktestAnswer, MentionsAreNeeded) {
  start();

  for (const std::string& body :
       {std::string(R"({"rules":"brand: {id: acme, query: acme}"})"), body_of(kRules, "[]")}) {
    const Answer answer = post(body);
    EXPECT_EQ(answer.status, 422) << body;
    EXPECT_THAT(answer.body, HasSubstr("mentions: at least one is needed")) << body;
  }
}

TEST_F(BacktestAnswer, SaysWhereTheRulesAreWrong) {
  start();

  const Answer answer =
      post(body_of("brand: {id: acme, qury: acme}\n", fmt::format("[{}]", kLate)));

  EXPECT_EQ(answer.status, 422);
  EXPECT_THAT(answer.body, HasSubstr(R"({"line":1,"column":19,"reason":"brand: unknown key)"));
}

TEST_F(BacktestAnswer, GoesOnWithTheMentionsThatAreSome) {
  start();

  const Answer some = post(body_of(kRules, fmt::format("[1,{}]", kLate)));
  const Answer none = post(body_of(kRules, "[1]"));

  EXPECT_EQ(some.status, 200);
  EXPECT_THAT(some.body, HasSubstr(R"("matched":1)"));
  EXPECT_THAT(some.body, HasSubstr(R"("bad_mentions":{"mentions":1,"first":[{"index":0,)"));
  EXPECT_EQ(none.status, 422);
  EXPECT_THAT(none.body, HasSubstr("mentions: none is valid"));
}

TEST_F(BacktestAnswer, RefusesOtherBodies) {
  options_.max_body_bytes = 1 << 20;
  start();
  std::string many = "[1";
  for (int i = 0; i < 10'000; ++i) many += ",1";
  many += ']';

  EXPECT_EQ(post("{").status, 400);
  EXPECT_EQ(post("[]").status, 422);
  EXPECT_EQ(post(R"({"rules":1,"mentions":[1]})").status, 422);
  EXPECT_EQ(post(R"({"rules":"","mentions":1})").status, 422);
  EXPECT_EQ(post(R"({"rules":"","mentions":[1],"store":true})").status, 422);
  EXPECT_THAT(post(body_of(kRules, many)).body, HasSubstr("at most 10000"));
  EXPECT_EQ(post("{}", "Content-Type: text/plain\r\n").status, 415);
  EXPECT_EQ(post(std::string((1 << 20) + 1, ' ')).status, 413);
  EXPECT_EQ(get("/api/v1/rules/backtest").status, 405);
}

TEST_F(BacktestAnswer, IsForThoseWhoReadAndNotForThoseWhoOnlyWrite) {
  options_.tokens = {token("r", "alpha", Role::Reader), token("i", "beta", Role::Ingest)};
  start();
  const std::string body = body_of(kRules, fmt::format("[{}]", kLate));
  const auto as = [&](std::string_view secret) {
    return post(body, fmt::format("{}Authorization: Bearer {}\r\n", kJson, secret)).status;
  };

  EXPECT_EQ(as("alpha"), 200);
  EXPECT_EQ(as("beta"), 403);
  EXPECT_EQ(post(body).status, 401);
}

}  // namespace
}  // namespace vigie
