#include "pipeline/net/signature.h"

#include <gtest/gtest.h>

namespace vigie {
namespace {

// base64 of 24 times "k", and of 24 times "q".
constexpr std::string_view kSecret = "whsec_a2tra2tra2tra2tra2tra2tra2tra2tr";
constexpr std::string_view kOther = "whsec_cXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFx";
// Made with the reference library and checked independently.
constexpr std::string_view kSignature = "v1,E3sCg9uS8x43RKlJqcda1EcaYZxNkN+l2u7RBZBSZQQ=";

Time at(std::int64_t seconds) {
  return Time{std::chrono::seconds{seconds}};
}

WebhookVerifier verifier(std::initializer_list<std::string_view> secrets, std::int64_t now) {
  std::vector<WebhookSecret> parsed;
  for (const auto text : secrets) parsed.push_back(WebhookSecret::parse(text).value());
  return WebhookVerifier(std::move(parsed), [now] { return at(now); });
}

TEST(WebhookSecret, SignsAsTheReferenceLibraryDoes) {
  const auto secret = WebhookSecret::parse(kSecret);

  ASSERT_TRUE(secret);
  EXPECT_EQ(secret->sign("msg_1", at(1'700'000'000), "{}"), kSignature);
}

TEST(WebhookSecret, RefusesKeysOutOfFormWithoutRepeatingThem) {
  for (const std::string text :
       {"", "a2tra2tra2tra2tra2tra2tra2tra2tr", "whsec_", "whsec_a2tr", "whsec_!!!!",
        "whsec_a2tra2tra2tra2tra2tra2tra2tra2t", "whsec_a2tra2tra2tra2tra2tra2tra2tra2tra2==",
        "whsec_a2tra2tra2tra2tra2tra2tra2tra2tra===", "whsec_a2tra2tra2tra2tra2tra2tra2tra2tr\n"}) {
    const auto secret = WebhookSecret::parse(text);
    ASSERT_FALSE(secret) << text;
    EXPECT_EQ(secret.error().code, Code::Invalid);
    EXPECT_EQ(secret.error().message.find("a2tr"), std::string::npos);
  }
}

TEST(WebhookSecret, BoundsTheLengthOfAKey) {
  std::string most = "whsec_";
  for (int i = 0; i < 21; ++i) most += "a2tr";
  const std::string sixty_four = most + "aw==";
  const std::string sixty_five = most + "a2s=";

  EXPECT_TRUE(WebhookSecret::parse(sixty_four));
  EXPECT_FALSE(WebhookSecret::parse(sixty_five));
}

TEST(WebhookVerifier, AcceptsAnyFittingSignatureOfAnySecret) {
  const auto verify = verifier({kOther, kSecret}, 1'700'000'000);
  const std::string list = "v1a,AAAA v1,AAAA " + std::string(kSignature) + " v2,zzz";

  EXPECT_TRUE(verify.verify({"msg_1", "1700000000", kSignature}, "{}"));
  EXPECT_TRUE(verify.verify({"msg_1", "1700000000", list}, "{}"));
}

TEST(WebhookVerifier, RefusesWhatWasChanged) {
  const auto verify = verifier({kSecret}, 1'700'000'000);

  EXPECT_FALSE(verify.verify({"msg_1", "1700000000", kSignature}, "{ }"));
  EXPECT_FALSE(verify.verify({"msg_2", "1700000000", kSignature}, "{}"));
  EXPECT_FALSE(verify.verify({"msg_1", "1700000001", kSignature}, "{}"));
  EXPECT_FALSE(verifier({kOther}, 1'700'000'000).verify({"msg_1", "1700000000", kSignature}, "{}"));
  EXPECT_FALSE(verifier({}, 1'700'000'000).verify({"msg_1", "1700000000", kSignature}, "{}"));
}

TEST(WebhookVerifier, RefusesTimestampsFiveMinutesOffEitherWay) {
  const WebhookHeaders headers{"msg_1", "1700000000", kSignature};

  EXPECT_TRUE(verifier({kSecret}, 1'700'000'300).verify(headers, "{}"));
  EXPECT_TRUE(verifier({kSecret}, 1'699'999'700).verify(headers, "{}"));
  EXPECT_FALSE(verifier({kSecret}, 1'700'000'301).verify(headers, "{}"));
  EXPECT_FALSE(verifier({kSecret}, 1'699'999'699).verify(headers, "{}"));
}

TEST(WebhookVerifier, RefusesHeadersOutOfForm) {
  const auto verify = verifier({kSecret}, 1'700'000'000);

  for (const WebhookHeaders& headers :
       {WebhookHeaders{"", "1700000000", kSignature}, WebhookHeaders{"msg_1", "", kSignature},
        WebhookHeaders{"msg_1", "1700000000", ""}, WebhookHeaders{"msg_1", "now", kSignature},
        WebhookHeaders{"msg_1", " 1700000000", kSignature},
        WebhookHeaders{"msg_1", "-1700000000", kSignature},
        WebhookHeaders{"msg_1", "99999999999999999999", kSignature},
        WebhookHeaders{"msg_1", "1700000000", "E3sCg9uS8x43RKlJqcda1EcaYZxNkN+l2u7RBZBSZQQ="},
        WebhookHeaders{"msg_1", "1700000000", "v1,"}}) {
    const auto verified = verify.verify(headers, "{}");
    ASSERT_FALSE(verified);
    EXPECT_EQ(verified.error().code, Code::Denied);
  }
}

}  // namespace
}  // namespace vigie
