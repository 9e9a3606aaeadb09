#include "connectors/replay/replay.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

namespace vigie {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

std::string line(int id) {
  return R"({"network":"x","id":")" + std::to_string(id) +
         R"(","op":"delete","seen_at":"2026-06-01T10:00:00Z"})";
}

class ReplayTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "vigie_replay_XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    path_ = name + "/in.ndjson";
  }
  void TearDown() override { fs::remove_all(folder_); }

  void write(const std::string& text) { std::ofstream(path_, std::ios::binary) << text; }
  void append(const std::string& text) {
    std::ofstream(path_, std::ios::binary | std::ios::app) << text;
  }

  // Everything up to the end, as "id" or "line N: reason".
  std::vector<std::string> all(Connector& replay) {
    std::vector<std::string> out;
    for (bool finished = false; !finished;) {
      auto batch = replay.next(1s, {});
      if (!batch) {
        ADD_FAILURE() << batch.error().message;
        return out;
      }
      collect(*batch, out);
      finished = batch->finished;
    }
    return out;
  }
  // Calls `next` until `count` items came or five seconds have passed.
  std::vector<std::string> some(Connector& replay, std::size_t count) {
    std::vector<std::string> out;
    const auto deadline = std::chrono::steady_clock::now() + 5s;
    while (out.size() < count && std::chrono::steady_clock::now() < deadline) {
      auto batch = replay.next(20ms, {});
      if (!batch) {
        ADD_FAILURE() << batch.error().message;
        return out;
      }
      collect(*batch, out);
    }
    return out;
  }
  void collect(const Batch& batch, std::vector<std::string>& out) {
    cursor_ = batch.cursor;
    for (const Item& item : batch.items) {
      if (const auto* mention = std::get_if<Mention>(&item)) {
        out.push_back(mention->id);
        last_seen_ = mention->seen_at;
      } else {
        const auto& bad = std::get<Undecodable>(item);
        out.push_back(bad.position + ": " + bad.reason);
        last_bytes_ = bad.bytes;
      }
    }
  }
  Replay make(bool follow = false) { return Replay({.path = path_, .follow = follow}); }

  fs::path folder_;
  std::string path_;
  std::string cursor_;
  std::string last_bytes_;
  std::optional<Time> last_seen_;
};

using List = std::vector<std::string>;

TEST_F(ReplayTest, ReadsLinesAndSkipsBlankOnes) {
  write("\n" + line(1) + "\r\n  \t\n" + line(2) + "\n\n");
  Replay replay = make();

  ASSERT_TRUE(replay.open("", {}));

  EXPECT_EQ(all(replay), (List{"1", "2"}));
}

TEST_F(ReplayTest, CountsALastLineWithoutALineEnd) {
  write(line(1) + "\n" + line(2));
  Replay replay = make();
  ASSERT_TRUE(replay.open("", {}));

  EXPECT_EQ(all(replay), (List{"1", "2"}));

  ASSERT_TRUE(replay.open(cursor_, {}));
  EXPECT_EQ(all(replay), List{});
}

TEST_F(ReplayTest, EndsAtOnceOnAnEmptyFile) {
  write("");
  Replay replay = make();
  ASSERT_TRUE(replay.open("", {}));
  EXPECT_EQ(all(replay), List{});
}

TEST_F(ReplayTest, NamesTheLineOfWhatIsNoMention) {
  write(line(1) + "\n{\"network\":\n" + line(3) +
        "\n[1]\n{\"network\":\"X!\",\"id\":\"1\"}\n\"\xff\"\n");
  Replay replay = make();
  ASSERT_TRUE(replay.open("", {}));

  const List found = all(replay);

  ASSERT_EQ(found.size(), 6U);
  EXPECT_EQ(found[0], "1");
  EXPECT_EQ(found[1].substr(0, 8), "line 2: ");
  EXPECT_EQ(found[2], "3");
  EXPECT_EQ(found[3].substr(0, 8), "line 4: ");
  EXPECT_NE(found[4].find("line 5: network:"), std::string::npos);
  EXPECT_EQ(found[5], "line 6: expected UTF-8");
  EXPECT_EQ(last_bytes_, "\"\xff\"");
}

