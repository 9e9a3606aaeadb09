#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "pipeline/cli/config.h"
#include "tests/unit/pipeline/cli/config_text.h"

namespace vigie {
namespace {

TEST(Config, TakesSecretsFromTheEnvironment) {
  const auto config = parse_rest(R"(author_key: ${KEY}
log: {kafka: {properties: {sasl.password: "${PASSWORD}", sasl.username: "${USER}"}}}
api: {webhook: {secrets: ["${HOOK}"]}}
)",
                                 variables({{"KEY", std::string(62, '0') + "fF"},
                                            {"PASSWORD", "p"},
                                            {"USER", "u"},
                                            {"HOOK", kWebhookSecret}}));

  ASSERT_TRUE(config) << config.error().message;
  ASSERT_TRUE(config->author_key);
  EXPECT_EQ(config->author_key->at(30), 0);
  EXPECT_EQ(config->author_key->at(31), 0xff);
  EXPECT_EQ(config->log.kafka.properties, (std::vector<std::pair<std::string, std::string>>{
                                              {"sasl.password", "p"}, {"sasl.username", "u"}}));
  EXPECT_EQ(config->api.webhook_secrets, std::vector<std::string>{kWebhookSecret});
}

TEST(Config, TakesAKafkaPasswordFromAFile) {
  const std::filesystem::path file =
      std::filesystem::path(testing::TempDir()) / "config_kafka_password";
  std::ofstream(file) << "p\n";
  const auto properties = [&](const std::string& more) {
    return parse_rest(
        "log: {kafka: {properties: {sasl.password_file: " + file.string() + more + "}}}\n",
        variables({{"PASSWORD", "q"}}));
  };

  const auto config = properties("");
  const auto twice = properties(", sasl.password: \"${PASSWORD}\"");
  std::filesystem::remove(file);
  const auto gone = properties("");

  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->log.kafka.properties,
            (std::vector<std::pair<std::string, std::string>>{{"sasl.password", "p"}}));
  EXPECT_EQ(error_of(twice),
            "etc/vigie.yaml:2:48: log.kafka.properties.sasl.password_file: expected only one of "
            "sasl.password and sasl.password_file");
  EXPECT_EQ(error_of(gone),
            "etc/vigie.yaml:2:48: log.kafka.properties.sasl.password_file: cannot "
            "read " +
                file.string());
}

