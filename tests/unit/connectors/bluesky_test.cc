#include "connectors/bluesky/bluesky.h"

#include <set>
#include <stdexcept>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/fakes/jetstream_events.h"
#include "tests/fakes/jetstream_peer.h"

namespace vigie {
namespace {

using namespace std::chrono_literals;

// The connector against a server that shares no code with it.
class BlueskyTest : public testing::Test {
 protected:
  // A stream of posts one second apart, with edits, deletions, other people's likes and a line that
  // is no JSON; every tenth event goes back in time a little, as real ones do.
  std::vector<std::string> stream(int posts) {
    std::vector<std::string> lines;
    for (int i = 0; i < posts; ++i) {
      const std::int64_t micros = kStart + i * 1'000'000 - (i % 10 == 9 ? 1'500'000 : 0);
      const std::string key = fmt::format("k{}", i);
      lines.push_back(
          v1("commit",
             change("create", post(fmt::format(R"("text":"post {}")", i)), key, tid(micros << 10)),
             micros));
      ids.insert("create " + key);
      if (i % 7 == 3) {
        lines.push_back(
            v1("commit", change("update", post(R"("text":"edited")"), key, tid((micros << 10) + 1)),
               micros + 5));
        ids.insert("update " + key);
      }
      if (i % 11 == 5) {
        lines.push_back(v1("commit", change("delete", "", key), micros + 6));
        ids.insert("delete " + key);
      }
      if (i % 5 == 1) {
        lines.push_back(v1(
            "commit",
            R"({"rev":"3mptbypluud2a","operation":"create","collection":"app.bsky.feed.like","rkey":"l","record":{}})",
            micros + 7));
      }
    }
    lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(lines.size() / 2), "{broken");
    return lines;
  }

  std::unique_ptr<Connector> make(const std::string& yaml) {
    auto options = parse_yaml(yaml, "vigie.yaml");
    if (!options) throw std::runtime_error(options.error().message);
    auto made = kBlueskyKind.make({"test", "bluesky", &*options, "vigie.yaml"});
    if (!made) throw std::runtime_error(made.error().message);
    return *std::move(made);
  }

  std::string settings(const std::vector<std::uint16_t>& ports, std::string_view more = "",
                       std::string_view scheme = "ws") {
    std::string yaml = "kind: bluesky\nallow_private: [localhost]\nendpoint:\n";
    for (const auto port : ports) yaml += fmt::format("  - {}://localhost:{}\n", scheme, port);
    return yaml + std::string(more);
  }

  // Pulls as a runner does: opens again with the last cursor after each failure, until `wanted`
  // different changes have been seen or ten seconds passed.
  void pull(Connector& connector, std::size_t wanted, std::string from = "") {
    cursor = std::move(from);
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    bool opened = false;
    while (seen.size() < wanted && std::chrono::steady_clock::now() < deadline) {
      if (!opened) {
        const auto result = connector.open(cursor, {});
        if (!result) errors.push_back(result.error());
        opened = result.has_value();
        continue;
      }
      auto batch = connector.next(200ms, {});
      if (!batch) {
        errors.push_back(batch.error());
        opened = false;
        continue;
      }
      EXPECT_LE(batch->items.size(), 500U);
      for (const Item& item : batch->items) note(item);
      cursor = batch->cursor;
    }
  }

  void note(const Item& item) {
    if (std::holds_alternative<Undecodable>(item)) {
      ++unreadable;
      return;
    }
    const auto& mention = std::get<Mention>(item);
    ++received;
    seen.insert(
        fmt::format("{} {}", name(mention.op), mention.id.substr(mention.id.rfind('/') + 1)));
  }

