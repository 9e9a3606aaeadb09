#include <gmock/gmock.h>

#include "tests/unit/pipeline/api/api_fixture.h"

namespace vigie {
namespace {

class ErasingTest : public ApiTest {
 protected:
  ErasingTest() {
    erase_author_ = [this](const std::string& network, const std::string& id) {
      const std::lock_guard lock(mutex_);
      asked_ = network + " " + id;
      return Result<std::string>("abc");
    };
    erasure_ = [](std::string_view id) -> Result<std::optional<std::string>> {
      if (id != "abc") return std::nullopt;
      return R"({"id":"abc","state":"done"})";
    };
  }
  std::string asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  std::string asked_;  // guarded by mutex_
};

TEST_F(ErasingTest, IsTakenAndItsStatusCanBeAsked) {
  start();

  const Answer answer = ask("DELETE", "/api/v1/authors/bluesky/did%3Aplc%3Aa%2Fb");

  EXPECT_EQ(answer.status, 202);
  EXPECT_EQ(answer.body, R"({"id":"abc","state":"pending","status":"/api/v1/erasures/abc"})");
  EXPECT_EQ(asked(), "bluesky did:plc:a/b");
  EXPECT_EQ(ask("GET", "/api/v1/erasures/abc").body, R"({"id":"abc","state":"done"})");
  EXPECT_EQ(ask("GET", "/api/v1/erasures/abd").status, 404);
}

TEST_F(ErasingTest, RefusesWhatNamesNobody) {
  start();

  EXPECT_EQ(ask("DELETE", "/api/v1/authors/Blue/1").status, 400);
  EXPECT_EQ(ask("DELETE", "/api/v1/authors/x/" + std::string(513, 'a')).status, 400);
  EXPECT_EQ(ask("PUT", "/api/v1/authors/x/1").status, 405);
  EXPECT_THAT(ask("PUT", "/api/v1/authors/x/1").header,
              testing::HasSubstr("Allow: GET, HEAD, DELETE, OPTIONS"));
  EXPECT_EQ(asked(), "");
}

TEST_F(ErasingTest, IsForAdminsOnly) {
  options_.tokens = {token("hook", "alpha", Role::Ingest), token("root", "beta", Role::Admin),
                     token("sm", "gamma", Role::Social)};
  start();

  EXPECT_EQ(ask("DELETE", "/api/v1/authors/x/1").status, 401);
  for (const char* secret : {"alpha", "gamma"}) {
    const std::string bearer = fmt::format("Authorization: Bearer {}\r\n", secret);
    EXPECT_EQ(ask("DELETE", "/api/v1/authors/x/1", bearer).status, 403) << secret;
    EXPECT_EQ(get("/api/v1/erasures/abc", bearer).status, 403) << secret;
  }
  EXPECT_EQ(asked(), "");
  EXPECT_EQ(ask("DELETE", "/api/v1/authors/x/1", "Authorization: Bearer beta\r\n").status, 202);
}

}  // namespace
}  // namespace vigie
