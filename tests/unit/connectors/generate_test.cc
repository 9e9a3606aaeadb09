#include "connectors/generate/generate.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include <gtest/gtest.h>
#include <unistd.h>

namespace vigie {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

GenerateOptions small(std::uint64_t seed = 7) {
  GenerateOptions options;
  options.seed = seed;
  options.per_second = 2;
  options.start = *parse_time("2026-06-03T18:00:30Z");
  options.duration = 2h;
  return options;
}

std::string dumped(const GenerateOptions& options, std::string* ledger = nullptr) {
  std::ostringstream out;
  std::ostringstream lines;
  const auto done = generate_to(out, options, ledger != nullptr ? &lines : nullptr);
  EXPECT_TRUE(done) << (done ? "" : done.error().message);
  if (ledger != nullptr) *ledger = lines.str();
  return out.str();
}

std::vector<Emission> emissions(const GenerateOptions& options) {
  std::vector<Emission> out;
  Generator generator(options);
  while (auto emission = generator.next()) out.push_back(std::move(*emission));
  return out;
}

TEST(Generator, GivesTheSameStreamForTheSameOptions) {
  EXPECT_EQ(dumped(small()), dumped(small()));
  EXPECT_NE(dumped(small()), dumped(small(8)));
}

// The stream is part of what tests and examples rely on; a change of this number is a decision.
TEST(Generator, GivesTheSameStreamOnEveryMachine) {
  std::uint64_t hash = 0;
  for (const Emission& emission : emissions(small())) {
    hash = hash * 31 + content_hash(emission.mention) + static_cast<std::uint64_t>(emission.act);
  }
  EXPECT_EQ(hash, 6165214710025356651ULL);
}

TEST(Generator, WritesOnlyMentionsThatAreValid) {
  std::istringstream lines(dumped(small()));
  MentionReader reader;
  for (std::string line; std::getline(lines, line);) {
    const auto mention = reader.read(line);
    ASSERT_TRUE(mention) << mention.error().message << line;
  }
}

TEST(Generator, GoesOnFromAnyPositionAsIfItHadNeverStopped) {
  const std::vector<Emission> whole = emissions(small());
  ASSERT_GT(whole.size(), 5000U);
  Generator generator(small());
  for (std::size_t i = 0; i < whole.size(); ++i) {
    if (i % 1501 == 0) {
      Generator later(small(), generator.position());
      for (std::size_t k = i; k < std::min(i + 50, whole.size()); ++k) {
        const auto emission = later.next();
        ASSERT_TRUE(emission);
        ASSERT_EQ(emission->ordinal, k);
        ASSERT_EQ(emission->mention, whole[k].mention);
      }
    }
    generator.next();
  }
}

TEST(Generator, KeepsTheOrderOfStreamTime) {
  Time last{};
  std::uint64_t ordinal = 0;
  for (const Emission& emission : emissions(small())) {
    EXPECT_GE(emission.at, last);
    EXPECT_EQ(emission.ordinal, ordinal++);
    last = emission.at;
  }
  EXPECT_LT(last, small().start + 2h);
}

TEST(Generator, StampsSeenAtOnlyWhenAsked) {
  GenerateOptions options = small();
  for (const Emission& emission : emissions(options)) EXPECT_FALSE(emission.mention.seen_at);
  options.seen_at = true;
  for (const Emission& emission : emissions(options)) {
    EXPECT_EQ(emission.mention.seen_at, emission.at);
  }
}

TEST(Generator, HasEveryActAndNoneThatIsNotWanted) {
  std::set<Act> found;
  for (const Emission& emission : emissions(small())) found.insert(emission.act);
  EXPECT_EQ(found.size(), kActs);

  GenerateOptions options = small();
  options.acts = {Act::Create, Act::Delete};
  found.clear();
  for (const Emission& emission : emissions(options)) found.insert(emission.act);
  EXPECT_EQ(found, (std::set<Act>{Act::Create, Act::Delete}));
}

TEST(Generator, NeverGivesTwoMessagesOneId) {
  std::set<std::string> ids;
  for (const Emission& emission : emissions(small())) {
    if (emission.act != Act::Create) continue;
    EXPECT_TRUE(ids.insert(key_of(emission.mention)).second) << key_of(emission.mention);
  }
}

TEST(Generator, ActsOnlyOnMessagesThatItCreatedBefore) {
  std::map<std::string, std::uint64_t> contents;
  for (const Emission& emission : emissions(small())) {
    const std::string key = key_of(emission.mention);
    if (emission.act == Act::Create) {
      contents[key] = content_hash(emission.mention);
      continue;
    }
    ASSERT_TRUE(contents.contains(key)) << key;
    if (emission.act == Act::Duplicate) {
      EXPECT_EQ(content_hash(emission.mention), contents[key]);
    }
  }
}

TEST(Generator, RepliesToMessagesOfTheSameNetworkThatCameBefore) {
  std::map<std::string, Mention> seen;
  std::size_t replies = 0;
  for (const Emission& emission : emissions(small())) {
    const Mention& mention = emission.mention;
    if (emission.act != Act::Create) continue;
    if (!mention.in_reply_to.empty()) {
      const auto parent = seen.find(mention.network + "/" + mention.in_reply_to);
      ASSERT_NE(parent, seen.end()) << key_of(mention);
      ASSERT_TRUE(mention.in_reply_to_author);
      EXPECT_EQ(mention.in_reply_to_author->id, parent->second.author.id);
      ++replies;
    }
    seen.emplace(key_of(mention), mention);
  }
  EXPECT_GT(replies, 500U);
}

TEST(Generator, IsMostlyNoiseInManyLanguagesAndNetworks) {
  std::size_t creates = 0;
  std::size_t noise = 0;
  std::set<std::string> languages;
  std::set<std::string> networks;
  GenerateOptions options = small();
  options.surprise_bursts = false;
  for (const Emission& emission : emissions(options)) {
    if (emission.act != Act::Create) continue;
    ++creates;
    noise += emission.topic == Subject::Noise ? 1U : 0U;
    languages.insert(emission.mention.lang);
    networks.insert(emission.mention.network);
  }
  EXPECT_GT(noise * 100, creates * 50);
  EXPECT_LT(noise * 100, creates * 72);
  EXPECT_GE(languages.size(), kLanguages);
  EXPECT_EQ(networks.size(), 10U);
}

TEST(Generator, KeepsItsRateOverAWeek) {
  GenerateOptions options = small();
  options.start = *parse_time("2026-06-01T00:00:00Z");
  options.duration = std::chrono::days{7};
  options.per_second = 0.1;
  options.surprise_bursts = false;

  const double count = static_cast<double>(emissions(options).size());

  EXPECT_NEAR(count / (0.1 * 7 * 86'400), 1.0, 0.05);
}

TEST(Generator, SurgesByManyPeopleWhenABurstIsAskedFor) {
  GenerateOptions options = small();
  options.surprise_bursts = false;
  options.rhythm = false;
  const Time burst = *parse_time("2026-06-03T19:00:00Z");
  options.bursts = {{.start = burst, .length = 10min, .topic = Subject::Safety, .strength = 2}};

  std::map<bool, std::size_t> count;
  std::set<std::string> authors;
  for (const Emission& emission : emissions(options)) {
    if (emission.topic != Subject::Safety || emission.act != Act::Create) continue;
    const bool within = emission.at >= burst && emission.at < burst + 10min;
    ++count[within];
    if (within) authors.insert(emission.mention.author.id);
  }

  EXPECT_GT(count[true], 1000U);
  EXPECT_LT(count[false] * 2, count[true]);
  EXPECT_GT(authors.size() * 10, count[true] * 9);
}

TEST(Generator, StopsAtItsCount) {
  GenerateOptions options = small();
  options.duration = 0s;
  options.count = 1234;
  EXPECT_EQ(emissions(options).size(), 1234U);
}

TEST(GenerateTo, WritesOneLedgerLineAnAct) {
  std::string ledger;
  const std::string out = dumped(small(), &ledger);
  EXPECT_EQ(std::ranges::count(out, '\n'), std::ranges::count(ledger, '\n'));
  EXPECT_EQ(ledger.substr(0, 6), "{\"n\":0");
}

TEST(GenerateTo, RefusesAStreamWithoutAnEnd) {
  GenerateOptions options = small();
  options.duration = 0s;
  std::ostringstream out;
  EXPECT_FALSE(generate_to(out, options));
  options.per_second = 0;
  options.count = 1;
  EXPECT_FALSE(generate_to(out, options));
}

TEST(GenerateTo, SaysSoWhenTheOutputIsFull) {
  std::ofstream full("/dev/full");
  const auto done = generate_to(full, small());
  // What fits the stream's own buffer fails at its flush only; the stream is far larger.
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::Unavailable);
}

class LiveGenerate : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "vigie_generate_XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    options_.stream = small();
    options_.stream.duration = 0s;
    options_.ledger = name + "/ledger.ndjson";
  }
  void TearDown() override { fs::remove_all(folder_); }

