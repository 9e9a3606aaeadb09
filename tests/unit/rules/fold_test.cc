#include "rules/fold.h"

#include <cstdint>
#include <random>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "rules/characters.h"
#include "rules/words.h"

namespace vigie {
namespace {

void append_utf8(std::string& out, char32_t c) {
  const auto push = [&out](char32_t byte) { out.push_back(static_cast<char>(byte)); };
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

std::string by_definition(std::string_view word) {
  std::string out;
  fold_by_definition(word, out);
  return out;
}

TEST(Fold, IgnoresCaseAndAccents) {
  EXPECT_EQ(fold("Été"), "ete");
  EXPECT_EQ(fold("E\u0301te\u0301"), "ete");
  EXPECT_EQ(fold("STRASSE"), fold("straße"));
  EXPECT_EQ(fold("ΆΝΘΡΩΠΟΣ"), fold("άνθρωπος"));
  EXPECT_EQ(fold("İstanbul"), "istanbul");
  EXPECT_EQ(fold("ЙОГА"), "иога");
  EXPECT_EQ(fold("Ất"), "at");
}

TEST(Fold, IgnoresPointsInArabicAndHebrew) {
  EXPECT_EQ(fold("مُحَمَّد"), "محمد");
  EXPECT_EQ(fold("أحمد"), "احمد");
  EXPECT_EQ(fold("שָׁלוֹם"), "שלום");
}

TEST(Fold, KeepsMarksOfOtherScripts) {
  EXPECT_EQ(fold("हिन्दी"), "हिन्दी");
  EXPECT_EQ(fold("が"), "が");
  EXPECT_EQ(fold("か\u3099"), "が");
  EXPECT_EQ(fold("ｶﾞ"), "ガ");
  EXPECT_EQ(fold("ดี"), "ดี");
}

TEST(Fold, DropsWhatIsInvisible) {
  EXPECT_EQ(fold("ac\u00ADme"), "acme");
  EXPECT_EQ(fold("ac\u200Bme\uFE0F"), "acme");
  EXPECT_EQ(fold("e\u200D\u0301"), "e");
  EXPECT_EQ(fold("سـلام"), "سلام");
  EXPECT_EQ(fold("\u200B"), "");
}

TEST(Fold, WritesEveryApostropheAlike) {
  for (const char* word : {"don't", "don’t", "don‘t", "donʼt", "don＇t"})
    EXPECT_EQ(fold(word), "don't");
}

TEST(Fold, UsesCompatibilityForms) {
  EXPECT_EQ(fold("ＡＣＭＥ"), "acme");
  EXPECT_EQ(fold("𝓪𝓬𝓶𝓮"), "acme");
  EXPECT_EQ(fold("ﬁn"), "fin");
  EXPECT_EQ(fold("㎏"), "kg");
}

TEST(Fold, PutsTheReplacementCharacterForInvalidBytes) {
  EXPECT_EQ(fold("a\xFFz"), "a\uFFFDz");
  EXPECT_EQ(fold("\xC3"), "\uFFFD");
  EXPECT_EQ(fold("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD");
}

TEST(Fold, KeepsAccentsWhenOnlyCaseIsFolded) {
  EXPECT_EQ(fold_case("QUE\u0301"), "qué");
}

// Two marks in turn whose order changes, a million times: work that grows with the square of the
// length takes longer than a test may.
TEST(Fold, TakesWorkInProportionToARowOfMarks) {
  constexpr std::size_t kPairs = 500'000;
  const auto row = [](const std::string& pair) {
    std::string text;
    for (std::size_t i = 0; i < kPairs; ++i) text += pair;
    return text;
  };
  for (const std::string base : {"\u6771", "\u0915", "7"}) {
    const std::string sorted = base + row("\u0323") + row("\u0301");
    const std::string mixed = base + row("\u0301\u0323");
    EXPECT_TRUE(fold(mixed) == sorted) << base;
    EXPECT_TRUE(fold_case(mixed) == sorted) << base;
    EXPECT_TRUE(nfc(mixed) == sorted) << base;
  }
  const std::string vowel_signs = "\u0F40" + row("\u0F73");
  EXPECT_TRUE(nfc(vowel_signs) == "\u0F40" + row("\u0F71") + row("\u0F72"));
  const std::string carried = "\u6771" + row("\uFE7F\uFE77");
  EXPECT_TRUE(fold(carried) == "\u6771" + row("\u064E") + row("\u0652"));
}

TEST(Fold, TableAndDefinitionAgreeOnEveryCodePoint) {
  // Alone, and between neighbours that compose, strip or reorder. Beyond the planes in use only
  // some.
  for (char32_t c = 1; c < 0x110000; c += c >= 0x32400 && c < 0xE0000 ? 61 : 1) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    std::string one;
    append_utf8(one, c);
    for (const std::string& word :
         {one, "e" + one + "\u0301", "\u0915" + one + "\u093C", "\u1100\u1161" + one}) {
      ASSERT_EQ(fold(word), by_definition(word)) << std::hex << static_cast<std::uint32_t>(c);
    }
  }
}

TEST(Fold, FoldingTwiceChangesNothing) {
  for (char32_t c = 1; c < 0x30000; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    std::string one;
    append_utf8(one, c);
    const std::string folded = fold(one);
    ASSERT_EQ(fold(folded), folded) << std::hex << static_cast<std::uint32_t>(c);
  }
}

TEST(Fold, TableAndDefinitionAgreeOnRandomWords) {
  std::mt19937 random(20260601);
  // Blocks dense in marks, compositions and exceptions.
  constexpr char32_t kStarts[] = {
      0x20,   0xA0,   0x100,  0x1E00, 0x300,  0x340,  0x370,   0x1F00,  0x400,   0x590,
      0x620,  0x64B,  0x6D0,  0x900,  0x940,  0x9B0,  0xB40,   0xBC0,   0xCC0,   0xDC0,
      0xE30,  0xEB0,  0xF40,  0xF70,  0x1020, 0x1100, 0x1160,  0x11A0,  0x1AB0,  0x1B00,
      0x1DC0, 0x2010, 0x20D0, 0x2100, 0x3040, 0x3090, 0x30F0,  0x3130,  0xAC00,  0xFB1D,
      0xFB50, 0xFDF0, 0xFE00, 0xFE70, 0xFF60, 0xFFA0, 0x110A0, 0x11130, 0x1D160, 0x1E000};
  for (int i = 0; i < 200'000; ++i) {
    std::string word;
    const std::size_t size = 1 + random() % 6;
    for (std::size_t c = 0; c < size; ++c) {
      append_utf8(word,
                  kStarts[random() % std::size(kStarts)] + static_cast<char32_t>(random() % 48));
    }
    ASSERT_EQ(fold(word), by_definition(word)) << testing::PrintToString(word);
  }
}

TEST(Fold, TableAndDefinitionAgreeOnRandomBytes) {
  std::mt19937 random(7);
  for (int i = 0; i < 50'000; ++i) {
    std::string word(random() % 12, '\0');
    for (char& c : word) c = static_cast<char>(random());
    ASSERT_EQ(fold(word), by_definition(word)) << testing::PrintToString(word);
  }
}

}  // namespace
}  // namespace vigie
