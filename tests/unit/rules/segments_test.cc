// Cutting at the ends of words against a second opinion: the rules of UAX #29 asked of each place
// in turn, as they are written, with ICU's properties.
#include "rules/segments.h"

#include <algorithm>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <unicode/brkiter.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>
#include <unicode/uscript.h>

#include "rules/words.h"

namespace vigie {
namespace {

std::string utf8(const std::u32string& text) {
  std::string out;
  icu::UnicodeString::fromUTF32(reinterpret_cast<const UChar32*>(text.data()),
                                static_cast<int32_t>(text.size()))
      .toUTF8String(out);
  return out;
}

bool is_one_of(int32_t kind, std::initializer_list<int32_t> kinds) {
  return std::ranges::find(kinds, kind) != kinds.end();
}

// The places of one run of text, as the rules of UAX #29 number them.
class Places {
 public:
  // With `ours`, `:` and what folds to it never joins, `.` and what folds to it joins numbers
  // alone.
  Places(std::u32string text, bool ours) : text_(std::move(text)) {
    for (const char32_t c : text_) {
      const auto point = static_cast<UChar32>(c);
      int32_t kind = u_getIntPropertyValue(point, UCHAR_WORD_BREAK);
      if (ours && is_one_of(kind, {U_WB_MIDLETTER, U_WB_MIDNUMLET})) {
        const std::string folded = fold(utf8({c}));
        if (folded == ":") kind = U_WB_OTHER;
        if (folded == ".") kind = U_WB_MIDNUM;
      }
      kinds_.push_back(kind);
    }
  }

  bool joins(std::size_t i) const {
    const int32_t last = kinds_[i - 1];
    if (last == U_WB_CR && kinds_[i] == U_WB_LF) return true;        // WB3
    if (is_line(last) || is_line(kinds_[i])) return false;           // WB3a, WB3b
    if (last == U_WB_ZWJ && is_pictographic(text_[i])) return true;  // WB3c
    if (last == U_WB_WSEGSPACE && kinds_[i] == last) return true;    // WB3d
    if (is_tail(i)) return true;                                     // WB4
    const std::size_t before = base(i - 1);
    const int32_t a = kind(before);
    const int32_t b = kinds_[i];
    const int32_t earlier = before == 0 ? U_WB_OTHER : kind(base(before - 1));
    const int32_t later = next(i);
    const bool word = is_letter(a) || a == U_WB_NUMERIC;
    if (word && (is_letter(b) || b == U_WB_NUMERIC)) return true;                      // WB5, 8-10
    if (is_letter(a) && is_mid_letter(b) && is_letter(later)) return true;             // WB6
    if (is_letter(earlier) && is_mid_letter(a) && is_letter(b)) return true;           // WB7
    if (a == U_WB_HEBREW_LETTER && b == U_WB_SINGLE_QUOTE) return true;                // WB7a
    if (a == U_WB_HEBREW_LETTER && b == U_WB_DOUBLE_QUOTE && later == a) return true;  // WB7b
    if (earlier == U_WB_HEBREW_LETTER && a == U_WB_DOUBLE_QUOTE && b == earlier) return true;  // 7c
    if (earlier == U_WB_NUMERIC && is_mid_number(a) && b == U_WB_NUMERIC) return true;  // WB11
    if (a == U_WB_NUMERIC && is_mid_number(b) && later == U_WB_NUMERIC) return true;    // WB12
    if (a == U_WB_KATAKANA && b == U_WB_KATAKANA) return true;                          // WB13
    const bool extended = word || a == U_WB_KATAKANA || a == U_WB_EXTENDNUMLET;
    if (extended && b == U_WB_EXTENDNUMLET) return true;  // WB13a
    if (a == U_WB_EXTENDNUMLET && (is_letter(b) || is_one_of(b, {U_WB_NUMERIC, U_WB_KATAKANA})))
      return true;                                                             // WB13b
    return b == U_WB_REGIONAL_INDICATOR && indicators_up_to(before) % 2 == 1;  // WB15, 16
  }

 private:
  static bool is_line(int32_t kind) { return is_one_of(kind, {U_WB_CR, U_WB_LF, U_WB_NEWLINE}); }
  static bool is_pictographic(char32_t c) {
    return u_hasBinaryProperty(static_cast<UChar32>(c), UCHAR_EXTENDED_PICTOGRAPHIC) != 0;
  }
  static bool is_letter(int32_t kind) {
    return is_one_of(kind, {U_WB_ALETTER, U_WB_HEBREW_LETTER});
  }
  static bool is_mid_letter(int32_t kind) {
    return is_one_of(kind, {U_WB_MIDLETTER, U_WB_MIDNUMLET, U_WB_SINGLE_QUOTE});
  }
  static bool is_mid_number(int32_t kind) {
    return is_one_of(kind, {U_WB_MIDNUM, U_WB_MIDNUMLET, U_WB_SINGLE_QUOTE});
  }
  bool is_tail(std::size_t i) const {
    return is_one_of(kinds_[i], {U_WB_EXTEND, U_WB_FORMAT, U_WB_ZWJ});
  }

