// Words and folding against what others test with: twitter-text, and the tests of Unicode 15.0.
// They are read from the samples folder; without it these tests are skipped.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "pipeline/core/yaml.h"
#include "rules/fold.h"
#include "rules/segments.h"
#include "rules/words.h"
#include "tests/rules/samples.h"

namespace vigie {
namespace {

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string read_xz(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) return {};
  const std::string command = "xz -dc '" + path.string() + "'";
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  std::string all;
  std::string part(1 << 16, '\0');
  while (pipe) {
    const std::size_t size = std::fread(part.data(), 1, part.size(), pipe.get());
    if (size == 0) break;
    all.append(part, 0, size);
  }
  return all;
}

void append_utf8(std::string& out, std::uint32_t c) {
  const auto push = [&out](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (c < 0x80) {
    push(c);
  } else if (c < 0x800) {
    push(0xC0 | c >> 6);
    push(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    push(0xE0 | c >> 12);
    push(0x80 | (c >> 6 & 0x3F));
    push(0x80 | (c & 0x3F));
  } else {
    push(0xF0 | c >> 18);
    push(0x80 | (c >> 12 & 0x3F));
    push(0x80 | (c >> 6 & 0x3F));
    push(0x80 | (c & 0x3F));
  }
}

std::string from_hex(std::string_view code_points) {
  std::string out;
  std::istringstream in{std::string(code_points)};
  std::uint32_t c = 0;
  while (in >> std::hex >> c) append_utf8(out, c);
  return out;
}

// The file of twitter-text, one case of a section at a time, as what the case expects and what the
// cut gives.
class TwitterText : public ::testing::Test {
 protected:
  struct Outcome {
    std::string description;
    std::vector<std::string> expected;
    std::vector<std::string> found;
  };

  // Sections with indices are written as "text at [begin, end)" in code points.
  static std::vector<Outcome> outcomes(const YamlNode& tests, std::string_view section,
                                       WordKind kind, std::string_view key) {
    std::vector<Outcome> all;
    CutText cut;
    const YamlNode* cases = tests.find(section);
    if (cases == nullptr) return all;
    for (const YamlNode& one : cases->items) {
      Outcome outcome;
      outcome.description = one.find("description")->text;
      for (const YamlNode& item : one.find("expected")->items) {
        outcome.expected.push_back(key.empty() ? item.text
                                               : fmt::format("{} at {}-{}", item.find(key)->text,
                                                             item.find("indices")->items[0].text,
                                                             item.find("indices")->items[1].text));
      }
      const std::string& text = one.find("text")->text;
      cut.cut(text, "x");
      for (const Word& word : cut.words()) {
        if (word.kind != kind) continue;
        outcome.found.push_back(written(text, word, !key.empty()));
      }
      all.push_back(std::move(outcome));
    }
    return all;
  }

 private:
  static std::string written(std::string_view text, const Word& word, bool indices) {
    std::string_view part = text.substr(word.begin, word.end - word.begin);
    if (word.kind != WordKind::Url)
      part.remove_prefix(part[0] == '#' || part[0] == '@' || part[0] == '$' ? 1 : 3);
    if (!indices) return std::string(part);
    const auto code_points = [text](std::size_t end) {
      return std::count_if(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(end),
                           [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
    };
    return fmt::format("{} at {}-{}", part, code_points(word.begin), code_points(word.end));
  }
};

struct Section {
  std::string_view name;
  WordKind kind;
  std::string_view key;
};

constexpr Section kSections[] = {
    {"mentions", WordKind::Handle, ""},
    {"mentions_with_indices", WordKind::Handle, "screen_name"},
    {"urls", WordKind::Url, ""},
    {"urls_with_indices", WordKind::Url, "url"},
    {"urls_with_directional_markers", WordKind::Url, "url"},
    {"tco_urls_with_params", WordKind::Url, ""},
    {"hashtags", WordKind::Hashtag, ""},
    {"hashtags_from_astral", WordKind::Hashtag, ""},
    {"hashtags_with_indices", WordKind::Hashtag, "hashtag"},
    {"cashtags", WordKind::Cashtag, ""},
    {"cashtags_with_indices", WordKind::Cashtag, "cashtag"},
};

TEST_F(TwitterText, DiffersOnlyWhereOurRulesSayOtherwise) {
  const std::string file = read(samples() / "conformance/twitter-text/extract.yml");
  if (file.empty()) GTEST_SKIP() << "no samples";
  const Result<YamlNode> root = parse_yaml(file, "extract.yml");
  ASSERT_TRUE(root) << root.error().message;
  const std::set<std::string> on_purpose = {
      // Without a scheme our rules know eleven top-level domains, `www.` and a path; jp, so, tv, co
      // and IDNs alone
      // are words, so that "end.so" at a missing space stays one. After `www.` any top label will
      // do.
      "Extract URLs without protocol not on (com|org|edu|gov|net) domains",
      "Extract short URLs without protocol on ccTLD domains without path",
      "Extract some (tv|co) short URLs without protocol on ccTLD domains without path",
      "Extract domain followed by Japanese characters",
      "Extract URL before newline",
  };

  std::set<std::string> differing;
  std::size_t total = 0;
  for (const Section& section : kSections) {
    for (const auto& outcome :
         outcomes(*root->find("tests"), section.name, section.kind, section.key)) {
      ++total;
      if (outcome.expected == outcome.found) continue;
      differing.insert(outcome.description);
      fmt::print("{}: {}\n  theirs {}\n  ours   {}\n", section.name, outcome.description,
                 outcome.expected, outcome.found);
    }
  }

  RecordProperty("agree", static_cast<int>(total - differing.size()));
  fmt::print("twitter-text: {} of {} agree\n", total - differing.size(), total);
  EXPECT_EQ(total, 220U);
  EXPECT_EQ(differing, on_purpose);
}

// The lines of a break test: "÷ 0061 × 0308 ÷ # comment" as the segments it expects.
std::vector<std::vector<std::string>> break_cases(const std::string& file) {
  std::vector<std::vector<std::string>> cases;
  std::istringstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    line = line.substr(0, line.find('#'));
    std::vector<std::string> segments;
    std::istringstream words(line);
    for (std::string word; words >> word;) {
      if (word == "÷") {
        segments.emplace_back();
      } else if (word != "×") {
        segments.back() += from_hex(word);
      }
    }
    if (segments.size() < 2) continue;
    segments.pop_back();
    cases.push_back(std::move(segments));
  }
  return cases;
}

std::string joined(const std::vector<std::string>& segments) {
  std::string text;
  for (const std::string& segment : segments) text += segment;
  return text;
}

TEST(WordBreakTest, AgreesOnEveryLine) {
  const std::string file = read(samples() / "conformance/unicode-15.0/WordBreakTest.txt");
  if (file.empty()) GTEST_SKIP() << "no samples";

  const auto cases = break_cases(file);
  std::size_t differing = 0;
  for (const auto& expected : cases) {
    const std::string text = joined(expected);
    std::vector<std::string> found;
    for (const char* at = text.data(); at < text.data() + text.size();) {
      const char* end = segment_end(at, text.data() + text.size());
      found.emplace_back(at, end);
      at = end;
    }
    if (found != expected) ++differing;
  }

  RecordProperty("agree", static_cast<int>(cases.size() - differing));
  fmt::print("WordBreakTest: {} of {} agree\n", cases.size() - differing, cases.size());
  EXPECT_GE(cases.size(), 1800U);
  EXPECT_EQ(differing, 0U);
}

// A Han character in front makes the rest of a cluster the tail of one of our words.
TEST(GraphemeBreakTest, AgreesOnTheTailsOfClusters) {
  const std::string file = read(samples() / "conformance/unicode-15.0/GraphemeBreakTest.txt");
  if (file.empty()) GTEST_SKIP() << "no samples";

  const auto cases = break_cases(file);
  std::size_t applied = 0;
  for (const auto& segments : cases) {
    const std::string han = "\u6F22";
    const std::string text = han + joined(segments);
    // Only where the first segment is one code point does the file say whether it would attach.
    const std::string plain = "\u0378" + joined(segments);
    const char* end = word_segment_end(text.data(), text.data() + text.size());
    const auto size = static_cast<std::size_t>(end - text.data()) - han.size();
    if (size == 0) continue;
    ++applied;
    EXPECT_EQ(segments[0].substr(0, size), segments[0]) << joined(segments);
  }

  fmt::print("GraphemeBreakTest: {} of {} lines apply\n", applied, cases.size());
  EXPECT_GE(applied, 1U);
}

// Every column of a line is the same text to NFKC, so all five fold alike.
TEST(NormalizationTest, FoldsEquivalentTextsAlike) {
  const std::string file = read_xz(samples() / "conformance/unicode-15.0/NormalizationTest.txt.xz");
  if (file.empty()) GTEST_SKIP() << "no samples";

  std::size_t lines_read = 0;
  std::size_t differing = 0;
  std::istringstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] == '#' || line[0] == '@') continue;
    std::istringstream columns(line);
    std::set<std::string> folded;
    std::string column;
    for (int i = 0; i < 5 && std::getline(columns, column, ';'); ++i)
      folded.insert(fold(from_hex(column)));
    ++lines_read;
    if (folded.size() != 1) {
      ++differing;
      fmt::print("{}\n", line);
    }
  }

  fmt::print("NormalizationTest: {} of {} fold alike\n", lines_read - differing, lines_read);
  EXPECT_GE(lines_read, 18000U);
  EXPECT_EQ(differing, 0U);
}

TEST(EmojiTest, CutsEveryEmojiAsOne) {
  const std::string file = read_xz(samples() / "conformance/unicode-15.0/emoji-test.txt.xz");
  if (file.empty()) GTEST_SKIP() << "no samples";

  std::vector<std::string> differing;
  std::size_t total = 0;
  CutText cut;
  std::istringstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t semicolon = line.find(';');
    if (line.empty() || line[0] == '#' || semicolon == std::string::npos) continue;
    ++total;
    const std::string emoji = from_hex(line.substr(0, semicolon));
    cut.cut(emoji, "x");
    const bool one = cut.words().size() == 1 && cut.words()[0].kind == WordKind::Emoji &&
                     cut.words()[0].end == emoji.size();
    if (!one) differing.push_back(line.substr(line.find('#')));
  }

  fmt::print("emoji-test: {} of {} are one emoji\n", total - differing.size(), total);
  // Unqualified, these are signs of text.
  EXPECT_EQ(differing, (std::vector<std::string>{"# © E0.6 copyright", "# ® E0.6 registered",
                                                 "# ™ E0.6 trade mark"}));
}

}  // namespace
}  // namespace vigie
