#include "rules/words.h"

#include <chrono>
#include <cstddef>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unicode/unistr.h>

#include "rules/characters.h"
#include "rules/fold.h"
#include "rules/questions.h"
#include "rules/segments.h"

namespace vigie {
namespace {

// The words of a text, each after the letter of its kind: w, u, h, t, c or e.
std::vector<std::string> cut(std::string_view text, std::string_view network = "x") {
  CutText cut;
  cut.cut(text, network);
  std::vector<std::string> words;
  for (const Word& word : cut.words()) {
    words.push_back(
        fmt::format("{} {}", "wuhtce"[static_cast<std::size_t>(word.kind)], word.folded));
  }
  return words;
}

using Words = std::vector<std::string>;

TEST(CutText, GivesWordsWithTheirBytes) {
  CutText text;
  text.cut("Où est l'Été ?", "x");

  ASSERT_EQ(text.words().size(), 4U);
  EXPECT_EQ(text.words()[0].folded, "ou");
  EXPECT_EQ(text.words()[0].begin, 0U);
  EXPECT_EQ(text.words()[0].end, 3U);
  EXPECT_EQ(text.words()[3].folded, "ete");
  EXPECT_EQ(text.words()[3].begin, 10U);
  EXPECT_EQ(text.words()[3].end, 15U);
}

TEST(CutText, EmptyTextHasNoWords) {
  EXPECT_EQ(cut(""), Words());
  EXPECT_EQ(cut(" \n…!?—"), Words());
}

TEST(CutText, ForgetsTheTextBefore) {
  CutText text;
  text.cut("one two three", "x");
  text.cut("four", "x");

  ASSERT_EQ(text.words().size(), 1U);
  EXPECT_EQ(text.words()[0].folded, "four");
  EXPECT_EQ(text.text(), "four");
}

TEST(CutText, KeepsItsWordsWhenMoved) {
  CutText text;
  text.cut("ÉTÉ one", "x");
  const CutText moved = std::move(text);

  ASSERT_EQ(moved.words().size(), 2U);
  EXPECT_EQ(moved.words()[0].folded, "ete");
}

TEST(CutText, KeepsFoldedFormsThatOutgrowTheText) {
  std::string long_text;
  for (int i = 0; i < 100; ++i) long_text += "\uFDFA ";
  CutText text;
  text.cut("first " + long_text, "x");

  ASSERT_EQ(text.words().size(), 101U);
  EXPECT_EQ(text.words()[0].folded, "first");
  EXPECT_EQ(text.words()[1].folded, text.words()[100].folded);
}

TEST(Words, ColonNeverJoins) {
  EXPECT_EQ(cut("re:order k:a 12:30"), (Words{"w re", "w order", "w k", "w a", "w 12", "w 30"}));
}

TEST(Words, DotJoinsNumbersOnly) {
  EXPECT_EQ(cut("late.Again 3.14 1,000.50 v2.x"),
            (Words{"w late", "w again", "w 3.14", "w 1,000.50", "w v2", "w x"}));
}

TEST(Words, UnderscoreJoinsAndHyphenDoesNot) {
  EXPECT_EQ(cut("foo_bar e-mail __ _x"), (Words{"w foo_bar", "w e", "w mail", "w _x"}));
}

TEST(Words, ApostropheJoinsLetters) {
  EXPECT_EQ(cut("don't DON’T rock'n'roll 'quoted' dogs'"),
            (Words{"w don't", "w don't", "w rock'n'roll", "w quoted", "w dogs"}));
}

TEST(Words, ElidedArticleIsAWord) {
  EXPECT_EQ(cut("l'avion L’Été qu'il jusqu'à d'accord"),
            (Words{"w l'", "w avion", "w l'", "w ete", "w qu'", "w il", "w jusqu'", "w a", "w d'",
                   "w accord"}));
  EXPECT_EQ(cut("dell'arte un'amica quest'anno"),
            (Words{"w dell'", "w arte", "w un'", "w amica", "w quest'", "w anno"}));
  EXPECT_EQ(cut("lʼavion l＇avion"), (Words{"w l'", "w avion", "w l'", "w avion"}));
}

TEST(Words, WhatOnlyLooksLikeAnArticleStays) {
  EXPECT_EQ(cut("aujourd'hui o'clock ma'am presqu'île"),
            (Words{"w aujourd'hui", "w o'clock", "w ma'am", "w presqu'ile"}));
}

TEST(Words, ArticleAfterAnArticleIsAWordToo) {
  EXPECT_EQ(cut("qu'l'on"), (Words{"w qu'", "w l'", "w on"}));
}

TEST(Words, ScriptsWithoutSpacesGiveOneClusterAWord) {
  EXPECT_EQ(cut("東京タワー"), (Words{"w 東", "w 京", "w タ", "w ワ", "w ー"}));
  EXPECT_EQ(cut("ｶﾞス"), (Words{"w ガ", "w ス"}));
  EXPECT_EQ(cut("สวัสดี"), (Words{"w ส", "w วั", "w ส", "w ดี"}));
  EXPECT_EQ(cut("acme東京acme"), (Words{"w acme", "w 東", "w 京", "w acme"}));
}

TEST(Words, HangulIsWrittenWithSpaces) {
  EXPECT_EQ(cut("안녕하세요 세계"), (Words{"w 안녕하세요", "w 세계"}));
}

TEST(Words, HebrewQuotesJoin) {
  EXPECT_EQ(cut("צה\"ל"), (Words{"w צה\"ל"}));
}

TEST(Words, InvisibleCharactersNeitherSplitNorCount) {
  EXPECT_EQ(cut("ac\u00ADme ac\u200Dme"), (Words{"w acme", "w acme"}));
  EXPECT_EQ(cut("\u3164"), Words());
}

TEST(Words, InvalidBytesSeparate) {
  EXPECT_EQ(cut("a\xFFz\xE2\x82"), (Words{"w a", "w z"}));
}

TEST(Urls, StartAnywhereWithAScheme) {
  EXPECT_EQ(cut("(https://acme.example/a_(b)) HTTP://ACME.RS."),
            (Words{"u https://acme.example/a_(b)", "u http://acme.rs"}));
  EXPECT_EQ(cut("herehttps://t.co/Ab1, 中http://acme.rs中"),
            (Words{"w here", "u https://t.co/ab1", "w 中", "u http://acme.rs", "w 中"}));
}

TEST(Urls, WithoutASchemeNeedAReason) {
  EXPECT_EQ(
      cut("acme.com acme.rs www.acme.rs acme.rs/x acme.rs:80/x"),
      (Words{"u acme.com", "w acme", "w rs", "u www.acme.rs", "u acme.rs/x", "u acme.rs:80/x"}));
  for (const char* top :
       {"com", "org", "net", "edu", "gov", "info", "io", "app", "dev", "ai", "eu"}) {
    EXPECT_EQ(cut(fmt::format("acme.{}", top)), (Words{fmt::format("u acme.{}", top)}));
  }
}

TEST(Urls, WithoutASchemeEndInTheLabelOfACountry) {
  EXPECT_EQ(cut("acme.com.br acme.com.br. shop.acme.COM.AU, acme.org.uk_"),
            (Words{"u acme.com.br", "u acme.com.br", "u shop.acme.com.au", "u acme.org.uk"}));
  EXPECT_EQ(cut("acme.com.Then acme.com.xx acme.com.br2 acme.co.uk"),
            (Words{"u acme.com", "w then", "u acme.com", "w xx", "u acme.com", "w br2", "w acme",
                   "w co", "w uk"}));
}

TEST(Urls, NeedATopLabelOfTwoLetters) {
  EXPECT_EQ(cut("http://acme.x http://acme http://10.0.0.1/"),
            (Words{"w http", "w acme", "w x", "w http", "w acme", "w http", "w 10.0.0.1"}));
}

TEST(Urls, HaveHostsInAnyScriptWithAScheme) {
  EXPECT_EQ(cut("http://www.пример.рф/путь"), (Words{"u http://www.пример.рф/путь"}));
}

TEST(Urls, LeaveMailAddressesAlone) {
  EXPECT_EQ(cut("jo.doe@acme.com"), (Words{"w jo", "w doe", "w acme", "w com"}));
}

TEST(Handles, AreReadAsTheNetworkWritesThem) {
  EXPECT_EQ(cut("@Jo.Doe hi", "x"), (Words{"h jo", "w doe", "w hi"}));
  EXPECT_EQ(cut("@Jo.Doe. hi", "instagram"), (Words{"h jo.doe", "w hi"}));
  EXPECT_EQ(cut("@Jo.Doe hi", "telegram"), (Words{"h jo.doe", "w hi"}));
  EXPECT_EQ(cut("@Jo.Doe hi", "youtube"), (Words{"h jo.doe", "w hi"}));
  EXPECT_EQ(cut("@jo@social.example, @ann!", "mastodon"), (Words{"h jo@social.example", "h ann"}));
  EXPECT_EQ(cut("@jo.bsky.social. @ann", "bluesky"), (Words{"h jo.bsky.social", "w ann"}));
}

TEST(Handles, DoNotStartWithinAWord) {
  EXPECT_EQ(cut("a@acme b!@acme"), (Words{"w a", "w acme", "w b", "w acme"}));
}

TEST(Hashtags, HoldALetterAndLoseTheirSign) {
  EXPECT_EQ(cut("#Été2026 #123 ＃ACME a#b"), (Words{"t ete2026", "w 123", "t acme", "w a", "w b"}));
}

TEST(Cashtags, AreSixLettersAtMost) {
  EXPECT_EQ(cut("$ACME $BRK.B $toolong7 $100"),
            (Words{"c acme", "c brk.b", "w toolong7", "w 100"}));
}

TEST(Emoji, CompareWithoutSkinToneAndStyle) {
  EXPECT_EQ(cut("👍🏽👍"), (Words{"e 👍", "e 👍"}));
  EXPECT_EQ(cut("❤️❤"), (Words{"e ❤", "e ❤"}));
  EXPECT_EQ(cut("👩🏽‍💻 🇫🇷🇩🇪 1️⃣"),
            (Words{"e 👩‍💻", "e 🇫🇷", "e 🇩🇪", "e 1⃣"}));
}

TEST(Emoji, SignsOfTextNeedTheirStyle) {
  EXPECT_EQ(cut("Acme™ © ©️ ✌︎"), (Words{"w acme", "e ©"}));
  EXPECT_EQ(cut("acme🎉acme"), (Words{"w acme", "e 🎉", "w acme"}));
}

TEST(Emoji, UnpairedFlagLettersAreNone) {
  EXPECT_EQ(cut("🇫 🇦🇦"), Words());
}

// What cutting and folding give without the short cuts for ASCII: for texts without entities.
Words cut_slowly(const std::string& text) {
  Words words;
  const char* end = text.data() + text.size();
  for (const char* at = text.data(); at < end;) {
    const char* stop = word_segment_end(at, end);
    bool wordly = false;
    for (const char* c = at; c < stop;) {
      const Decoded next = decode(c, stop);
      wordly = wordly || Characters::of(next.code_point).is(Character::kWordly);
      c += next.size;
    }
    std::string folded;
    fold_by_definition({at, static_cast<std::size_t>(stop - at)}, folded);
    if (wordly && !folded.empty()) words.push_back("w " + folded);
    at = stop;
  }
  return words;
}

TEST(Words, ShortCutsAndDefinitionAgree) {
  std::mt19937 random(11);
  constexpr std::string_view kPieces[] = {
      "a", "B",  "zz", "0", "9", "_",       "'",      "'",      ".",      ",", ";",  "-",
      " ", "\"", "é",  "É", "’", "e\u0301", "\u0301", "\u200D", "\u00AD", "א", "カ", "東",
      "ก", "ั",   "٣",  "ω", "Я", "한",      "：",     "．",     "\xFF",   "\n"};
  for (int i = 0; i < 50'000; ++i) {
    std::string text;
    const std::size_t size = 1 + random() % 10;
    for (std::size_t p = 0; p < size; ++p) text += kPieces[random() % std::size(kPieces)];
    if (cut(text) == cut_slowly(text)) continue;
    // The definition here knows neither articles nor entities; "a" and "B" give no article, digits
    // no URL.
    ADD_FAILURE() << testing::PrintToString(text) << '\n'
                  << testing::PrintToString(cut(text)) << testing::PrintToString(cut_slowly(text));
    break;
  }
}

std::string utf8(char32_t c) {
  std::string out;
  icu::UnicodeString(static_cast<UChar32>(c)).toUTF8String(out);
  return out;
}

// Whether a text without entities is cut as the definition says.
testing::AssertionResult is_cut_by_the_rules(const std::string& text) {
  if (cut(text) == cut_slowly(text)) return testing::AssertionSuccess();
  return testing::AssertionFailure()
         << testing::PrintToString(text) << testing::PrintToString(cut(text))
         << testing::PrintToString(cut_slowly(text));
}

// Each code point as a word, within one, at the end of one and behind one: more letters than a lane
// has on either side.
TEST(Words, ShortCutsAndDefinitionAgreeOnEveryCodePoint) {
  for (char32_t c = 0x80; c < 0x20000; ++c) {
    // Entities are no part of the definition here.
    const bool sign = c == 0xFF03 || c == 0xFF20 || Characters::of(c).is(Character::kEmoji);
    if (sign || (c >= 0xD800 && c <= 0xDFFF)) continue;
    const std::string one = utf8(c);
    const std::string text = one + " Abcdefghijklmnopqr" + one + "Stuvwxyzabcdefgh" + one +
                             " \u00E9" + one + one + "\u6771" + one + "abcdefghijklmnopq";
    ASSERT_TRUE(is_cut_by_the_rules(text)) << std::hex << static_cast<std::uint32_t>(c);
  }
}

TEST(Words, ShortCutsAndDefinitionAgreeOnLongWords) {
  std::mt19937 random(13);
  constexpr std::string_view kPieces[] = {
      "Abcdefg", "h", "zZ", "09", "_",  "é",  "Ñ", "ß", "ŉ",  "я", "Ж", "ω", "Σ", "ب", "ج",
      "Å",       "ﬁ", "が", "ガ", "東", "한", " ", "-", ". ", "'", "’", "ẞ", "İ", "ǅ", "e\u0301"};
  for (int i = 0; i < 50'000; ++i) {
    std::string text;
    const std::size_t size = 1 + random() % 20;
    for (std::size_t p = 0; p < size; ++p) text += kPieces[random() % std::size(kPieces)];
    ASSERT_TRUE(is_cut_by_the_rules(text));
  }
}

TEST(CutText, FindsEntitiesAtAnyPlace) {
  for (const char* entity :
       {"#tag", "＃tag", "@name", "＠name", "$CASH", "https://a.io/x", "www.a.rs", "a.io", "🎉",
        "❤️", "1\uFE0F\u20E3", "〽️", "㊗️", "©️", "🇫🇷", "⌚"}) {
    const std::vector<std::string> alone = cut(entity);
    ASSERT_EQ(alone.size(), 1U) << entity;
    ASSERT_NE(alone[0][0], 'w') << entity;
    for (std::size_t before = 1; before < 40; ++before) {
      for (const char* after : {"", " b", " かかかかかかか"}) {
        const std::vector<std::string> words = cut("a" + std::string(before, ' ') + entity + after);
        ASSERT_GE(words.size(), 2U) << entity << " behind " << before;
        EXPECT_EQ(words[1], alone[0]) << entity << " behind " << before;
      }
    }
  }
}

TEST(CutText, TakesTimeInProportionToTheText) {
  const auto seconds = [](const std::string& text) {
    CutText cut;
    const auto start = std::chrono::steady_clock::now();
    cut.cut(text, "x");
    (void)is_question(cut, "en");
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  // At this size anything quadratic would take minutes.
  for (const std::string_view piece : {"a",
                                       "a.",
                                       "a.-",
                                       ".",
                                       "@",
                                       "@a",
                                       "#",
                                       "#a",
                                       "$",
                                       "(",
                                       "http://",
                                       "http://a.",
                                       "http://a.com/(",
                                       "\"",
                                       "“",
                                       "a'",
                                       "l'",
                                       "\u0301",
                                       "é",
                                       "東",
                                       "👍",
                                       "👩‍",
                                       "🇫",
                                       "🏴\U000E0067",
                                       "1\uFE0F",
                                       "\xFF",
                                       "\u200D",
                                       "a_",
                                       "1,",
                                       "_",
                                       "www.a",
                                       "@a@",
                                       "@a.",
                                       "？",
                                       "é.",
                                       "אּ\""}) {
    std::string text;
    while (text.size() < 400'000) text += piece;
    EXPECT_LT(seconds(text), 5.0) << piece;
  }
}

bool asks(std::string_view text, std::string_view lang = "") {
  CutText cut;
  cut.cut(text, "x");
  return is_question(cut, lang);
}

TEST(Questions, HaveAQuestionMark) {
  EXPECT_TRUE(asks("late again?"));
  EXPECT_TRUE(asks("どこ？"));
  EXPECT_TRUE(asks("أين؟"));
  EXPECT_TRUE(asks("¿donde"));
  EXPECT_FALSE(asks("late again."));
  EXPECT_FALSE(asks(""));
}

TEST(Questions, HaveAQuestionMarkAnywhere) {
  for (const char* mark : {"?", "？", "؟", "¿"}) {
    for (std::size_t before = 0; before < 40; ++before) {
      const std::string spaces(before, ' ');
      EXPECT_TRUE(asks(spaces + mark)) << mark << " behind " << before;
      EXPECT_TRUE(asks(spaces + mark + "abcdefghijklmnopqrstuvwxyz")) << mark;
      EXPECT_TRUE(asks(spaces + mark + "abcdefghijklmnopqrstuvwxyz", "en")) << mark;
    }
  }
  // Bytes of question marks in other code points.
  EXPECT_FALSE(asks("ßſЏпџПпﾟトーデ"));
}

TEST(Questions, AreNotInUrls) {
  EXPECT_FALSE(asks("see https://acme.example/a?b=c"));
  EXPECT_TRUE(asks("see https://acme.example/a?b=c ?"));
}

TEST(Questions, AreNotInQuotations) {
  EXPECT_FALSE(asks("they said \"why?\" to me"));
  EXPECT_FALSE(asks("ils disent « pourquoi ? » puis partent"));
  EXPECT_FALSE(asks("they said “why?” to me"));
  EXPECT_TRUE(asks("they said \"why\"?"));
  EXPECT_TRUE(asks("6\" or 8\n or 9? 7\""));
}

TEST(Questions, StartWithAnInterrogativeOfTheLanguage) {
  EXPECT_TRUE(asks("Where is my order", "en"));
  EXPECT_TRUE(asks("Hello! Where is my order", "en-GB"));
  EXPECT_TRUE(asks("Hello\nwhere is my order", "EN"));
  EXPECT_FALSE(asks("I know where it is", "en"));
  EXPECT_FALSE(asks("Where is my order", "fr"));
  EXPECT_FALSE(asks("Where is my order", ""));
  EXPECT_FALSE(asks("Where is my order", "und"));
  EXPECT_FALSE(asks("Wherever I go", "en"));
}

TEST(Questions, StartWithAnInterrogativeThatIsQuotedToo) {
  EXPECT_TRUE(asks("\"How do we help them\" is today's talk", "en"));
  EXPECT_TRUE(asks("They wrote. “Where is my order”", "en"));
  EXPECT_FALSE(asks("they said \"where is my order\"", "en"));
}

TEST(Questions, StartWithAnInterrogativeThatStaysInItsSentence) {
  EXPECT_TRUE(asks("do you ship to Lyon", "en"));
  EXPECT_TRUE(asks("do, you ship to Lyon", "en"));
  EXPECT_FALSE(asks("yes we do. you ship to Lyon", "en"));
  EXPECT_FALSE(asks("do. you ship to Lyon", "en"));
  EXPECT_FALSE(asks("do\nyou ship to Lyon", "en"));
  EXPECT_FALSE(asks("do\u2028you ship to Lyon", "en"));
}

TEST(Questions, StartAfterAPointThatStandsInNoWord) {
  EXPECT_FALSE(asks("it cost 3.14 how odd", "en"));
  EXPECT_FALSE(asks("see https://acme.com/x.where now", "en"));
  EXPECT_TRUE(asks("see https://acme.com/x. Where now", "en"));
  EXPECT_TRUE(asks("so\u0085where now", "en"));
  EXPECT_TRUE(asks("so\u000Bwhere now", "en"));
}

TEST(Questions, AreKnownInEveryListedLanguage) {
  EXPECT_TRUE(asks("Est-ce que ça marche", "fr"));
  EXPECT_TRUE(asks("Qu’est-ce que c'est", "fr"));
  EXPECT_TRUE(asks("OÙ est ma commande", "fr"));
  EXPECT_TRUE(asks("Por qué no llega", "es"));
  EXPECT_TRUE(asks("Wann kommt mein Paket", "de"));
  EXPECT_TRUE(asks("Wofür ist das", "de"));
  EXPECT_TRUE(asks("Perche non arriva", "it"));
  EXPECT_TRUE(asks("Dov'è il mio ordine", "it"));
  EXPECT_TRUE(asks("Cadê meu pedido", "pt"));
}

TEST(Questions, AccentsCountWhereTheyChangeTheWord) {
  EXPECT_TRUE(asks("Qué hora es", "es"));
  EXPECT_FALSE(asks("Que bueno", "es"));
  EXPECT_TRUE(asks("CO\u0301MO va", "es"));
}

}  // namespace
}  // namespace vigie
