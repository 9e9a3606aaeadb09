#include "pipeline/cli/config.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "pipeline/cli/config_section.h"
#include "tests/unit/pipeline/cli/config_text.h"

namespace vigie {
namespace {

using namespace std::chrono_literals;

TEST(Config, HasADefaultForEverythingButTheRules) {
  const auto config = parse("rules: r.yaml\n");

  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->rules, "etc/r.yaml");
  EXPECT_EQ(config->data_dir, "./data");
  EXPECT_TRUE(config->detect_lang);
  EXPECT_FALSE(config->author_key);
  EXPECT_TRUE(config->connectors.empty());
  EXPECT_EQ(config->log, LogConfig{});
  EXPECT_EQ(config->log.retention, 72h);
  EXPECT_EQ(config->log.max_bytes, std::uint64_t{20} << 30);
  EXPECT_EQ(config->alerts, AlertsConfig{});
  EXPECT_EQ(config->store, StoreConfig{});
  EXPECT_EQ(config->logging, LoggingConfig{});
  EXPECT_EQ(config->api.address, "127.0.0.1");
  EXPECT_EQ(config->api.port, 8080);
}

TEST(Config, SaysThatTheRulesAreMissing) {
  EXPECT_EQ(error_of(parse("detect_lang: true\n")),
            "etc/vigie.yaml:1:1: rules: required: the path of the rule file");
  EXPECT_EQ(error_of(parse("")), "etc/vigie.yaml:1:1: rules: required: the path of the rule file");
}

TEST(Config, ReadsEveryPlainKey) {
  const auto config = parse(R"(
data_dir: /var/lib/vigie
rules: /etc/vigie/rules.yaml
detect_lang: false
log:
  kind: kafka
  partitions: 2
  retention: 24h
  max_bytes: 1TiB
  batch: {max_mentions: 5}
  kafka:
    bootstrap: "a:1,b:2"
    topic_prefix: acme.
    partitions: 12
    replication_factor: 3
    client_id: one
    instance_id: node-1
    workers: 4
    properties: {compression.type: zstd}
alerts:
  surge: {enabled: false, window: 10m, floor: 1, min_authors: 2, ratio: 3, z: 5, clear_z: 2.5,
          clear_after: 1m, cooldown: 1h, min_history: 2d}
store: {block_cache: 1MiB, write_buffers: 8MiB}
logging: {level: debug, format: json}
)");

  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->data_dir, "/var/lib/vigie");
  EXPECT_EQ(config->rules, "/etc/vigie/rules.yaml");
  EXPECT_FALSE(config->detect_lang);
  LogConfig log{LogConfig::Kind::Kafka, 2, 24h, std::uint64_t{1} << 40, 5, {}};
  log.kafka = {"a:1,b:2", "acme.", 12, 3, "one", 4, "node-1", {{"compression.type", "zstd"}}};
  EXPECT_EQ(config->log, log);
  AlertsConfig alerts;
  alerts.surge = {false, 10min, 1, 2, 3.0, 5.0, 2.5, 1min, 1h, 48h};
  EXPECT_EQ(config->alerts, alerts);
  EXPECT_EQ(config->store, (StoreConfig{std::uint64_t{1} << 20, std::uint64_t{8} << 20}));
  EXPECT_EQ(config->logging,
            (LoggingConfig{LoggingConfig::Level::Debug, LoggingConfig::Format::Json}));
}

