#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace vigie {

// Word_Break of UAX #29. Colon and Dot are the members of MidLetter and MidNumLet that are `:` and
// `.` or fold to them, apart because our words treat them otherwise. Extend includes Format.
enum class WordBreak : std::uint8_t {
  Other,
  Letter,
  Hebrew,
  Numeric,
  ExtendNumLet,
  Katakana,
  MidLetter,
  Colon,
  MidNum,
  MidNumLet,
  Dot,
  SingleQuote,
  DoubleQuote,
  Extend,
  Zwj,
  Newline,
  Cr,
  Lf,
  RegionalIndicator,
  Space,
};

// How the folded form of a word follows from its code points one by one.
enum class FoldStep : std::uint8_t {
  Itself,  // a base that folds to itself
  Mapped,  // a base that folds to `fold_text`
  Vanish,  // default-ignorable, or tatweel
  Mark,    // a combining mark that stays itself: removed on a strippable base
  Slow,    // depends on its neighbours in a way only the definition knows
};

// What a code point is to the cutting of words where its neighbours are as plain as it is; the
// common case, decided without the rest of UAX #29.
enum class Plain : std::uint8_t {
  No,       // it takes all rules
  Letter,   // continues a word, folds by itself
  Cluster,  // a word of its own unless marks follow, folds by itself
  Break,    // ends a word and starts none
};

// What one code point is to the cutting and folding of text.
struct Character {
  static constexpr std::uint16_t kWordly = 1 << 0;  // a letter or a number: makes a segment a word
  static constexpr std::uint16_t kMark = 1 << 1;    // general category M
  static constexpr std::uint16_t kTagLetter = 1 << 2;  // twitter-text: gives a hashtag its letter
  static constexpr std::uint16_t kTagOther =
      1 << 3;  // twitter-text: digits and signs within a hashtag
  static constexpr std::uint16_t kCluster = 1 << 4;  // of a script written without spaces
  static constexpr std::uint16_t kEmoji = 1 << 5;    // Emoji=Yes beyond ASCII
  static constexpr std::uint16_t kStripBase =
      1 << 6;  // marks that follow its folded form are removed
  static constexpr std::uint16_t kMarkTail = 1 << 7;      // its folded form ends in a mark
  static constexpr std::uint16_t kCombinesBack = 1 << 8;  // may compose with what is before it
  static constexpr std::uint16_t kSpace = 1 << 9;         // twitter-text: Unicode space
  static constexpr std::uint16_t kDirection = 1 << 10;    // twitter-text: directional mark
  static constexpr std::uint16_t kLatin = 1 << 11;        // twitter-text: accented Latin letter
  static constexpr std::uint16_t kPictographic = 1 << 12;
  static constexpr std::uint16_t kClusterTail =
      1 << 13;  // Grapheme_Cluster_Break Extend, ZWJ, SpacingMark
  static constexpr std::uint16_t kHost = 1 << 14;  // twitter-text: may stand in a Unicode host name
  static constexpr std::uint16_t kLetter = 1 << 15;  // general category L

  std::uint16_t flags = 0;
  std::uint16_t fold_at = 0;
  std::uint8_t fold_size = 0;
  WordBreak word_break = WordBreak::Other;
  FoldStep fold_step = FoldStep::Itself;
  std::uint8_t combining_class = 0;
  Plain plain = Plain::No;

  bool is(std::uint16_t flag) const { return (flags & flag) != 0; }
};

// 256 consecutive code points, and the folded forms of those that have one of their own.
struct CharacterPage {
  Character characters[256];
  char32_t case_folded[256];  // by simple case folding
  std::string fold_texts;
};

// The properties of every code point by Unicode 15.0 (ICU 72). A page is built when first asked
// for, then never changes or moves. Any thread.
class Characters {
 public:
  static const CharacterPage& page(char32_t code_point) {
    const CharacterPage* page = pages_[code_point >> 8].load(std::memory_order_acquire);
    return page != nullptr ? *page : make_page(code_point >> 8);
  }
  static const Character& of(char32_t code_point) {
    return page(code_point).characters[code_point & 0xFF];
  }