TEST(Config, TakesTheAuthorKeyAsBase64) {
  const auto config = parse_rest(
      "author_key: ${KEY}\n", variables({{"KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}}));

  ASSERT_TRUE(config) << config.error().message;
  ASSERT_TRUE(config->author_key);
  EXPECT_EQ(config->author_key->at(0), 0);
  EXPECT_EQ(config->author_key->at(31), 31);
}

TEST(Config, RefusesAnAuthorKeyOfAnotherLength) {
  const std::string message =
      "etc/vigie.yaml:2:13: author_key: expected 32 bytes as 64 hex digits or as base64 "
      "(openssl rand -hex 32)";
  for (const std::string& key :
       {std::string("abcd"), std::string(64, 'g'), std::string(66, 'a'), std::string(44, 'A'),
        std::string(42, 'A') + "==", std::string(43, '!') + "="}) {
    EXPECT_EQ(error_of(parse_rest("author_key: ${KEY}\n", variables({{"KEY", key}}))), message);
  }
}

TEST(Config, NamesTheVariableThatIsNotSet) {
  EXPECT_EQ(error_of(parse_rest("author_key: ${VIGIE_KEY}\n")),
            "etc/vigie.yaml:2:13: author_key: the environment variable VIGIE_KEY is not set");
  EXPECT_EQ(error_of(parse_rest("author_key: ${VIGIE_KEY}\n", variables({{"VIGIE_KEY", ""}}))),
            "etc/vigie.yaml:2:13: author_key: the environment variable VIGIE_KEY is empty");
}

TEST(Config, RefusesASecretInTheFileAndSaysHow) {
  EXPECT_EQ(
      error_of(parse_rest("author_key: hunter2\n")),
      "etc/vigie.yaml:2:13: author_key: a secret does not stand in the config: write ${NAME} and "
      "set that environment variable, or name a file that holds it in author_key_file");
  EXPECT_EQ(
      error_of(parse_rest("log: {kafka: {properties: {ssl.keystore.password: hunter2}}}\n")),
      "etc/vigie.yaml:2:51: log.kafka.properties.ssl.keystore.password: a secret does not stand in "
      "the config: write ${NAME} and set that environment variable, or name a file that holds it "
      "in ssl.keystore.password_file");
  EXPECT_EQ(
      error_of(parse_rest("connectors: [{name: a, kind: replay, path: p, app_secret: hunter2}]\n")),
      "etc/vigie.yaml:2:59: connectors[0].app_secret: a secret does not stand in the config: write "
      "${NAME} and set that environment variable, or name a file that holds it in "
      "app_secret_file");
}

TEST(Config, NeverRepeatsASecret) {
  const Environment secrets = variables({{"S", "hunter2hunter2"}});
  const std::string token = "api: {tokens: [{name: a, roles: [reader], ";
  for (const std::string& text :
       {std::string("author_key: ${S}\n"), std::string("author_key: hunter2hunter2\n"),
        token + "token: \"${S}\"}]}\n", token + "token: hunter2hunter2}]}\n",
        token + "token_sha256: hunter2hunter2}]}\n",
        std::string("api: {webhook: {secrets: [\"${S}\"]}}\n"),
        std::string("api: {webhook: {secrets: [hunter2hunter2]}}\n"),
        std::string("connectors: [{name: a, kind: replay, path: p, token: \"${S}\"}]\n"),
        std::string("connectors: [{name: a, kind: replay, path: p, time: \"${S}\"}]\n"),
        std::string("connectors: [{name: a, kind: replay, path: p, token: hunter2hunter2}]\n")}) {
    const auto config = parse_rest(text, secrets);
    ASSERT_FALSE(config) << text;
    EXPECT_FALSE(config.error().message.contains("hunter2")) << config.error().message;
  }
}

TEST(Config, RefusesAWebhookSecretThatIsNoBase64) {
  const std::string text = "api:\n  webhook:\n    secrets: [\"${GOOD}\", \"${S}\"]\n";
  const std::string expected =
      "etc/vigie.yaml:4:26: api.webhook.secrets[1]: expected whsec_ and base64 of 24 to 64 bytes "
      "(echo whsec_$(openssl rand -base64 32))";

  for (const char* secret :
       {"whsec_not-base64-at-all-but-long-enough", "whsec_c2hvcnQ=", "plain"}) {
    const auto config = parse_rest(text, variables({{"GOOD", kWebhookSecret}, {"S", secret}}));
    EXPECT_EQ(error_of(config), expected) << secret;
  }
}

class ConfigFiles : public testing::Test {
 protected:
  ConfigFiles() {
    std::string pattern = (std::filesystem::temp_directory_path() / "vigie-config-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~ConfigFiles() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& name, std::string_view text) const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
  }
  Result<Config> load(std::string_view text) const {
    write("vigie.yaml", text);
    return load_config(folder_ / "vigie.yaml", variables({}));
  }

  std::filesystem::path folder_;
};

TEST_F(ConfigFiles, AreFoundFromTheFolderOfTheConfig) {
  write("key", std::string(64, 'a') + "\n");
  write("token", "0123456789abcdef0123456789abcdef\n");

  const auto config = load(
      "rules: rules.yaml\nauthor_key_file: key\n"
      "api: {tokens: [{name: t, token_file: token, roles: [admin]}],\n"
      "      tls: {certificate_file: tls/cert.pem, key_file: /abs/key.pem}}\n");

  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->rules, folder_ / "rules.yaml");
  EXPECT_EQ(config->author_key->at(0), 0xaa);
  EXPECT_EQ(config->api.tls_certificate_file, folder_ / "tls/cert.pem");
  EXPECT_EQ(config->api.tls_key_file, "/abs/key.pem");
  EXPECT_EQ(config->api.tokens.at(0).sha256_hex,
            "3eb1bd439947eb762998e566ccc2e099c791118b2f40579cc4f7da2b5061b7f9");
}

TEST_F(ConfigFiles, MustHoldASecret) {
  write("empty", "\n");
  write("long", std::string(70'000, 'x'));
  const std::string place = (folder_ / "vigie.yaml").string() + ":2:18: author_key_file: ";

  EXPECT_EQ(error_of(load("rules: r\nauthor_key_file: none\n")),
            place + "cannot read " + (folder_ / "none").string());
  EXPECT_EQ(error_of(load("rules: r\nauthor_key_file: .\n")),
            place + "cannot read " + (folder_ / "").string());
  EXPECT_EQ(error_of(load("rules: r\nauthor_key_file: empty\n")),
            place + (folder_ / "empty").string() + " is empty");
  EXPECT_EQ(error_of(load("rules: r\nauthor_key_file: long\n")),
            place + (folder_ / "long").string() + " is larger than 64 KiB");
}

TEST_F(ConfigFiles, AreRefusedBesideTheVariable) {
  write("key", std::string(64, 'a'));
  const auto config = load("rules: r\nauthor_key: ${KEY}\nauthor_key_file: key\n");
  EXPECT_EQ(error_of(config), (folder_ / "vigie.yaml").string() +
                                  ":3:18: author_key_file: expected only one of author_key and "
                                  "author_key_file");
}

TEST_F(ConfigFiles, ThatAreNotThereAreNotFound) {
  const auto config = load_config(folder_ / "none.yaml", variables({}));
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().code, Code::NotFound);
  EXPECT_EQ(config.error().message,
            (folder_ / "none.yaml").string() + ": cannot read: No such file or directory");
  EXPECT_EQ(load_config(folder_, variables({})).error().code, Code::NotFound);
}

}  // namespace
}  // namespace vigie
