#include "pipeline/net/url.h"

#include <gtest/gtest.h>

namespace vigie {
namespace {

TEST(Url, TellsTheParts) {
  const auto url = parse_url("WSS://Jetstream.Example:8443/sub%20scribe?a=1");

  ASSERT_TRUE(url) << url.error().message;
  EXPECT_EQ(url->scheme, "wss");
  EXPECT_EQ(url->host, "jetstream.example");
  EXPECT_EQ(url->port, 8443);
  EXPECT_EQ(url->target, "/sub%20scribe?a=1");
  EXPECT_EQ(url->authority(), "jetstream.example:8443");
  EXPECT_TRUE(url->secure());
}

TEST(Url, FillsInPortAndPath) {
  const auto secure = parse_url("https://example.org");
  const auto plain = parse_url("http://example.org?x=1");

  ASSERT_TRUE(secure);
  EXPECT_EQ(secure->port, 443);
  EXPECT_EQ(secure->target, "/");
  EXPECT_EQ(secure->authority(), "example.org");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->port, 80);
  EXPECT_EQ(plain->target, "/?x=1");
}

TEST(Url, TakesIpv6WithoutItsBrackets) {
  const auto url = parse_url("ws://[::1]:9000/");

  ASSERT_TRUE(url) << url.error().message;
  EXPECT_EQ(url->host, "::1");
  EXPECT_EQ(url->authority(), "[::1]:9000");
}

TEST(Url, RefusesWhatItCannotConnectTo) {
  for (const char* text :
       {"", "example.org", "ftp://example.org/", "file:///etc/passwd", "http://", "http:///path",
        "http://user:pass@example.org/", "http://example.org/#part", "http://example.org:0/",
        "http://example.org:65536/", "http://exa mple.org/", "http://a%00b.org/",
        "http://a%0d%0ab/"}) {
    const auto url = parse_url(text);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().code, Code::Invalid);
  }
}

TEST(Url, EncodesWhatItAddsToTheQuery) {
  std::string target = "/subscribe";
  append_query(target, "wantedCollections", "app.bsky.*");
  append_query(target, "dids", "did:plc:a b&c");

  EXPECT_EQ(target, "/subscribe?wantedCollections=app.bsky.%2A&dids=did%3Aplc%3Aa%20b%26c");
}

}  // namespace
}  // namespace vigie