TEST(Config, ReportsEverythingThatIsWrongInTheOrderOfTheFile) {
  EXPECT_EQ(error_of(parse(R"(rules: r.yaml
log:
  retension: 72h
  max_bytes: 20
store: {block_cache: 0B}
stor: {}
logging: {level: loud}
detect_lang: yes
)")),
            "etc/vigie.yaml:3:3: log.retension: unknown key; did you mean \"retention\"?\n"
            "etc/vigie.yaml:4:14: log.max_bytes: expected a size from 64MiB to 64TiB, such as "
            "512KiB, 64MiB or 20GiB, found \"20\"\n"
            "etc/vigie.yaml:5:22: store.block_cache: expected a size from 1MiB to 1TiB, such as "
            "512KiB, 64MiB or 20GiB, found \"0B\"\n"
            "etc/vigie.yaml:6:1: stor: unknown key; did you mean \"store\"?\n"
            "etc/vigie.yaml:7:18: logging.level: expected trace, debug, info, warn or error, "
            "found \"loud\"\n"
            "etc/vigie.yaml:8:14: detect_lang: expected true or false, found \"yes\"");
}

TEST(Config, RefusesValuesOfAnotherShape) {
  EXPECT_EQ(error_of(parse_rest("log: embedded\n")), "etc/vigie.yaml:2:6: log: expected a map");
  EXPECT_EQ(error_of(parse_rest("connectors: {}\n")),
            "etc/vigie.yaml:2:13: connectors: expected a list");
  EXPECT_EQ(error_of(parse_rest("log: {partitions: [1]}\n")),
            "etc/vigie.yaml:2:19: log.partitions: expected a whole number from 1 to 256");
  EXPECT_EQ(error_of(parse("- a\n")),
            "etc/vigie.yaml:1:1: config: expected a map\n"
            "etc/vigie.yaml:1:1: rules: required: the path of the rule file");
}

TEST(Config, RefusesDurationsAndSizesThatAreNotExact) {
  for (const char* text : {"72", "72 h", "1.5h", "-1h", "h", "1h30m", "1y", "59m", "9000h", "90m",
                           "99999999999999999999h"}) {
    EXPECT_FALSE(parse_rest("log: {retention: " + std::string(text) + "}\n")) << text;
  }
  for (const char* text : {"64", "64MB", "64 MiB", "1.5GiB", "-64MiB", "MiB", "63MiB", "65TiB",
                           "99999999999999999999B", "18446744073709551615KiB"}) {
    EXPECT_FALSE(parse_rest("log: {max_bytes: " + std::string(text) + "}\n")) << text;
  }
}

TEST(Config, ParsesSizes) {
  EXPECT_EQ(parse_size("0B"), 0U);
  EXPECT_EQ(parse_size("3KiB"), 3072U);
  EXPECT_EQ(parse_size("16777215TiB"), std::uint64_t{16777215} << 40);
  EXPECT_EQ(parse_size("16777216TiB"), std::nullopt);
  EXPECT_EQ(parse_size(""), std::nullopt);
}

TEST(ConfigKafka, NeedsABootstrapOnlyWhenItIsTheLog) {
  EXPECT_EQ(error_of(parse_rest("log: {kind: kafka}\n")),
            "etc/vigie.yaml:2:6: log.kafka.bootstrap: required with kind: kafka, such as "
            "\"broker1:9092,broker2:9092\"");
  EXPECT_TRUE(parse_rest("log: {kafka: {topic_prefix: a.}}\n"));
}

TEST(ConfigKafka, CommitsMoreAtOnceUnlessToldOtherwise) {
  const std::string kafka = "kafka: {bootstrap: \"a:1\"}";
  const auto config = parse_rest("log: {kind: kafka, " + kafka + "}\n");
  const auto told = parse_rest("log: {kind: kafka, batch: {max_mentions: 7}, " + kafka + "}\n");

  ASSERT_TRUE(config && told);
  EXPECT_EQ(config->log.batch_mentions, 5000U);
  EXPECT_EQ(told->log.batch_mentions, 7U);
  EXPECT_EQ(LogConfig{}.batch_mentions, 2000U);
}

TEST(ConfigKafka, KeepsWhatTheServiceDecidesToItself) {
  EXPECT_EQ(
      error_of(parse_rest("log: {kafka: {properties: {enable.auto.commit: true}}}\n")),
      "etc/vigie.yaml:2:28: log.kafka.properties.enable.auto.commit: the service sets this itself");
  for (const std::string name :
       {"log.connection.close", "max.poll.interval.ms", "heartbeat.interval.ms",
        "session.timeout.ms", "transaction.timeout.ms", "message.timeout.ms", "linger.ms",
        "queue.buffering.max.messages", "socket.timeout.ms", "group.instance.id_file"}) {
    EXPECT_EQ(
        error_of(parse_rest("log: {kafka: {properties: {" + name + ": 1}}}\n")),
        "etc/vigie.yaml:2:28: log.kafka.properties." + name + ": the service sets this itself");
  }
}

TEST(ConfigConnectors, KeepTheirOptions) {
  const auto config = parse_rest(R"(connectors:
  - {name: file, kind: replay, path: in.ndjson, keep: matched, rate: 0.5/s, stall: 30s}
  - {name: noise, kind: generate}
)");

  ASSERT_TRUE(config) << config.error().message;
  ASSERT_EQ(config->connectors.size(), 2U);
  const ConnectorConfig& file = config->connectors[0];
  EXPECT_EQ(file.name, "file");
  EXPECT_EQ(file.kind, "replay");
  EXPECT_EQ(file.keep, Keep::Matched);
  EXPECT_EQ(file.rate, 0.5);
  EXPECT_EQ(file.stall, 30s);
  ASSERT_NE(file.options.find("path"), nullptr);
  EXPECT_EQ(file.options.find("path")->text, "in.ndjson");
  EXPECT_EQ(file.options.find("stall"), nullptr);
  EXPECT_EQ(config->connectors[1].keep, Keep::All);
  EXPECT_FALSE(config->connectors[1].rate);
}

TEST(ConfigConnectors, OfWholeNetworksKeepWhatMatches) {
  const auto config = parse_rest("connectors: [{name: sky, kind: bluesky}]\n");

  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->connectors.at(0).keep, Keep::Matched);
}