TEST_F(ReplayTest, KeepsTheHeadOfALineThatIsTooLongAndGoesOn) {
  const std::string huge(10'000'000, 'h');
  write(line(1) + "\n" + huge + "\n" + line(3) + "\n");
  Replay replay = make();
  ASSERT_TRUE(replay.open("", {}));

  const List found = all(replay);

  ASSERT_EQ(found.size(), 3U);
  EXPECT_NE(found[1].find("line 2: expected at most 524288 bytes, found 10000000"),
            std::string::npos)
      << found[1];
  EXPECT_EQ(last_bytes_, huge.substr(0, 65'536));
  EXPECT_EQ(found[2], "3");
}

TEST_F(ReplayTest, ReadsALineOfExactlyTheLargestSize) {
  std::string longest = line(1);
  longest.append(kMaxMentionBytes - longest.size(), ' ');
  write(longest + "\n" + longest + " \n" + line(2));
  Replay replay = make();
  ASSERT_TRUE(replay.open("", {}));

  const List found = all(replay);

  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0], "1");
  EXPECT_EQ(found[1].substr(0, 7), "line 2:");
  EXPECT_EQ(found[2], "2");
}

TEST_F(ReplayTest, GoesOnAtItsCursorLineByLine) {
  std::string text;
  for (int i = 0; i < 2500; ++i) text += line(i) + (i % 7 == 0 ? "\n\n" : "\n");
  write(text);
  List found;
  cursor_.clear();
  for (int round = 0; round < 3; ++round) {
    Replay replay = make();
    ASSERT_TRUE(replay.open(cursor_, {}));
    auto batch = replay.next(1s, {});
    ASSERT_TRUE(batch);
    collect(*batch, found);
  }
  Replay replay = make();
  ASSERT_TRUE(replay.open(cursor_, {}));
  const List rest = all(replay);
  found.insert(found.end(), rest.begin(), rest.end());

  ASSERT_EQ(found.size(), 2500U);
  for (int i = 0; i < 2500; ++i) EXPECT_EQ(found[static_cast<std::size_t>(i)], std::to_string(i));
}

TEST_F(ReplayTest, KeepsTheLineNumberOverACursor) {
  write(line(1) + "\n");
  Replay first = make();
  ASSERT_TRUE(first.open("", {}));
  all(first);
  append("broken\n");
  Replay second = make();
  ASSERT_TRUE(second.open(cursor_, {}));

  EXPECT_EQ(all(second).at(0).substr(0, 7), "line 2:");
}

TEST_F(ReplayTest, RefusesACursorThatTheFileDoesNotHold) {
  write(line(1) + "\n" + line(2) + "\n");
  Replay replay = make();
  for (const char* cursor : {"9999:3:1-1", "5:1:1-1", "x", "1:2", "1:0:1-1", "-1:1:1-1"}) {
    const auto opened = replay.open(cursor, {});
    ASSERT_FALSE(opened) << cursor;
    EXPECT_EQ(opened.error().code, Code::Invalid) << cursor;
  }
}

TEST_F(ReplayTest, SaysWhichFileIsMissing) {
  Replay replay = make();
  const auto opened = replay.open("", {});
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find(path_), std::string::npos);
}

TEST_F(ReplayTest, RefusesAFolder) {
  path_ = folder_.string();
  Replay replay = make();
  const auto opened = replay.open("", {});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::Invalid);
}

TEST_F(ReplayTest, ClearsSeenAtUnlessTheInputsTimeCounts) {
  write(line(1) + "\n");
  Replay now({.path = path_});
  ASSERT_TRUE(now.open("", {}));
  all(now);
  EXPECT_FALSE(last_seen_);

  Replay input({.path = path_, .keep_seen_at = true});
  ASSERT_TRUE(input.open("", {}));
  all(input);
  EXPECT_EQ(last_seen_, parse_time("2026-06-01T10:00:00Z"));
}

