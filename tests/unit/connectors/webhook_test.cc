#include "connectors/webhook/webhook.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace vigie {
namespace {

constexpr std::string_view kJson = "application/json";

std::string item(std::string_view id, std::string_view more = "") {
  return fmt::format(R"({{"network":"forum","id":"{}","kind":"post","author":{{"id":"7"}},)"
                     R"("created_at":"2026-06-01T10:00:00Z","text":"a, [b] \"c\" }}"{}}})",
                     id, more);
}

WebhookSource source(WebhookOptions options = {}) {
  if (options.name.empty()) options.name = "our-forum";
  if (options.networks.empty()) options.networks = {"forum"};
  return WebhookSource(std::move(options),
                       [] { return Time{std::chrono::seconds{1'700'000'000}}; });
}

std::vector<std::string> ids(const Result<WebhookBody>& body) {
  std::vector<std::string> out;
  if (!body) return {"error: " + body.error().message};
  for (const auto& error : body->errors) out.push_back(fmt::format("error {}", error.index));
  for (const auto& mention : body->mentions) out.push_back(mention.id);
  return out;
}

using Ids = std::vector<std::string>;

TEST(WebhookSource, ReadsOneMentionAnArrayAndLines) {
  const auto hook = source();
  const std::string pretty =
      "{\n \"network\": \"forum\", \"id\": \"p\", \"kind\": \"post\",\n"
      " \"author\": {\"id\": \"7\"},\n \"created_at\": \"2026-06-01T10:00:00Z\"\n}\n";

  EXPECT_EQ(ids(hook.read(item("a"), kJson)), Ids{"a"});
  EXPECT_EQ(ids(hook.read(pretty, kJson)), Ids{"p"});
  EXPECT_EQ(ids(hook.read("[" + item("a") + " ,\n" + item("b") + "]", kJson)), (Ids{"a", "b"}));
  EXPECT_EQ(ids(hook.read("[]", kJson)), Ids{});
  EXPECT_EQ(ids(hook.read(item("a") + "\n\r\n" + item("b") + "\r\n", "")), (Ids{"a", "b"}));
  EXPECT_EQ(ids(hook.read(item("a") + "\n", "application/x-ndjson; charset=utf-8")), Ids{"a"});
}

TEST(WebhookSource, NamesEachItemThatIsNoMention) {
  const auto hook = source();
  const auto array = hook.read("[" + item("a") + ",{\"id\":3},7," + item("b") + ",]", kJson);
  const auto lines = hook.read(item("a") + "\n{\"broken\n" + item("b"), "application/jsonl");

  EXPECT_EQ(ids(array), (Ids{"error 1", "error 2", "error 4", "a", "b"}));
  EXPECT_EQ(array->errors[0].reason, WebhookItemError::Reason::NotAMention);
  EXPECT_TRUE(array->errors[0].message.starts_with("item 1: ")) << array->errors[0].message;
  EXPECT_EQ(ids(lines), (Ids{"error 1", "a", "b"}));
}

TEST(WebhookSource, RefusesBodiesThatCannotBeCut) {
  const auto hook = source();

  for (const char* body : {"", " \n", "[", "[{]", "[{}", "[}]", "[\"]", "7", "\"x\"", "null"}) {
    const auto read = hook.read(body, kJson);
    const bool refused = !read || (read->mentions.empty() && !read->errors.empty());
    EXPECT_TRUE(refused) << body;
  }
  EXPECT_EQ(hook.read("", kJson).error().code, Code::Invalid);
}

TEST(WebhookSource, KeepsToItsNetworksAndOps) {
  const auto hook = source();
  const auto other = hook.read(R"({"network":"x","id":"1","op":"engagement"})", kJson);
  const auto erase =
      hook.read(R"({"network":"forum","op":"erase_author","author":{"id":"7"}})", kJson);
  const auto tick = hook.read(R"({"op":"tick","seen_at":"2026-06-01T10:00:00Z"})", kJson);

  for (const auto* body : {&other, &erase, &tick}) {
    ASSERT_TRUE(*body);
    ASSERT_EQ((*body)->errors.size(), 1U);
    EXPECT_EQ((*body)->errors[0].reason, WebhookItemError::Reason::NotAllowed);
  }
  EXPECT_NE(other->errors[0].message.find("network x"), std::string::npos);
  EXPECT_NE(erase->errors[0].message.find("erase_author"), std::string::npos);
}

TEST(WebhookSource, StampsItsNameAndLeavesTheReceiptToTheReceiver) {
  const auto read = source().read(
      item("a", R"(,"connector":"somebody","seen_at":"2020-01-01T00:00:00Z")"), kJson);

  ASSERT_TRUE(read);
  ASSERT_EQ(read->mentions.size(), 1U);
  EXPECT_EQ(read->mentions[0].connector, "our-forum");
  EXPECT_FALSE(read->mentions[0].seen_at);
}

TEST(WebhookSource, BoundsBodyAndItems) {
  WebhookOptions options;
  options.max_body = 400;
  options.max_items = 2;
  const auto hook = source(options);

  EXPECT_FALSE(hook.read(std::string(401, ' '), kJson));
  EXPECT_FALSE(hook.read("[{},{},{}]", kJson));
  EXPECT_TRUE(hook.read("[{},{}]", kJson));
}

TEST(WebhookSource, ChecksSignaturesWhenItHasSecrets) {
  WebhookOptions options;
  const auto secret = WebhookSecret::parse("whsec_a2tra2tra2tra2tra2tra2tra2tra2tr").value();
  options.secrets = {secret};
  const auto hook = source(options);
  const auto signature = secret.sign("m1", Time{std::chrono::seconds{1'700'000'000}}, "{}");

  EXPECT_TRUE(hook.is_signed());
  EXPECT_TRUE(hook.verify({"m1", "1700000000", signature}, "{}"));
  EXPECT_FALSE(hook.verify({"m1", "1700000000", signature}, "[]"));
  EXPECT_FALSE(hook.verify({}, "{}"));
  EXPECT_FALSE(source().is_signed());
  EXPECT_TRUE(source().verify({}, "{}"));
}

TEST(WebhookSource, ReadsItsOptionsAndRefusesBadOnes) {
  const auto make = [](const std::string& yaml) {
    const auto options = parse_yaml(yaml, "vigie.yaml");
    return make_webhook({"shop", "webhook", &*options, "vigie.yaml"}, system_clock());
  };
  const auto made = make(
      "kind: webhook\nnetworks: [shop, forum]\nops: [create, delete]\nmax_items: 5\n"
      "secrets: [whsec_a2tra2tra2tra2tra2tra2tra2tra2tr]\n");

  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ((*made)->options().ops, (std::vector<Op>{Op::Create, Op::Delete}));
  EXPECT_EQ((*made)->options().max_items, 5U);
  EXPECT_EQ((*make("kind: webhook\n"))->options().networks, Ids{"shop"});
  for (const char* bad : {"networks: [Shop]", "networks: []", "ops: [tick]", "ops: []", "ops: [x]",
                          "secrets: []", "secrets: [whsec_]", "max_items: 0", "netwroks: [a]"}) {
    const auto refused = make(fmt::format("kind: webhook\n{}\n", bad));
    ASSERT_FALSE(refused) << bad;
    EXPECT_TRUE(refused.error().message.starts_with("vigie.yaml:2:")) << refused.error().message;
  }
}

}  // namespace
}  // namespace vigie