TEST(ConfigConnectors, HaveUniqueNamesAndAKnownKind) {
  EXPECT_EQ(error_of(parse_rest("connectors:\n"
                                "  - {name: a, kind: replay, path: p}\n"
                                "  - {name: a, kind: replay, path: p}\n"
                                "  - {name: A b, kind: replay, path: p}\n"
                                "  - {kind: replay, path: p}\n"
                                "  - {name: b, kind: replai, path: p}\n"
                                "  - x\n")),
            "etc/vigie.yaml:4:12: connectors[1].name: \"a\" stands twice\n"
            "etc/vigie.yaml:5:12: connectors[2].name: expected a lower-case letter and up to "
            "31 more, digits, \"_\" or \"-\", found \"A b\"\n"
            "etc/vigie.yaml:6:5: connectors[3].name: required\n"
            "etc/vigie.yaml:7:21: connectors[4].kind: unknown kind \"replai\"; did you mean "
            "\"replay\"?\n"
            "etc/vigie.yaml:8:5: connectors[5]: expected a map");
}

TEST(ConfigConnectors, HaveTheirOptionsCheckedByTheirKind) {
  EXPECT_EQ(error_of(parse_rest("connectors:\n  - {name: a, kind: replay, pth: p}\n")),
            "etc/vigie.yaml:3:29: connector a: unknown key \"pth\"; did you mean \"path\"?");
}

TEST(ConfigConnectors, RefuseRatesAndStallsOutOfForm) {
  for (const char* rate : {"100", "100/m", "0/s", "-1/s", "/s", "1e9/s", "nan/s", "inf/s"}) {
    EXPECT_EQ(error_of(parse_rest("connectors: [{name: a, kind: replay, path: p, rate: " +
                                  std::string(rate) + "}]\n")),
              "etc/vigie.yaml:2:53: connectors[0].rate: expected mentions a second, such as "
              "\"100/s\" or \"0.5/s\"");
  }
  EXPECT_FALSE(parse_rest("connectors: [{name: a, kind: replay, path: p, stall: 0s}]\n"));
}

TEST(ConfigApi, ReadsAddresses) {
  const auto v6 = parse_rest("api: {listen: \"[::1]:0\"}\n");
  ASSERT_TRUE(v6) << v6.error().message;
  EXPECT_EQ(v6->api.address, "::1");
  EXPECT_EQ(v6->api.port, 0);
  for (const char* listen : {"8080", ":8080", "::1:8080", "a:", "a:65536", "a:-1", "a:1x"}) {
    EXPECT_EQ(error_of(parse_rest("api: {listen: \"" + std::string(listen) + "\"}\n")),
              "etc/vigie.yaml:2:15: api.listen: expected HOST:PORT, such as 127.0.0.1:8080, "
              "found \"" +
                  std::string(listen) + "\"");
  }
}

TEST(ConfigApi, IsNotOpenBeyondLoopback) {
  const Environment secrets = variables({{"T", "0123456789abcdef"}});
  const std::string tokens = "tokens: [{name: a, token: \"${T}\", roles: [reader]}]";

  EXPECT_EQ(error_of(parse_rest("api: {listen: \"0.0.0.0:80\"}\n")),
            "etc/vigie.yaml:2:15: api.listen: an address beyond loopback needs api.tokens\n"
            "etc/vigie.yaml:2:15: api.listen: an address beyond loopback needs api.tls, or "
            "behind_proxy: true when a proxy speaks TLS for it");
  EXPECT_FALSE(parse_rest("api: {listen: \"0.0.0.0:80\", " + tokens + "}\n", secrets));
  EXPECT_TRUE(
      parse_rest("api: {listen: \"0.0.0.0:80\", behind_proxy: true, " + tokens + "}\n", secrets));
  EXPECT_EQ(error_of(parse_rest("api: {behind_proxy: true}\n")),
            "etc/vigie.yaml:2:21: api.behind_proxy: a proxy leads everybody here, so it needs "
            "api.tokens");
  EXPECT_TRUE(parse_rest(
      "api: {listen: \"0.0.0.0:80\", tls: {certificate_file: c, key_file: k}, " + tokens + "}\n",
      secrets));
}

