#include "connectors/webhook/webhook.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace vigie {
namespace {

std::string item(std::string_view id, std::string_view more = "") {
  return fmt::format(R"({{"network":"forum","id":"{}","kind":"post","author":{{"id":"7"}},)"
                     R"("created_at":"2026-06-01T10:00:00Z","text":"a, [b] \"c\" }}"{}}})",
                     id, more);
}

const WebhookGrant kGrant{"our-forum", false, {"forum"}, {"create", "update", "engagement"}};

Result<WebhookBody> read(std::string_view body) {
  return read_webhook(body, kGrant);
}

std::vector<std::string> ids(const Result<WebhookBody>& body) {
  std::vector<std::string> out;
  if (!body) return {"error: " + body.error().message};
  for (const auto& error : body->errors) out.push_back(fmt::format("error {}", error.index));
  for (const auto& mention : body->mentions) out.push_back(mention.id);
  return out;
}

using Ids = std::vector<std::string>;

TEST(Webhook, ReadsOneMentionAnArrayAndLines) {
  const std::string pretty =
      "{\n \"network\": \"forum\", \"id\": \"p\", \"kind\": \"post\",\n"
      " \"author\": {\"id\": \"7\"},\n \"created_at\": \"2026-06-01T10:00:00Z\"\n}\n";

  EXPECT_EQ(ids(read(item("a"))), Ids{"a"});
  EXPECT_EQ(ids(read(pretty)), Ids{"p"});
  EXPECT_EQ(ids(read("[" + item("a") + " ,\n" + item("b") + "]")), (Ids{"a", "b"}));
  EXPECT_EQ(ids(read(item("a") + "\n\r\n" + item("b") + "\r\n")), (Ids{"a", "b"}));
}

TEST(Webhook, NamesEachItemThatIsNoMention) {
  const auto array = read("[" + item("a") + ", { \"id\":3 },7," + item("b") + "]");
  const auto lines = read(item("a") + "\n{\"broken\n" + item("b"));

  EXPECT_EQ(ids(array), (Ids{"error 1", "error 2", "a", "b"}));
  EXPECT_EQ(array->errors[0].reason, WebhookItemError::Reason::NotAMention);
  EXPECT_EQ(array->errors[0].bytes, "{ \"id\":3 }");
  EXPECT_EQ(ids(lines), (Ids{"error 1", "a", "b"}));
}

TEST(Webhook, TakesTheGoodLinesAroundBadOnes) {
  EXPECT_EQ(ids(read("junk\n" + item("a"))), (Ids{"error 0", "a"}));
  EXPECT_EQ(ids(read(item("a") + "\n7\n" + item("b"))), (Ids{"error 1", "a", "b"}));
  EXPECT_EQ(ids(read("not json\n\xff\xfe")), (Ids{"error 0", "error 1"}));
  for (const char* body : {"7", "\"x\"", "null"})
    EXPECT_EQ(ids(read(body)), Ids{"error 0"}) << body;
}

TEST(Webhook, RefusesBodiesThatCannotBeCut) {
  for (const char* body : {"", " \n", "[]", "[ ]", "[", "[{]", "[{}", "[}]", "[\"]", "[{},]"}) {
    const auto result = read(body);
    ASSERT_FALSE(result) << body;
    EXPECT_EQ(result.error().code, Code::Invalid) << body;
  }
}

TEST(Webhook, KeepsToItsNetworksAndOps) {
  const auto other = read(R"({"network":"x","id":"1","op":"engagement"})");
  const auto erase = read(R"({"network":"forum","op":"erase_author","author":{"id":"7"}})");

  for (const auto* body : {&other, &erase}) {
    ASSERT_TRUE(*body);
    ASSERT_EQ((*body)->errors.size(), 1U);
    EXPECT_EQ((*body)->errors[0].reason, WebhookItemError::Reason::NotAllowed);
  }
  EXPECT_NE(other->errors[0].message.find("network x"), std::string::npos);
  EXPECT_NE(erase->errors[0].message.find("erase_author"), std::string::npos);
}

TEST(Webhook, StampsItsNameAndLeavesTheReceiptToTheReceiver) {
  const auto body = read(item("a", R"(,"connector":"somebody","seen_at":"2020-01-01T00:00:00Z")"));

  ASSERT_TRUE(body);
  ASSERT_EQ(body->mentions.size(), 1U);
  EXPECT_EQ(body->mentions[0].connector, "our-forum");
  EXPECT_FALSE(body->mentions[0].seen_at);
}

TEST(Webhook, BoundsTheNumberOfItems) {
  EXPECT_FALSE(read_webhook("[{},{},{}]", kGrant, 2));
  EXPECT_TRUE(read_webhook("[{},{}]", kGrant, 2));
}

TEST(Webhook, LetsWhoMayDoEverythingWriteAnythingButTicks) {
  const WebhookGrant root{.name = "root", .everything = true};
  const auto erase =
      read_webhook(R"({"network":"x","op":"erase_author","author":{"id":"7"}})", root);
  const auto tick = read_webhook(R"({"op":"tick","seen_at":"2026-06-01T10:00:00Z"})", root);

  ASSERT_TRUE(erase);
  EXPECT_EQ(erase->mentions.size(), 1U);
  ASSERT_TRUE(tick);
  ASSERT_EQ(tick->errors.size(), 1U);
  EXPECT_EQ(tick->errors[0].reason, WebhookItemError::Reason::NotAMention);
}

}  // namespace
}  // namespace vigie