  // What the code point at `i` belongs to by WB4: itself, or what its row of tails follows.
  std::size_t base(std::size_t i) const {
    while (i > 0 && is_tail(i) && !is_line(kinds_[i - 1])) --i;
    return i;
  }
  int32_t kind(std::size_t i) const { return is_tail(i) ? U_WB_OTHER : kinds_[i]; }
  int32_t next(std::size_t i) const {
    for (++i; i < kinds_.size(); ++i) {
      if (!is_tail(i)) return kinds_[i];
    }
    return U_WB_OTHER;
  }
  std::size_t indicators_up_to(std::size_t i) const {
    std::size_t count = 0;
    while (kind(i) == U_WB_REGIONAL_INDICATOR) {
      ++count;
      if (i == 0) break;
      i = base(i - 1);
    }
    return count;
  }

  std::u32string text_;
  std::vector<int32_t> kinds_;
};

// The lengths in code points of the segments of a text.
std::vector<std::size_t> segments_of(const std::u32string& text, bool ours) {
  const Places places(text, ours);
  std::vector<std::size_t> result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i == 0 || !places.joins(i)) result.push_back(0);
    ++result.back();
  }
  return result;
}

bool is_unspaced(char32_t c) {
  const auto point = static_cast<UChar32>(c);
  if (is_one_of(u_getIntPropertyValue(point, UCHAR_WORD_BREAK),
                {U_WB_EXTEND, U_WB_FORMAT, U_WB_ZWJ}))
    return false;
  for (const UScriptCode script : {USCRIPT_HAN, USCRIPT_HIRAGANA, USCRIPT_KATAKANA, USCRIPT_THAI,
                                   USCRIPT_LAO, USCRIPT_KHMER, USCRIPT_MYANMAR}) {
    if (uscript_hasScript(point, script)) return true;
  }
  return false;
}

// The end of the grapheme cluster at `begin`, by ICU.
std::size_t cluster_end(const std::u32string& text, std::size_t begin) {
  UErrorCode status = U_ZERO_ERROR;
  static const std::unique_ptr<icu::BreakIterator> clusters(
      icu::BreakIterator::createCharacterInstance(icu::Locale::getRoot(), status));
  const icu::UnicodeString rest =
      icu::UnicodeString::fromUTF32(reinterpret_cast<const UChar32*>(text.data() + begin),
                                    static_cast<int32_t>(text.size() - begin));
  clusters->setText(rest);
  return begin + static_cast<std::size_t>(rest.countChar32(0, clusters->following(0)));
}

// The segments of our words: clusters in scripts without spaces, and what is between them cut as
// if it stood alone.
std::vector<std::size_t> our_segments_of(const std::u32string& text) {
  std::vector<std::size_t> result;
  std::size_t at = 0;
  while (at < text.size()) {
    std::size_t end = at;
    while (end < text.size() && !is_unspaced(text[end])) ++end;
    for (const std::size_t size : segments_of(text.substr(at, end - at), true))
      result.push_back(size);
    at = end;
    if (at == text.size()) break;
    end = cluster_end(text, at);
    result.push_back(end - at);
    at = end;
  }
  return result;
}

template <class End>
std::vector<std::size_t> found(const std::string& text, End end_of) {
  std::vector<std::size_t> result;
  const char* stop = text.data() + text.size();
  for (const char* at = text.data(); at < stop;) {
    const char* end = end_of(at, stop);
    result.push_back(static_cast<std::size_t>(std::count_if(
        at, end, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; })));
    at = end;
  }
  return result;
}

// The first difference ends a test: what is wrong with one code point is wrong with a thousand.
bool agree(const std::u32string& text) {
  const std::string bytes = utf8(text);
  EXPECT_EQ(found(bytes, segment_end), segments_of(text, false)) << testing::PrintToString(bytes);
  EXPECT_EQ(found(bytes, word_segment_end), our_segments_of(text)) << testing::PrintToString(bytes);
  return !testing::Test::HasFailure();
}

TEST(Segments, AgreeWithTheRulesOnEveryCodePoint) {
  for (char32_t c = 1; c < 0x110000; ++c) {
    if (c == 0xD800) c = 0xE000;
    // Beyond the planes in use all are alike.
    if (c == 0x32400) c = 0xE0000;
    if (c == 0xE0200) c = 0x10FFF0;
    const std::u32string one(1, c);
    if (!agree(U"a" + one + U"b1" + one + U"2" + one + one)) return;
  }
}

TEST(Segments, AgreeWithTheRulesOnRandomTexts) {
  // Some of each kind that the rules know, and of each script without spaces.
  constexpr std::u32string_view kCodePoints =
      U"aZé09_'\u2019\u2018.,;:\u00B7\uFF1A\uFF0E\uFE52\" "
      U"\u3000\t\r\n\u0085\u2028אב\u05F4カーｶあ漢々、ก"
      U"ั\u0E33ລ\u0EB1ក\u17B6\u17D2က\u103C\u102B\u0301\u200D\u00AD\u200B\u2060\u061C\uFE0F\U0001F3FD"
      U"\U0001F468\U0001F4BB\u2764\u00A9㊗\U0001F1EB\U0001F1F7٣ωЯ한\u1100\u1161\u0915\u093F\u0378"
      U"\u202F"
      U"\U000E0067\u2024\uFF07\u30FC\u3099\u06DD\U000110BD";
  std::mt19937 random(29);
  for (int i = 0; i < 150'000; ++i) {
    std::u32string text(1 + random() % 9, U'\0');
    for (char32_t& c : text) c = kCodePoints[random() % kCodePoints.size()];
    if (!agree(text)) return;
  }
}

}  // namespace
}  // namespace vigie