TEST(ConfigApi, ReadsTokens) {
  const auto config = parse_rest(R"(api:
  max_body: 1MiB
  max_connections: 7
  max_stream_clients: 3
  tokens:
    - name: shop
      token_sha256: 0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef
      roles: [ingest, reader]
      networks: [shop, forum]
      ops: [create, delete]
)");

  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->api.max_body_bytes, std::size_t{1} << 20);
  EXPECT_EQ(config->api.max_connections, 7U);
  EXPECT_EQ(config->api.max_stream_clients, 3U);
  const ApiToken& token = config->api.tokens.at(0);
  EXPECT_EQ(token.name, "shop");
  EXPECT_EQ(token.sha256_hex, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
  EXPECT_EQ(token.roles, (std::vector<Role>{Role::Ingest, Role::Reader}));
  EXPECT_EQ(token.networks, (std::vector<std::string>{"shop", "forum"}));
  EXPECT_EQ(token.ops, (std::vector<std::string>{"create", "delete"}));
}

TEST(ConfigApi, RefusesTokensThatSayTooLittleOrTooMuch) {
  EXPECT_EQ(error_of(parse_rest(R"(api:
  tokens:
    - {roles: [king]}
    - {name: a, token: "${T}", roles: [reader], networks: [x], ops: [tick]}
    - {name: a, token: "${T}", token_file: t}
)",
                                variables({{"T", "short"}}))),
            "etc/vigie.yaml:4:7: api.tokens[0].name: required\n"
            "etc/vigie.yaml:4:7: api.tokens[0].token: expected one of token_sha256, token and "
            "token_file\n"
            "etc/vigie.yaml:4:16: api.tokens[0].roles: expected reader, social, community, "
            "ingest or admin, found \"king\"\n"
            "etc/vigie.yaml:5:7: api.tokens[1].token: expected 16 characters or more (openssl "
            "rand -hex 32)\n"
            "etc/vigie.yaml:5:59: api.tokens[1].networks: only a token with the role ingest "
            "writes mentions\n"
            "etc/vigie.yaml:5:69: api.tokens[1].ops: expected create, update, delete, "
            "engagement, hide, unhide, hide_author, unhide_author or erase_author, found "
            "\"tick\"\n"
            "etc/vigie.yaml:5:69: api.tokens[1].ops: only a token with the role ingest writes "
            "mentions\n"
            "etc/vigie.yaml:6:7: api.tokens[2].roles: required: a list of reader, social, "
            "community, ingest or admin\n"
            "etc/vigie.yaml:6:14: api.tokens[2].name: \"a\" stands twice\n"
            "etc/vigie.yaml:6:44: api.tokens[2].token_file: expected only one of token and "
            "token_file");
}

TEST(ConfigAlerts, ClearBelowWhereTheyFire) {
  EXPECT_EQ(error_of(parse_rest("alerts: {surge: {z: 2, clear_z: 3}}\n")),
            "etc/vigie.yaml:2:17: alerts.surge.clear_z: expected at most the value of z");
  EXPECT_EQ(error_of(parse_rest("alerts: {surge: {window: 90s}}\n")),
            "etc/vigie.yaml:2:26: alerts.surge.window: expected whole minutes");
}

TEST(ConfigAlerts, CountInWholeMinutes) {
  for (const char* key : {"window", "clear_after", "cooldown", "min_history"}) {
    EXPECT_EQ(error_of(parse_rest("alerts:\n  surge:\n    " + std::string(key) + ": 90s\n")),
              "etc/vigie.yaml:4:" + std::to_string(std::string(key).size() + 7) +
                  ": alerts.surge." + key + ": expected whole minutes");
  }
}

