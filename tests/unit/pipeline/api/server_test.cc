#include <random>

#include <gmock/gmock.h>
#include <simdjson.h>

#include "pipeline/api/routes.h"
#include "state/authors.h"
#include "state/counters.h"
#include "tests/unit/pipeline/api/api_fixture.h"

namespace vigie {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kAlpha = "Authorization: Bearer alpha\r\n";
constexpr std::string_view kBeta = "Authorization: Bearer beta\r\n";

TEST_F(ApiTest, AnswersHealthAndReadiness) {
  start();

  EXPECT_EQ(get("/healthz").status, 200);
  EXPECT_EQ(get("/readyz").body, R"({"status":"ready","checks":{"log":"ok"}})");

  set_readiness(Readiness{false, {{"log", "no leader"}}});
  const Answer answer = get("/readyz");
  EXPECT_EQ(answer.status, 503);
  EXPECT_THAT(answer.header, HasSubstr("Retry-After: "));
  EXPECT_THAT(answer.header, HasSubstr("application/problem+json"));
  EXPECT_THAT(answer.body, HasSubstr(R"("checks":{"log":"no leader"})"));
}

TEST_F(ApiTest, ShowsItsOwnMetrics) {
  start();
  get("/healthz");

  const std::string text = get("/metrics").body;

  EXPECT_THAT(text, HasSubstr(R"(vigie_api_requests_total{code="200",route="healthz"} 1)"));
  EXPECT_THAT(text, HasSubstr("vigie_api_request_seconds_bucket"));
  EXPECT_THAT(text, HasSubstr("vigie_api_stream_clients 0"));
}

TEST_F(ApiTest, KeepsTheConnectionAndAnswersHeadAndOptions) {
  start();
  RawClient client(server_->port());

  client.send(
      "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
      "HEAD /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
      "OPTIONS /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
      "POST /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const Answer get_answer = read_answer(client);
  const Answer head = read_answer(client, true);
  const Answer options = read_answer(client);
  const Answer post = read_answer(client);

  EXPECT_EQ(get_answer.body, R"({"status":"ok"})");
  EXPECT_EQ(head.status, 200);
  EXPECT_THAT(head.header, HasSubstr("Content-Length: 15"));
  EXPECT_EQ(options.status, 204);
  EXPECT_THAT(options.header, HasSubstr("Allow: GET, HEAD, OPTIONS"));
  EXPECT_EQ(post.status, 405);
}

TEST_F(ApiTest, PagesThroughAQueueByPriority) {
  fold("x/1", "x/1", "social");
  fold("x/2", "x/2", "social", "urgent");
  fold("x/3", "x/3", "social");
  fold("x/4", "x/4", "community");
  tagged_["x/2"] = R"({"v":1,"network":"x","id":"2","kind":"mention","text":"help"})";
  start();

  const Answer first = get("/api/v1/queues/social/items?limit=2");
  simdjson::dom::parser parser;
  simdjson::dom::element page = parser.parse(simdjson::padded_string(first.body));
  const std::string_view next = page["next"];
  const Answer second = get("/api/v1/queues/social/items?limit=2&after=" + std::string(next));

  EXPECT_EQ(std::int64_t(page["total"]), 3);
  EXPECT_EQ(std::string_view(page["items"].at(0)["id"]), "x/2");
  EXPECT_EQ(std::string_view(page["items"].at(0)["messages"].at(0)["mention"]["text"]), "help");
  EXPECT_TRUE(page["items"].at(1)["messages"].at(0)["mention"].is_null());
  EXPECT_THAT(second.body, HasSubstr(R"("next":null)"));
  EXPECT_THAT(second.body, HasSubstr(R"("id":"x/3")"));
  EXPECT_THAT(second.body, Not(HasSubstr(R"("id":"x/4")")));
}

TEST_F(ApiTest, FindsAnItemByItsPercentEncodedId) {
  fold("x/1 é", "x/1 é", "social");
  start();

  EXPECT_THAT(get("/api/v1/items/x%2F1%20%C3%A9").body, HasSubstr(R"("id":"x/1 é")"));
  EXPECT_EQ(get("/api/v1/items/x%2F2").status, 404);
}

TEST_F(ApiTest, HiddenTextAndTextOfDirectMessagesStayWithThoseWhoMayReadThem) {
  fold("x/1", "x/1", "social");
  fold("x/2", "x/2", "social");
  tagged_["x/1"] = R"({"kind":"dm","text":"my secret"})";
  tagged_["x/2"] = R"({"kind":"mention","text":"gone","hidden":true})";
  options_.tokens = {token("r", "alpha", Role::Community), token("s", "beta", Role::Social)};
  start();

  const std::string reader = get("/api/v1/queues/social/items", kAlpha).body;
  const std::string social = get("/api/v1/queues/social/items", kBeta).body;

  EXPECT_THAT(reader, HasSubstr(R"("mention":{"kind":"dm"})"));
  EXPECT_THAT(reader, Not(HasSubstr("my secret")));
  EXPECT_THAT(social, HasSubstr("my secret"));
  EXPECT_THAT(social, Not(HasSubstr("gone")));
}

TEST_F(ApiTest, AsksForATokenWhereTokensAreConfigured) {
  options_.tokens = {token("r", "alpha", Role::Reader), token("i", "beta", Role::Ingest)};
  start();

  const Answer nobody = get("/api/v1/alerts");
  EXPECT_EQ(nobody.status, 401);
  EXPECT_THAT(nobody.header, HasSubstr("WWW-Authenticate: Bearer"));
  EXPECT_EQ(get("/api/v1/alerts", "Authorization: Bearer wrong\r\n").status, 401);
  EXPECT_EQ(get("/api/v1/alerts", "Authorization: Basic alpha\r\n").status, 401);
  EXPECT_EQ(get("/api/v1/alerts", kAlpha).status, 200);
  EXPECT_EQ(get("/api/v1/alerts", kBeta).status, 403);
  EXPECT_EQ(ask("POST", "/api/v1/mentions", kAlpha, "{}").status, 403);
  EXPECT_EQ(get("/healthz").status, 200);
  EXPECT_EQ(get("/metrics").status, 401);
}

TEST_F(ApiTest, RefusesToBindBeyondLoopbackUnsafely) {
  const auto code = [&] {
    const auto started = ApiServer::start(options_, parts());
    return started ? std::optional<Code>() : started.error().code;
  };
  options_.address = "0.0.0.0";
  EXPECT_EQ(code(), Code::Invalid);
  options_.behind_proxy = true;
  EXPECT_EQ(code(), Code::Invalid);
  options_.tokens = {token("r", "alpha", Role::Reader)};
  EXPECT_EQ(code(), std::nullopt);
  options_.behind_proxy = false;
  EXPECT_EQ(code(), Code::Invalid);
  options_.address = "127.0.0.1";
  options_.behind_proxy = true;
  EXPECT_EQ(code(), std::nullopt);
  options_.tokens.clear();
  EXPECT_EQ(code(), Code::Invalid);
  options_.behind_proxy = false;
  options_.tokens = {token("r", "alpha", Role::Reader)};
  options_.tokens[0].sha256_hex = "abc";
  EXPECT_EQ(code(), Code::Invalid);
}

TEST_F(ApiTest, SaysThatThePortIsTaken) {
  start();
  options_.port = server_->port();

  EXPECT_EQ(ApiServer::start(options_, parts()).error().code, Code::Unavailable);
}

TEST_F(ApiTest, WithoutTokensServesOnlyLoopbackNames) {
  start();
  for (const auto& [host, status] : {std::pair{"evil.example", 421},
                                     {"127.0.0.1.evil.example", 421},
                                     {"127.0.0.1:8080", 200},
                                     {"[::1]:80", 200}}) {
    RawClient client(server_->port());
    client.send(fmt::format("GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", host));
    EXPECT_EQ(read_answer(client).status, status) << host;
  }
}

TEST_F(ApiTest, TellsWhatIsWrongWithARequest) {
  start();
  for (const auto& [target, status] :
       {std::pair{"/nothing", 404},
        {"/api/v1/queues/other/items", 404},
        {"/api/v1/items/", 404},
        {"/api/v1/queues/social/items?limit=0", 400},
        {"/api/v1/queues/social/items?limit=x", 400},
        {"/api/v1/queues/social/items?after=zz", 400},
        {"/api/v1/queues/social/items?state=x", 400},
        {"/api/v1/queues/social/items?colour=red", 400},
        {"/healthz?a=%zz", 400},
        {"/api/v1/items/%ff", 400},
        {"/api/v1/queues/social/stream?after=x", 400},
        {"/api/v1/queues/social/items?limit=1&limit=2", 400},
        {"/api/v1/counters?dimension=moon", 400},
        {"/api/v1/counters?measure=authors", 400},
        {"/api/v1/counters?dimension=theme&id=t&measure=authors&window=30m", 400},
        {"/api/v1/counters?measure=x", 400},
        {"/api/v1/counters?dimension=theme", 400},
        {"/api/v1/counters?window=99d", 400},
        {"/api/v1/counters?window=1", 400},
        {"/api/v1/counters?window=99999999999999999999h", 400},
        {"/api/v1/counters?end=now", 400},
        {"/api/v1/counters?end=9999-12-31T23:59:59Z", 400},
        {"/api/v1/counters?window=7d&step=5m", 400},
        {"/api/v1/rules", 503}}) {
    const Answer answer = get(target);
    EXPECT_EQ(answer.status, status) << target;
    EXPECT_THAT(answer.header, HasSubstr("application/problem+json")) << target;
    EXPECT_THAT(answer.body, HasSubstr(fmt::format(R"("status":{},"detail":")", status)));
  }
}

TEST_F(ApiTest, SurvivesGarbage) {
  start();
  for (const std::string_view text :
       {std::string_view("\x16\x03\x01\x02garbage\r\n\r\n"), std::string_view("GET\r\n\r\n"),
        std::string_view("GET / HTTP/9.9\r\n\r\n"), std::string_view("GET / HTTP/1.1\r\n\r\n"),
        std::string_view("GET http://[ HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        std::string_view("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
        std::string_view("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n")}) {
    RawClient client(server_->port());
    client.send(text);
    EXPECT_EQ(read_answer(client).status, 400) << text;
    EXPECT_TRUE(client.ends());
  }
  EXPECT_EQ(get("/healthz").status, 200);
}

TEST_F(ApiTest, BoundsHeadersAndBodies) {
  options_.max_header_bytes = 1024;
  options_.max_body_bytes = 1000;
  accept_ = [](Delivery) -> Result<Accepted> { return Accepted{}; };
  start();

  EXPECT_EQ(get("/healthz", "X: " + std::string(2000, 'x') + "\r\n").status, 431);
  EXPECT_EQ(
      ask("POST", "/api/v1/mentions", "Content-Type: application/json\r\n", std::string(2000, ' '))
          .status,
      413);
  RawClient chunked(server_->port());
  chunked.send(
      "POST /api/v1/mentions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
      "Content-Type: application/json\r\n\r\n7d0\r\n" +
      std::string(2000, ' ') + "\r\n0\r\n\r\n");
  EXPECT_EQ(read_answer(chunked).status, 413);
  EXPECT_EQ(ask("GET", "/healthz", "", "body").status, 400);
}

TEST_F(ApiTest, CutsClientsThatDoNotFinishTheirRequest) {
  options_.header_timeout = std::chrono::milliseconds{200};
  options_.body_timeout = std::chrono::milliseconds{200};
  // Longer than a client may take from connecting to its first byte on a busy machine.
  options_.idle_timeout = std::chrono::milliseconds{2000};
  start();
  RawClient silent(server_->port());
  RawClient slow_header(server_->port());
  RawClient slow_body(server_->port());

  slow_header.send("GET / HT");
  slow_body.send(
      "POST /api/v1/mentions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{");

  EXPECT_TRUE(silent.ends());
  EXPECT_TRUE(slow_header.ends());
  EXPECT_TRUE(slow_body.ends());
  EXPECT_THAT(get("/metrics").body, HasSubstr(R"(vigie_api_rejected_total{reason="timeout"} 2)"));
}

TEST_F(ApiTest, TurnsAwayConnectionsBeyondTheLimit) {
  options_.max_connections = 1;
  start();
  RawClient first(server_->port());
  first.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(read_answer(first).status, 200);

  RawClient second(server_->port());
  const Answer answer = read_answer(second);

  EXPECT_EQ(answer.status, 503);
  EXPECT_THAT(answer.header, HasSubstr("Retry-After: 5"));
}

TEST_F(ApiTest, SumsWholeBucketsOfAWindow) {
  CounterBatch counters(*store_, Partition{0});
  const auto count = [&](std::string_view time, std::int64_t mentions) {
    Measures delta{};
    delta[0] = mentions;
    counters.add(Series{Dimension::All, "all"}, minute_of(*parse_time(time)), delta, now_);
  };
  count("2026-06-01T09:00:59Z", 100);  // at the open end of the hour before 10:00:30
  count("2026-06-01T09:01:00Z", 1);
  count("2026-06-01T09:30:00Z", 2);
  count("2026-06-01T10:00:10Z", 4);
  StoreBatch batch;
  ASSERT_TRUE(counters.flush(batch));
  write(batch);
  start();

  const Answer hour = get("/api/v1/counters?window=1h&step=30m");
  const Answer week = get("/api/v1/counters?window=7d");

  EXPECT_THAT(
      hour.body,
      HasSubstr(R"("bucket_seconds":60,"step_seconds":1800,"total":7,"estimate":false,"points":)"
                R"([{"start":"2026-06-01T09:01:00Z","value":3},)"
                R"({"start":"2026-06-01T09:31:00Z","value":4}])"));
  EXPECT_THAT(hour.body, HasSubstr(R"("as_of":"2026-06-01T10:00:30Z")"));
  EXPECT_THAT(week.body, HasSubstr(R"("bucket_seconds":3600,"step_seconds":3600,"total":107)"));
}

TEST_F(ApiTest, CountsAnAuthorOfSeveralHoursOnce) {
  Authors authors(*store_);
  const Hour last = hour_of(now_);
  const auto wrote = [&](const char* theme, Hour hour, std::uint64_t number) {
    AuthorKey key{};
    std::mt19937_64 spread(number);
    for (std::uint8_t& byte : key) byte = static_cast<std::uint8_t>(spread());
    authors.count(Partition{0}, {Dimension::Theme, theme}, hour, key, 1);
  };
  wrote("late", last - 24, 9);  // before the window
  wrote("late", last - 2, 1);
  wrote("late", last - 2, 2);
  wrote("late", last, 1);
  for (std::uint64_t i = 0; i < 300; ++i) wrote("large", last, i);
  StoreBatch batch;
  ASSERT_TRUE(authors.flush_sets(batch));
  write(batch);
  start();

  const Answer late = get("/api/v1/counters?dimension=theme&id=late&measure=authors&window=3h");
  const Answer large = get("/api/v1/counters?dimension=theme&id=large&measure=authors&window=2h");
  const Answer none = get("/api/v1/counters?dimension=theme&id=none&measure=authors&window=1h");

  EXPECT_THAT(late.body, HasSubstr(R"("measure":"authors","end":"2026-06-01T10:00:30Z",)"
                                   R"("window_seconds":10800,"bucket_seconds":3600,)"
                                   R"("step_seconds":3600,"total":2,"estimate":false,"points":)"
                                   R"([{"start":"2026-06-01T08:00:00Z","value":2},)"
                                   R"({"start":"2026-06-01T09:00:00Z","value":0},)"
                                   R"({"start":"2026-06-01T10:00:00Z","value":1}])"));
  EXPECT_THAT(large.body, HasSubstr(R"("estimate":true,"points":)"));
  EXPECT_THAT(large.body, HasSubstr(R"("estimate":true}])"));
  EXPECT_THAT(none.body, HasSubstr(R"("total":0,"estimate":false)"));
  // (08:01:30, 10:00:30] holds the starts of two hours.
  EXPECT_THAT(get("/api/v1/counters?dimension=theme&id=late&measure=authors&window=119m").body,
              HasSubstr(R"("points":[{"start":"2026-06-01T09:00:00Z","value":0},)"));
}

TEST_F(ApiTest, ListsFiringAlerts) {
  firing_ = {R"({"id":"a1","kind":"surge"})"};
  start();

  EXPECT_EQ(get("/api/v1/alerts").body,
            R"({"as_of":"2026-06-01T10:00:30Z","alerts":[{"id":"a1","kind":"surge"}]})");
}

TEST_F(ApiTest, ListsTheRulesInUse) {
  rules_ = RuleSet::compile(
               "brand: {id: acme, query: acme}\n"
               "themes:\n  - {id: delivery, query: late}\n"
               "routes:\n  - {id: all, when: 'theme:*', queue: social, sla: 1h}\n",
               "rules.yaml")
               .rules;
  ASSERT_TRUE(rules_);
  start();

  const std::string body = get("/api/v1/rules").body;

  EXPECT_THAT(body, HasSubstr(rules_->version()));
  EXPECT_THAT(body, HasSubstr(R"({"kind":"theme","id":"delivery","label":"theme:delivery"})"));
  EXPECT_THAT(body, HasSubstr(R"("sla_seconds":3600)"));
}

TEST_F(ApiTest, ServesAPageOfItsOwn) {
  start();

  const Answer page = get("/");

  EXPECT_EQ(page.status, 200);
  EXPECT_THAT(page.header, HasSubstr("text/html"));
  EXPECT_THAT(page.header, HasSubstr("default-src 'none'"));
  EXPECT_THAT(page.body, HasSubstr("</html>"));
  EXPECT_THAT(page.body, Not(HasSubstr("http://localhost")));
}

TEST_F(ApiTest, EveryRouteIsDocumentedAndEveryDocumentedPathIsARoute) {
  start();
  simdjson::dom::parser parser;
  const std::string text = get("/api/v1/openapi.json").body;
  const simdjson::dom::object paths = parser.parse(simdjson::padded_string(text))["paths"];
  std::set<std::string> documented;
  for (const auto& [path, methods] : paths) {
    for (const auto& [method, operation] : simdjson::dom::object(methods)) {
      std::string_view name;
      ASSERT_FALSE(operation["operationId"].get(name));
      documented.insert(fmt::format("{} {} {}", name, method, path));
    }
  }
  std::set<std::string> served;
  for (const RouteEntry& route : all_routes()) {
    std::string method(route.method);
    for (char& c : method) c = static_cast<char>(c - 'A' + 'a');
    served.insert(fmt::format("{} {} {}", route.name, method, route.pattern));
  }

  EXPECT_EQ(documented, served);
}

TEST_F(ApiTest, EveryRouteAnswers) {
  fold("x/1", "x/1", "social");
  start();
  for (std::string target : {"/", "/healthz", "/readyz", "/metrics", "/api/v1/openapi.json",
                             "/api/v1/queues/social/items", "/api/v1/queues/community/items",
                             "/api/v1/items/x%2F1", "/api/v1/alerts", "/api/v1/counters"}) {
    EXPECT_EQ(get(target).status, 200) << target;
  }
}

TEST_F(ApiTest, ANodeWithoutAViewAnswersForItselfAlone) {
  ApiParts own = parts();
  own.view.reset();
  own.act = nullptr;
  start(std::move(own));

  for (const char* target :
       {"/healthz", "/readyz", "/metrics", "/api/v1/openapi.json", "/api/v1/formulas"}) {
    EXPECT_EQ(get(target).status, 200) << target;
  }
  std::size_t refused = 0;
  for (const RouteEntry& route : all_routes()) {
    std::string target(route.pattern);
    for (const auto& [name, value] :
         {std::pair{"{queue}", "social"}, std::pair{"{id}", "x"}, std::pair{"{network}", "x"},
          std::pair{"{action}", "claim"}}) {
      const std::size_t at = target.find(name);
      if (at != target.npos) target.replace(at, std::string_view(name).size(), value);
    }
    const Answer answer = ask(route.method, target);
    if (route.from == From::Node) {
      // Whatever else it lacks here.
      EXPECT_NE(answer.status, 0) << target;
      EXPECT_THAT(answer.body, Not(HasSubstr("without the role view"))) << target;
      continue;
    }
    EXPECT_EQ(answer.status, 404) << target;
    EXPECT_THAT(answer.body, HasSubstr("without the role view")) << target;
    ++refused;
  }
  EXPECT_GT(refused, 15U);
}

TEST_F(ApiTest, StopsWithConnectionsOpen) {
  start();
  RawClient idle(server_->port());
  RawClient stream(server_->port());
  stream.send("GET /api/v1/alerts/stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
  stream.read_until("retry: ");
  RawClient half(server_->port());
  half.send("GET /heal");

  const auto begin = std::chrono::steady_clock::now();
  idle.send("");
  server_->stop();

  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds{8});
  EXPECT_TRUE(idle.ends());
  EXPECT_TRUE(stream.ends());
}

}  // namespace
}  // namespace vigie
