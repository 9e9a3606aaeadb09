#include "rules/atoms.h"

#include <cstddef>
#include <cstdint>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

namespace vigie {
namespace {

std::string utf8(char32_t c) {
  std::string out;
  icu::UnicodeString(static_cast<UChar32>(c)).toUTF8String(out);
  return out;
}

std::string folded(const std::string& text) {
  std::string out;
  Atoms::fold_case(text, out);
  return out;
}

TEST(Atoms, CaseIsFoldedCodePointByCodePoint) {
  for (char32_t c = 1; c < 0x20000; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    const auto simple =
        static_cast<char32_t>(u_foldCase(static_cast<UChar32>(c), U_FOLD_CASE_DEFAULT));
    // Alone, and among so many others that both are in lanes.
    ASSERT_EQ(folded(utf8(c)), utf8(simple)) << std::hex << static_cast<std::uint32_t>(c);
    ASSERT_EQ(folded("AbcdefghijklmnopQ" + utf8(c) + "RSTuvwxyzabcdefgh"),
              "abcdefghijklmnopq" + utf8(simple) + "rstuvwxyzabcdefgh")
        << std::hex << static_cast<std::uint32_t>(c);
  }
}

TEST(Atoms, AByteThatIsNoPartOfACodePointIsTheReplacementCharacter) {
  EXPECT_EQ(folded("A\xFFz\xC3"), "a\uFFFDz\uFFFD");
  const std::string many(100, '\xE6');
  EXPECT_EQ(folded(many).size(), 3 * many.size());
}

// Texts of each length, so that the ends of the steps of eight and sixteen bytes fall everywhere.
TEST(Atoms, FindsEachAtomOfATextAndNoOther) {
  constexpr const char* kPieces[] = {"a", "b", "ab", "é", "东", " "};
  std::mt19937 random(9);
  const auto some_text = [&](std::size_t pieces) {
    std::string text;
    for (std::size_t i = 0; i < pieces; ++i) text += kPieces[random() % std::size(kPieces)];
    return text;
  };
  for (const std::size_t count : {1U, 5U, 200U}) {
    Atoms atoms;
    std::vector<std::string> texts;
    while (texts.size() < count) {
      const std::string atom = some_text(3 + random() % 6);
      if (atom.size() >= Atoms::kShortest && atoms.add(atom) == texts.size()) texts.push_back(atom);
    }
    atoms.freeze();
    std::vector<std::uint32_t> scratch;
    for (int i = 0; i < 5000; ++i) {
      const std::string text = some_text(random() % 70);
      std::set<std::uint32_t> expected;
      for (std::uint32_t id = 0; id < texts.size(); ++id) {
        if (text.find(texts[id]) != std::string::npos) expected.insert(id);
      }
      std::set<std::uint32_t> found;
      atoms.find(text, scratch, [&](std::uint32_t id) { found.insert(id); });
      ASSERT_EQ(found, expected) << text;
    }
  }
}

}  // namespace
}  // namespace vigie