  Generate make() {
    return Generate(options_, [this] { return now_; });
  }
  // Everything that is due, with the cursor after it.
  std::vector<Mention> due(Generate& generate) {
    std::vector<Mention> out;
    for (;;) {
      auto batch = generate.next(0ms, {});
      if (!batch) {
        ADD_FAILURE() << batch.error().message;
        return out;
      }
      cursor_ = batch->cursor;
      if (batch->items.empty()) return out;
      for (Item& item : batch->items) out.push_back(std::move(std::get<Mention>(item)));
    }
  }
  std::string ledger() const {
    std::ifstream file(options_.ledger);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  fs::path folder_;
  LiveGenerateOptions options_;
  Time now_ = *parse_time("2026-06-03T18:00:30Z");
  std::string cursor_;
};

TEST_F(LiveGenerate, HandsOutWhatIsDueAndNoMore) {
  Generate generate = make();
  ASSERT_TRUE(generate.open("", {}));
  EXPECT_TRUE(due(generate).empty());

  now_ += 10min;
  const std::size_t first = due(generate).size();
  now_ += 10min;
  const std::size_t second = due(generate).size();

  EXPECT_GT(first, 500U);
  EXPECT_GT(second, 500U);
  EXPECT_EQ(static_cast<std::size_t>(std::ranges::count(ledger(), '\n')), first + second);
}

TEST_F(LiveGenerate, GoesOnAtItsCursorAndWritesNoLedgerLineTwice) {
  std::vector<Mention> whole;
  std::string whole_ledger;
  {
    Generate generate = make();
    ASSERT_TRUE(generate.open("", {}));
    now_ += 30min;
    whole = due(generate);
    whole_ledger = ledger();
  }
  now_ -= 30min;

  Generate generate = make();
  ASSERT_TRUE(generate.open("", {}));
  now_ += 10min;
  std::vector<Mention> found = due(generate);
  const std::string saved = cursor_;
  const std::size_t durable = found.size();
  now_ += 10min;
  due(generate);  // handed out, never durable: the process is killed here
  Generate again = make();
  ASSERT_TRUE(again.open(saved, {}));
  EXPECT_EQ(static_cast<std::size_t>(std::ranges::count(ledger(), '\n')), durable);
  now_ += 10min;
  for (Mention& mention : due(again)) found.push_back(std::move(mention));

  EXPECT_EQ(found, whole);
  EXPECT_EQ(ledger(), whole_ledger);
}

TEST_F(LiveGenerate, CutsAHalfWrittenLedgerLineOff) {
  Generate generate = make();
  ASSERT_TRUE(generate.open("", {}));
  now_ += 10min;
  due(generate);
  const std::string good = ledger();
  std::ofstream(options_.ledger, std::ios::app) << "{\"n\":12";

  Generate again = make();
  ASSERT_TRUE(again.open(cursor_, {}));

  EXPECT_EQ(ledger(), good);
}

TEST_F(LiveGenerate, RefusesALedgerThatIsShorterThanTheCursorSays) {
  Generate generate = make();
  ASSERT_TRUE(generate.open("", {}));
  now_ += 10min;
  due(generate);
  fs::resize_file(options_.ledger, 100);

  const auto opened = generate.open(cursor_, {});

  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::Invalid);
  EXPECT_FALSE(generate.next(0ms, {}));
}

