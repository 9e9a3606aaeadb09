#include <gmock/gmock.h>

#include "tests/unit/pipeline/api/api_fixture.h"

namespace vigie {
namespace {

using testing::HasSubstr;

constexpr std::string_view kJson = "Content-Type: application/json\r\n";
constexpr std::string_view kRules = R"(brand: {id: acme, query: acme}
themes: [{id: late, query: 'late -lang:de'}]
routes: [{id: new, when: 'author:new', queue: community}]
)";
constexpr std::string_view kMention =
    R"({"network":"x","id":"1","kind":"post","created_at":"2026-06-01T10:00:00Z","author":{"id":"a"},"text":"so Late","lang":"de"})";

class ExplainTest : public ApiTest {
 protected:
  ExplainTest() {
    explainer_ =
        std::make_shared<Explainer>(RuleSet::compile(kRules, "r.yaml").rules, kRules, "r.yaml");
  }
  Answer post(std::string_view body, std::string_view headers = kJson) {
    return ask("POST", "/api/v1/rules/explain", headers, body);
  }
};

TEST_F(ExplainTest, SaysWhatStoppedARuleAndWhoGetsTheMention) {
  start();

  const Answer answer = post(fmt::format(R"({{"mention":{},"rule":"theme:late"}})", kMention));

  EXPECT_EQ(answer.status, 200);
  EXPECT_THAT(answer.body, HasSubstr(R"("rule":"theme:late","matched":false)"));
  EXPECT_THAT(answer.body, HasSubstr(R"("text":"Late","words":["late"])"));
  EXPECT_THAT(answer.body,
              HasSubstr(R"("stopped_by":["lang:de must not be there: its language is de"])"));
  EXPECT_THAT(answer.body, HasSubstr(R"("queue":"none","route":null)"));
}

TEST_F(ExplainTest, TakesTheAuthorForANewOneUnlessTold) {
  start();
  const auto route = [&](std::string_view more) {
    return post(fmt::format(R"({{"mention":{},"rule":"route:new"{}}})", kMention, more)).body;
  };

  EXPECT_THAT(route(""), HasSubstr("the author was not heard of before"));
  EXPECT_THAT(route(R"(,"known_author":true)"), HasSubstr("the author was heard of before"));
}

TEST_F(ExplainTest, NamesWhatIsWrongWithARequest) {
  start();
  const std::string good = fmt::format(R"({{"mention":{}}})", kMention);
  const auto refused = [&](int status, std::string_view body, std::string_view reason) {
    const Answer answer = post(body);
    EXPECT_EQ(answer.status, status) << body;
    EXPECT_THAT(answer.body, HasSubstr(std::string(reason)));
  };

  EXPECT_EQ(post(good).status, 200);
  refused(400, "[]", "expected a JSON object");
  refused(400, "{", "expected a JSON object");
  refused(400, "{}", R"(expected the key \"mention\")");
  refused(400, R"({"mention":{"network":"x"}})", "mention: ");
  refused(400, R"({"mention":3})", "mention: ");
  refused(400, fmt::format(R"({{"mention":{},"rules":"a"}})", kMention),
          R"(unknown key \"rules\")");
  refused(400, fmt::format(R"({{"mention":{},"rule":3}})", kMention), "rule: expected a text");
  refused(400, fmt::format(R"({{"mention":{},"known_author":1}})", kMention), "known_author");
  refused(404, fmt::format(R"({{"mention":{},"rule":"theme:lat"}})", kMention),
          R"(did you mean \"theme:late\"?)");
  EXPECT_EQ(post(good, "Content-Type: text/plain\r\n").status, 415);
  EXPECT_EQ(get("/api/v1/rules/explain").status, 405);
}

TEST_F(ExplainTest, IsForReadersAndNotForSenders) {
  options_.tokens = {token("r", "alpha", Role::Reader), token("i", "beta", Role::Ingest)};
  start();
  const std::string body = fmt::format(R"({{"mention":{}}})", kMention);
  const auto as = [&](std::string_view secret) {
    return post(body, fmt::format("{}Authorization: Bearer {}\r\n", kJson, secret)).status;
  };

  EXPECT_EQ(as("alpha"), 200);
  EXPECT_EQ(as("beta"), 403);
  EXPECT_EQ(post(body).status, 401);
}

TEST_F(ExplainTest, WithoutRulesIsNotThereYet) {
  explainer_ = nullptr;
  start();

  EXPECT_EQ(post(fmt::format(R"({{"mention":{}}})", kMention)).status, 503);
}

}  // namespace
}  // namespace vigie