 private:
  static const CharacterPage& make_page(std::size_t index);

  static std::atomic<const CharacterPage*> pages_[0x1100];
};

inline constexpr char32_t kReplacement = 0xFFFD;

struct Decoded {
  char32_t code_point = kReplacement;
  std::uint32_t size = 1;
};

// The code point at `at`, which is before `end`. A byte that starts no valid sequence before `end`
// is U+FFFD of size 1.
[[gnu::always_inline]] inline Decoded decode(const char* at, const char* end) {
  const auto byte = [at](std::size_t i) { return static_cast<unsigned char>(at[i]); };
  const auto tail = [&byte](std::size_t i) { return (byte(i) & 0xC0) == 0x80; };
  const auto bits = [&byte](std::size_t i) { return static_cast<char32_t>(byte(i) & 0x3F); };
  const unsigned char lead = byte(0);
  const std::ptrdiff_t left = end - at;
  if (lead < 0x80) return {lead, 1};
  if (lead >= 0xC2 && lead < 0xE0 && left >= 2 && tail(1)) {
    return {(static_cast<char32_t>(lead & 0x1F) << 6) | bits(1), 2};
  }
  if (lead >= 0xE0 && lead < 0xF0 && left >= 3 && tail(1) && tail(2)) {
    const char32_t c = (static_cast<char32_t>(lead & 0x0F) << 12) | (bits(1) << 6) | bits(2);
    if (c >= 0x800 && (c < 0xD800 || c > 0xDFFF)) return {c, 3};
  }
  if (lead >= 0xF0 && lead < 0xF5 && left >= 4 && tail(1) && tail(2) && tail(3)) {
    const char32_t c =
        (static_cast<char32_t>(lead & 0x07) << 18) | (bits(1) << 12) | (bits(2) << 6) | bits(3);
    if (c >= 0x10000 && c <= 0x10FFFF) return {c, 4};
  }
  return {};
}

// The code point that ends at `at`, which is after `begin`.
inline Decoded decode_before(const char* begin, const char* at) {
  for (std::ptrdiff_t size = 1; size <= 4 && size <= at - begin; ++size) {
    if ((static_cast<unsigned char>(at[-size]) & 0xC0) == 0x80) continue;
    const Decoded decoded = decode(at - size, at);
    if (static_cast<std::ptrdiff_t>(decoded.size) == size) return decoded;
    break;
  }
  return {};
}

// What the cutting and folding of plain words asks of each code point below U+0800, those of two
// bytes, in four bytes each: they stay in the nearest cache.
struct PlainPair {
  std::array<char, 2> folded = {};
  std::uint8_t folded_size = 0;  // above 2: longer than the code point, and not here
  Plain plain = Plain::No;
};

class PlainPairs {
 public:
  static const PlainPairs& all();

  // Of the code point at `at`; null unless a valid one of two bytes stands there before `end`.
  const PlainPair* find(const char* at, const char* end) const {
    const auto lead = static_cast<unsigned char>(*at);
    if (lead < 0xC2 || lead >= 0xE0 || end - at < 2 || (at[1] & 0xC0) != 0x80) return nullptr;
    return &pairs_[static_cast<std::size_t>(lead & 0x1F) << 6 |
                   static_cast<unsigned>(at[1] & 0x3F)];
  }

 private:
  PlainPairs();

  std::array<PlainPair, 0x800> pairs_;
};

inline bool is_ascii_letter(char32_t c) {
  return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}
inline bool is_ascii_digit(char32_t c) {
  return c >= '0' && c <= '9';
}
inline bool is_ascii_alnum(char32_t c) {
  return is_ascii_letter(c) || is_ascii_digit(c);
}

}  // namespace vigie