TEST_F(LiveGenerate, BeginsAnewWithOtherOptionsAndSaysSo) {
  std::set<std::string> ids;
  Generate generate = make();
  ASSERT_TRUE(generate.open("", {}));
  now_ += 10min;
  for (const Mention& mention : due(generate)) ids.insert(key_of(mention));

  options_.stream.per_second = 3;
  Generate other = make();
  ASSERT_TRUE(other.open(cursor_, {}));
  now_ += 10min;

  EXPECT_EQ(other.notes().gaps, 1U);
  for (const Mention& mention : due(other)) {
    if (mention.op == Op::Create) {
      EXPECT_FALSE(mention.id.empty());
    }
    EXPECT_FALSE(ids.contains(key_of(mention))) << key_of(mention);
  }
}

TEST_F(LiveGenerate, RefusesACursorOfAnotherForm) {
  Generate generate = make();
  for (const char* cursor : {"x", "1", "1:2:3:4", "1:2:3:4:5:6", "1:2:3:4:x"}) {
    EXPECT_FALSE(generate.open(cursor, {})) << cursor;
  }
}

TEST(GenerateOptions, AreReadFromTheConfig) {
  const auto made = [](std::string_view yaml) {
    const auto node = parse_yaml(yaml, "c.yaml");
    EXPECT_TRUE(node);
    auto connector =
        make_generate({.name = "g", .kind = "generate", .options = &*node, .file = "c.yaml"});
    return connector ? std::string() : connector.error().message;
  };
  EXPECT_EQ(
      made("{kind: generate, seed: 3, per_second: 12.5, ops: [create, delete], rhythm: false,"
           " bursts: [{start: 2026-06-03T19:00:00Z, length: 5m, topic: price, strength: 2}]}"),
      "");
  EXPECT_EQ(made("seed: x"),
            "c.yaml:1:7: seed: expected a whole number from 0 to 9007199254740992,"
            " found \"x\"");
  EXPECT_EQ(made("ops: [make]"), "c.yaml:1:6: ops: unknown \"make\"");
  EXPECT_EQ(made("bursts: [{start: 2026-06-03T19:00:00Z, topic: cats}]").substr(0, 10),
            "c.yaml:1:4");
  EXPECT_EQ(made("per_second: 0").substr(0, 11), "c.yaml:1:13");
  EXPECT_NE(made("sed: 1").find("did you mean \"seed\"?"), std::string::npos);
}

}  // namespace
}  // namespace vigie