TEST_F(ReplayTest, FollowsAGrowingFileAndWaitsForLineEnds) {
  write(line(1) + "\n" + line(2));
  Replay replay = make(true);
  ASSERT_TRUE(replay.open("", {}));
  EXPECT_EQ(some(replay, 1), List{"1"});
  EXPECT_TRUE(replay.next(0ms, {})->items.empty());

  append("\n" + line(3) + "\n");

  EXPECT_EQ(some(replay, 2), (List{"2", "3"}));
}

TEST_F(ReplayTest, BeginsAgainWhenTheFollowedFileIsCut) {
  write(line(1) + "\n" + line(2) + "\n");
  Replay replay = make(true);
  ASSERT_TRUE(replay.open("", {}));
  EXPECT_EQ(some(replay, 2), (List{"1", "2"}));

  write(line(3) + "\n");

  EXPECT_EQ(some(replay, 1), List{"3"});
  EXPECT_EQ(replay.notes().gaps, 1U);
}

TEST_F(ReplayTest, ReadsTheOldFileToItsEndBeforeTheOneThatTookItsName) {
  write(line(1) + "\n");
  Replay replay = make(true);
  ASSERT_TRUE(replay.open("", {}));
  EXPECT_EQ(some(replay, 1), List{"1"});

  append(line(2) + "\n" + line(3));
  fs::rename(path_, folder_ / "old");
  write(line(4) + "\n");

  EXPECT_EQ(some(replay, 3), (List{"2", "3", "4"}));
  EXPECT_EQ(replay.notes().gaps, 0U);
}

TEST_F(ReplayTest, CountsAGapWhenTheFollowedFileWasReplacedWhileNobodyRead) {
  write(line(1) + "\n");
  {
    Replay replay = make(true);
    ASSERT_TRUE(replay.open("", {}));
    some(replay, 1);
  }
  fs::rename(path_, folder_ / "old");
  write(line(2) + "\n" + line(3) + "\n");
  Replay replay = make(true);

  ASSERT_TRUE(replay.open(cursor_, {}));

  EXPECT_EQ(some(replay, 2), (List{"2", "3"}));
  EXPECT_EQ(replay.notes().gaps, 1U);
}

TEST_F(ReplayTest, ReturnsSoonAfterAStop) {
  write("");
  Replay replay = make(true);
  ASSERT_TRUE(replay.open("", {}));
  std::stop_source stop;
  stop.request_stop();

  const auto before = std::chrono::steady_clock::now();
  ASSERT_TRUE(replay.next(1h, stop.get_token()));

  EXPECT_LT(std::chrono::steady_clock::now() - before, 10s);
}

Result<std::unique_ptr<Connector>> made(std::string_view yaml) {
  const auto node = parse_yaml(yaml, "c.yaml");
  EXPECT_TRUE(node);
  return make_replay({.name = "in", .kind = "replay", .options = &*node, .file = "c.yaml"});
}

TEST(ReplayOptions, NameThePlaceOfWhatIsWrong) {
  EXPECT_TRUE(made("{kind: replay, name: in, path: a, follow: true, time: input, rate: 5}"));
  EXPECT_EQ(made("{kind: replay}").error().message, "c.yaml:1:1: connector in: path: required");
  EXPECT_EQ(made("kind: replay\npath: a\nfolow: true").error().message,
            "c.yaml:3:1: connector in: unknown key \"folow\"; did you mean \"follow\"?");
  EXPECT_EQ(made("path: a\nfollow: yes").error().message,
            "c.yaml:2:9: follow: expected true or false, found \"yes\"");
  EXPECT_EQ(made("path: a\ntime: then").error().message,
            "c.yaml:2:7: time: expected now or input, found \"then\"");
}

TEST(ConnectorKinds, AreFoundByName) {
  EXPECT_EQ(find_connector_kind("replay"), &connector_kinds()[0]);
  EXPECT_EQ(find_connector_kind("nothing"), nullptr);
}

}  // namespace
}  // namespace vigie
