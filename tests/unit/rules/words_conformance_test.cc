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
#include "tests/samples.h"

namespace vigie {
namespace {

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string read_xz(const std::filesystem::path& path) {
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

// One case of twitter-text: what it expects and what the cut gives.
struct Outcome {
  std::string description;
  std::vector<std::string> expected;
  std::vector<std::string> found;
};

// A section of twitter-text. With a key, what it expects is written as "text at begin-end", in code
// points.
struct Section {
  std::string_view name;
  WordKind kind;
  std::string_view key;
};

constexpr Section kSections[] = {
    {"mentions", WordKind::Handle, ""},
    {"mentions_with_indices", WordKind::Handle, "screen_name"},
    {"mentions_or_lists_with_indices", WordKind::Handle, "screen_name"},
    {"replies", WordKind::Handle, ""},
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

// A case that our language decides otherwise on purpose.
struct Difference {
  std::string_view section;
  std::string_view description;
  std::string_view reason;
};

constexpr std::string_view kTopLabels =
    "without a scheme, www. or a path only eleven top-level domains make a URL, so that a missing "
    "space (end.so) makes none";
constexpr std::string_view kLists = "a list is no entity: the handle before its slash is";

constexpr Difference kDifferences[] = {
    {"urls", "Extract URLs without protocol not on (com|org|edu|gov|net) domains", kTopLabels},
    {"urls", "Extract short URLs without protocol on ccTLD domains without path", kTopLabels},
    {"urls", "Extract some (tv|co) short URLs without protocol on ccTLD domains without path",
     kTopLabels},
    {"urls", "Extract domain followed by Japanese characters", kTopLabels},
    {"urls", "Extract URL before newline", kTopLabels},
    {"mentions_or_lists_with_indices", "Extract a list", kLists},
    {"mentions_or_lists_with_indices", "Extract a mention and list", kLists},
    {"mentions_or_lists_with_indices", "Extract a list in the middle of a Japanese tweet", kLists},
};

std::string written(std::string_view text, const Word& word, bool indices) {
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

// What is in the text is a reply when nothing but white space stands before the handle.
bool starts_with(std::string_view text, const Word& word) {
  std::string_view before = text.substr(0, word.begin);
  while (before.starts_with("\u3000")) before.remove_prefix(3);
  return before.find_first_not_of(' ') == std::string_view::npos;
}

std::vector<Outcome> outcomes(const YamlNode& cases, const Section& section) {
  std::vector<Outcome> all;
  CutText cut;
  for (const YamlNode& one : cases.items) {
    Outcome outcome;
    outcome.description = one.find("description")->text;
    const YamlNode& expected = *one.find("expected");
    if (expected.type == YamlNode::Type::Scalar && !expected.text.empty())
      outcome.expected.push_back(expected.text);
    for (const YamlNode& item : expected.items) {
      outcome.expected.push_back(section.key.empty()
                                     ? item.text
                                     : fmt::format("{} at {}-{}", item.find(section.key)->text,
                                                   item.find("indices")->items[0].text,
                                                   item.find("indices")->items[1].text));
    }
    const std::string& text = one.find("text")->text;
    cut.cut(text, "x");
    for (const Word& word : cut.words()) {
      if (word.kind != section.kind) continue;
      if (section.name == "replies" && !starts_with(text, word)) continue;
      outcome.found.push_back(written(text, word, !section.key.empty()));
    }
    all.push_back(std::move(outcome));
  }
  return all;
}

TEST(TwitterText, DiffersOnlyWhereOurRulesSayOtherwise) {
  const std::filesystem::path path = sample("conformance/twitter-text/extract.yml");
  VIGIE_SKIP_WITHOUT(path);
  const std::string file = read(path);
  ASSERT_FALSE(file.empty()) << path;
  const Result<YamlNode> root = parse_yaml(file, "extract.yml");
  ASSERT_TRUE(root) << root.error().message;
  const YamlNode& tests = *root->find("tests");

  std::set<std::pair<std::string_view, std::string>> differing;
  std::size_t total = 0;
  for (const Section& section : kSections) {
    const std::vector<Outcome> cases = outcomes(*tests.find(section.name), section);
    std::size_t agree = 0;
    for (const Outcome& outcome : cases) {
      agree += outcome.expected == outcome.found ? 1 : 0;
      if (outcome.expected != outcome.found) {
        fmt::print("{}: {}\n  theirs {}\n  ours   {}\n", section.name, outcome.description,
                   outcome.expected, outcome.found);
        differing.emplace(section.name, outcome.description);
      }
    }
    fmt::print("twitter-text {}: {} of {} agree\n", section.name, agree, cases.size());
    total += cases.size();
  }

  std::set<std::pair<std::string_view, std::string>> on_purpose;
  for (const Difference& one : kDifferences) on_purpose.emplace(one.section, one.description);
  fmt::print("twitter-text: {} of {} agree\n", total - differing.size(), total);
  EXPECT_EQ(std::size(kSections), tests.entries.size()) << "a section is not looked at";
  EXPECT_EQ(total, 238U);
  EXPECT_EQ(differing, on_purpose);
}

// With a scheme every top label makes a URL, so also every one that twitter-text knows.
TEST(TwitterText, KnowsEveryTopLevelDomainAfterAScheme) {
  const std::filesystem::path path = sample("conformance/twitter-text/tlds.yml.xz");
  VIGIE_SKIP_WITHOUT(path);
  const std::string file = read_xz(path);
  ASSERT_FALSE(file.empty()) << path;
  const Result<YamlNode> root = parse_yaml(file, "tlds.yml");
  ASSERT_TRUE(root) << root.error().message;

  std::size_t total = 0;
  for (const YamlEntry& section : root->find("tests")->entries) {
    for (const Outcome& outcome : outcomes(section.value, {"", WordKind::Url, ""})) {
      ++total;
      EXPECT_EQ(outcome.expected, outcome.found) << outcome.description;
    }
  }

  EXPECT_GT(total, 1000U);
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
  const std::filesystem::path path = sample("conformance/unicode-15.0/WordBreakTest.txt");
  VIGIE_SKIP_WITHOUT(path);
  const std::string file = read(path);
  ASSERT_FALSE(file.empty()) << path;

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

// To clusters a Han character is what the space and the unassigned U+0378 of the file are: of no
// kind. In their place it makes each line that starts with one say what the tail of our word is.
TEST(GraphemeBreakTest, AgreesOnTheTailsOfClusters) {
  const std::filesystem::path path = sample("conformance/unicode-15.0/GraphemeBreakTest.txt");
  VIGIE_SKIP_WITHOUT(path);
  const std::string file = read(path);
  ASSERT_FALSE(file.empty()) << path;

  const auto cases = break_cases(file);
  std::size_t applied = 0;
  for (const auto& segments : cases) {
    const std::string line = joined(segments);
    const std::string first = line.starts_with(' ') ? " " : "\u0378";
    if (!line.starts_with(first)) continue;
    const std::string han = "\u6F22";
    const std::string text = han + line.substr(first.size());

    const char* end = word_segment_end(text.data(), text.data() + text.size());

    EXPECT_EQ(std::string(text.data(), end), han + segments[0].substr(first.size()))
        << testing::PrintToString(line);
    ++applied;
  }

  fmt::print("GraphemeBreakTest: {} of {} lines apply\n", applied, cases.size());
  EXPECT_GE(applied, 68U);
}

// Every column of a line is the same text to NFKC, so all five fold alike. What exact: compares is
// the second for the first three, the fourth for the others.
TEST(NormalizationTest, FoldsEquivalentTextsAlikeAndComposesThem) {
  const std::filesystem::path path = sample("conformance/unicode-15.0/NormalizationTest.txt.xz");
  VIGIE_SKIP_WITHOUT(path);
  const std::string file = read_xz(path);
  ASSERT_FALSE(file.empty()) << path;

  std::size_t lines_read = 0;
  std::size_t differing = 0;
  std::istringstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] == '#' || line[0] == '@') continue;
    std::istringstream columns(line);
    std::set<std::string> folded;
    std::vector<std::string> texts;
    std::string column;
    for (int i = 0; i < 5 && std::getline(columns, column, ';'); ++i)
      texts.push_back(from_hex(column));
    for (const std::string& text : texts) folded.insert(fold(text));
    ++lines_read;
    const bool composes = nfc(texts[0]) == texts[1] && nfc(texts[1]) == texts[1] &&
                          nfc(texts[2]) == texts[1] && nfc(texts[3]) == texts[3] &&
                          nfc(texts[4]) == texts[3];
    if (folded.size() != 1 || !composes) {
      ++differing;
      fmt::print("{}\n", line);
    }
  }

  fmt::print("NormalizationTest: {} of {} fold alike\n", lines_read - differing, lines_read);
  EXPECT_GE(lines_read, 18000U);
  EXPECT_EQ(differing, 0U);
}

TEST(EmojiTest, CutsEveryEmojiAsOne) {
  const std::filesystem::path path = sample("conformance/unicode-15.0/emoji-test.txt.xz");
  VIGIE_SKIP_WITHOUT(path);
  const std::string file = read_xz(path);
  ASSERT_FALSE(file.empty()) << path;

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