TEST(ConfigReference, StatesTheDefaults) {
  const std::filesystem::path root = VIGIE_SOURCE_DIR;
  const auto config = load_config(root / "deploy/vigie.yaml", variables({}));

  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->data_dir, Config{}.data_dir);
  EXPECT_EQ(config->detect_lang, Config{}.detect_lang);
  EXPECT_EQ(config->log, LogConfig{});
  EXPECT_EQ(config->alerts, AlertsConfig{});
  EXPECT_EQ(config->store, StoreConfig{});
  EXPECT_EQ(config->logging, LoggingConfig{});
  EXPECT_EQ(config->api.address, ApiOptions{}.address);
  EXPECT_EQ(config->api.port, ApiOptions{}.port);
  EXPECT_EQ(config->api.behind_proxy, ApiOptions{}.behind_proxy);
  EXPECT_EQ(config->api.max_body_bytes, ApiOptions{}.max_body_bytes);
  EXPECT_EQ(config->api.max_connections, ApiOptions{}.max_connections);
  EXPECT_EQ(config->api.max_stream_clients, ApiOptions{}.max_stream_clients);
  EXPECT_TRUE(std::filesystem::exists(config->rules));
}

// Every optional example in the reference, with its comment sign taken away.
TEST(ConfigReference, ShowsNoKeyThatDoesNotExist) {
  const std::filesystem::path root = VIGIE_SOURCE_DIR;
  std::ifstream file(root / "deploy/vigie.yaml");
  ASSERT_TRUE(file);
  std::string text;
  for (std::string line; std::getline(file, line);) {
    const std::size_t sign = line.find("#| ");
    text += sign == std::string::npos ? line : line.substr(0, sign) + line.substr(sign + 3);
    text += '\n';
  }
  const Environment all = [](std::string_view name) -> std::optional<std::string> {
    if (name == "VIGIE_AUTHOR_KEY") return std::string(64, 'a');
    return kWebhookSecret;
  };

  const auto config = parse_config(text, root / "deploy/vigie.yaml", all);

  ASSERT_TRUE(config) << config.error().message;
  EXPECT_TRUE(config->author_key);
  EXPECT_FALSE(config->api.tokens.empty());
  EXPECT_FALSE(config->api.webhook_secrets.empty());
  EXPECT_FALSE(config->log.kafka.bootstrap.empty());
  EXPECT_FALSE(config->log.kafka.properties.empty());
}

TEST(ConfigRetention, IsByNetworkAndShorterForYouTube) {
  const auto plain = parse_rest("");
  ASSERT_TRUE(plain) << plain.error().message;
  EXPECT_EQ(plain->retention.of("x"), std::chrono::days{35});
  EXPECT_EQ(plain->retention.of("youtube"), std::chrono::days{30});

  const auto written = parse_rest("retention: {default: 20d, youtube: 7d, bluesky: 35d}\n");
  ASSERT_TRUE(written) << written.error().message;
  EXPECT_EQ(written->retention.of("x"), std::chrono::days{20});
  EXPECT_EQ(written->retention.of("youtube"), std::chrono::days{7});
  EXPECT_EQ(written->retention.of("bluesky"), std::chrono::days{35});
}

TEST(ConfigRetention, SaysWhatIsWrongAndWhere) {
  EXPECT_EQ(error_of(parse_rest("retention:\n  YouTube: 7d\n  x: 36d\n  y: 90m\n  z: 10081m\n")),
            "etc/vigie.yaml:3:3: retention.YouTube: expected \"default\" or the name of a network "
            "such as \"youtube\"\n"
            "etc/vigie.yaml:4:6: retention.x: expected a duration from 7d to 35d, such as 90s, 15m "
            "or 72h, found \"36d\"\n"
            "etc/vigie.yaml:5:6: retention.y: expected a duration from 7d to 35d, such as 90s, 15m "
            "or 72h, found \"90m\"\n"
            "etc/vigie.yaml:6:6: retention.z: expected whole hours");
  EXPECT_EQ(error_of(parse_rest("retention: [x]\n")),
            "etc/vigie.yaml:2:12: retention: expected a map of networks and durations, such as "
            "youtube: 30d");
  EXPECT_EQ(error_of(parse_rest("log: {retention: 200h}\nretention: {x: 7d}\n")),
            "etc/vigie.yaml:3:12: retention: a text would be kept longer by log.retention: 200 h "
            "there, 168 h here");
  EXPECT_EQ(error_of(parse_rest("log: {retention: 1000h}\n")),
            "etc/vigie.yaml:2:18: retention: a text would be kept longer by log.retention: 1000 h "
            "there, 720 h here");
}

}  // namespace
}  // namespace vigie