  ScratchDirectory directory;
  std::set<std::string> ids;
  std::set<std::string> seen;
  std::vector<Error> errors;
  std::string cursor;
  std::size_t received = 0;
  int unreadable = 0;
};

TEST_F(BlueskyTest, LosesNothingWhenTheFirstWireIsCutAgainAndAgain) {
  const auto lines = directory.write("lines", stream(200));
  JetstreamPeer peer({"--lines", lines, "--drop-after", "40,1,0,50,30,70", "--drop-how",
                      "abort,midframe,close", "--refuse-first", "1"});
  const auto connector = make(settings({peer.port()}));

  pull(*connector, ids.size());

  EXPECT_EQ(seen, ids);
  EXPECT_GE(unreadable, 1);
  EXPECT_GE(errors.size(), 7U);
  EXPECT_EQ(connector->notes().reconnects, 6U);
  EXPECT_EQ(connector->notes().gaps, 0U);
}

TEST_F(BlueskyTest, LosesNothingAndRepeatsLittleWhenTheSecondWireIsCut) {
  const auto lines = directory.write("lines", stream(200));
  JetstreamPeer peer({"--lines", lines, "--wire", "v2", "--first-seq", "5000", "--drop-after",
                      "40,1,0,50,30,70", "--drop-how", "abort,midframe,close"});
  const auto connector = make(settings({peer.port()}, "wire: v2\n"));

  pull(*connector, ids.size());

  EXPECT_EQ(seen, ids);
  EXPECT_EQ(unreadable, 1);
  EXPECT_LE(received, ids.size() + 6);
  EXPECT_EQ(connector->notes().reconnects, 6U);
  EXPECT_EQ(connector->notes().gaps, 0U);
}

TEST_F(BlueskyTest, LosesNothingOverTlsWhenItMovesToAnotherInstance) {
  const TestCertificates made = make_certificates(directory);
  const auto lines = directory.write("lines", stream(120));
  JetstreamPeer first({"--lines", lines, "--wire", "v2", "--cert", made.cert, "--key", made.key,
                       "--first-seq", "90000", "--drop-after", "50", "--drop-how", "midframe"});
  JetstreamPeer second({"--lines", lines, "--wire", "v2", "--cert", made.cert, "--key", made.key,
                        "--first-seq", "10"});
  const auto connector =
      make(settings({first.port(), second.port()}, "wire: v2\nca_file: " + made.ca + "\n", "wss"));

  pull(*connector, ids.size());

  EXPECT_EQ(seen, ids);
  EXPECT_EQ(connector->notes().gaps, 0U);
  EXPECT_NE(second.line().find(R"("cursor": ["17)"), std::string::npos);
}

TEST_F(BlueskyTest, CountsAGapWhenTheFirstWireBeginsLater) {
  const auto lines = directory.write("lines", stream(200));
  JetstreamPeer peer({"--lines", lines, "--floor", "150"});
  const auto connector = make(settings({peer.port()}));

  pull(*connector, 1, fmt::format("{}", kStart + 1));

  EXPECT_EQ(connector->notes().gaps, 1U);
}

TEST_F(BlueskyTest, GoesOnFromTheOldestEventWhenTheCursorIsTooOld) {
  const auto lines = directory.write("lines", stream(200));
  JetstreamPeer peer({"--lines", lines, "--wire", "v2", "--floor", "150", "--first-seq", "1000"});
  const auto connector = make(settings({peer.port()}, "wire: v2\n"));

  pull(*connector, 1, fmt::format("1003@{}@localhost:{}", kStart, peer.port()));

  EXPECT_EQ(connector->notes().gaps, 1U);
  EXPECT_NE(peer.line().find(R"("status": 400)"), std::string::npos);
  EXPECT_NE(peer.line().find(R"("from": 1151)"), std::string::npos);
}

TEST_F(BlueskyTest, GoesOnByTimeWhenTheInstanceCountsAnew) {
  const auto lines = directory.write("lines", stream(30));
  JetstreamPeer peer({"--lines", lines, "--wire", "v2"});
  const auto connector = make(settings({peer.port()}, "wire: v2\n"));

  pull(*connector, ids.size(), fmt::format("777777@{}@localhost:{}", kStart, peer.port()));

  EXPECT_EQ(seen, ids);
  EXPECT_EQ(connector->notes().gaps, 0U);
}

TEST_F(BlueskyTest, EndsTheConnectionOnAnErrorFrame) {
  const auto lines = directory.write("lines", stream(3));
  JetstreamPeer peer({"--lines", lines, "--wire", "v2", "--end-error", "ConsumerTooSlow"});
  const auto connector = make(settings({peer.port()}, "wire: v2\n"));
  ASSERT_TRUE(connector->open("", {}));

  Result<Batch> batch = connector->next(5s, {});
  while (batch) batch = connector->next(5s, {});

  EXPECT_EQ(batch.error().code, Code::Unavailable);
  EXPECT_NE(batch.error().message.find("ConsumerTooSlow"), std::string::npos);
}

TEST_F(BlueskyTest, TellsARefusalAsWhatToDo) {
  const auto lines = directory.write("lines", stream(1));
  JetstreamPeer peer({"--lines", lines, "--refuse-first", "1"});
  const auto connector = make(settings({peer.port()}));

  const auto refused = connector->open("", {});
  const auto cursor_of_another = connector->open("offset 7", {});

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::Unavailable);
  EXPECT_EQ(refused.error().retry_after, 7s);
  ASSERT_FALSE(cursor_of_another);
  EXPECT_EQ(cursor_of_another.error().code, Code::Invalid);
}

TEST_F(BlueskyTest, AsksForTheConfiguredCollectionsAndAccounts) {
  const auto lines = directory.write("lines", stream(1));
  JetstreamPeer peer({"--lines", lines});
  const auto connector =
      make(settings({peer.port()}, "dids: ['did:plc:ana']\ncollections: [app.bsky.feed.post]\n"));

  ASSERT_TRUE(connector->open("", {}));

  const std::string asked = peer.line();
  EXPECT_NE(asked.find(R"("wantedCollections": ["app.bsky.feed.post"])"), std::string::npos)
      << asked;
  EXPECT_NE(asked.find(R"("wantedDids": ["did:plc:ana"])"), std::string::npos) << asked;
}

TEST(BlueskyKind, RefusesOptionsWithTheirPlace) {
  const auto error_of = [](const std::string& yaml) {
    const auto options = parse_yaml(yaml, "vigie.yaml");
    const auto made = kBlueskyKind.make({"test", "bluesky", &*options, "vigie.yaml"});
    return made ? std::string{} : made.error().message;
  };

  EXPECT_EQ(error_of("kind: bluesky\n"), "");
  EXPECT_EQ(error_of("kind: bluesky\nwire: v2\nendpoint: wss://example.org/\n"), "");
  EXPECT_EQ(error_of("kind: bluesky\nwire: v3\n").substr(0, 17), "vigie.yaml:2:7: w");
  EXPECT_EQ(error_of("kind: bluesky\nendpoint: https://example.org/\n").substr(0, 15),
            "vigie.yaml:2:11");
  EXPECT_NE(error_of("kind: bluesky\nendpoint: wss://10.0.0.1/\n").find("allow_private"),
            std::string::npos);
  EXPECT_NE(error_of("kind: bluesky\nendpoint: []\n"), "");
  EXPECT_NE(error_of("kind: bluesky\ndids: [ana]\n"), "");
  EXPECT_NE(error_of("kind: bluesky\ncollections: [post]\n"), "");
  EXPECT_NE(error_of("kind: bluesky\nping: 0s\n"), "");
  EXPECT_NE(error_of("kind: bluesky\nendpont: x\n").find("endpoint"), std::string::npos);
}

}  // namespace
}  // namespace vigie
