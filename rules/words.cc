#include "rules/words.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <limits>

#include "rules/characters.h"
#include "rules/emoji.h"
#include "rules/entities.h"
#include "rules/fold.h"
#include "rules/segments.h"

namespace vigie {

namespace {

// What an ASCII byte is to the cutting of words.
enum class Ascii : std::uint8_t { Other, Letter, Digit, Underscore, Joint, NotAscii };

constexpr std::array<Ascii, 256> kAscii = [] {
  std::array<Ascii, 256> table = {};
  for (std::size_t c = 0; c < 256; ++c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    table[c] = c >= 0x80 ? Ascii::NotAscii : letter ? Ascii::Letter : Ascii::Other;
  }
  for (std::size_t c = '0'; c <= '9'; ++c) table[c] = Ascii::Digit;
  table['_'] = Ascii::Underscore;
  for (const char c : {'\'', '.', ',', ';'}) table[static_cast<unsigned char>(c)] = Ascii::Joint;
  return table;
}();

Ascii ascii(char c) {
  return kAscii[static_cast<unsigned char>(c)];
}

constexpr std::array<std::string_view, 18> kElidedArticles = {
    "l",     "d",      "j",      "m",      "n",    "s",   "t",    "c",    "qu",
    "jusqu", "lorsqu", "puisqu", "quoiqu", "dell", "all", "nell", "sull", "dall"};
constexpr std::array<std::string_view, 2> kLongElidedArticles = {"un", "quest"};
constexpr std::size_t kLongestArticle = 6;

bool is_elided_article(const char* begin, const char* end) {
  const auto size = static_cast<std::size_t>(end - begin);
  if (size == 0 || size > kLongestArticle) return false;
  std::array<char, kLongestArticle> lower = {};
  for (std::size_t i = 0; i < size; ++i) lower[i] = static_cast<char>(begin[i] | 0x20);
  const std::string_view word(lower.data(), size);
  for (const std::string_view article : kElidedArticles) {
    if (word == article) return true;
  }
  for (const std::string_view article : kLongElidedArticles) {
    if (word == article) return true;
  }
  return false;
}

// The end of the elided article, with its apostrophe, that the segment [begin, end) starts with;
// else `end`.
const char* elision_end(const char* begin, const char* end) {
  const char* at = begin;
  while (at < end && at - begin <= static_cast<std::ptrdiff_t>(kLongestArticle) &&
         ascii(*at) == Ascii::Letter)
    ++at;
  if (at == end || !is_elided_article(begin, at)) return end;
  const Decoded sign = decode(at, end);
  if (!is_apostrophe(sign.code_point)) return end;
  at += sign.size;
  while (at < end) {
    const Decoded next = decode(at, end);
    const Character& character = Characters::of(next.code_point);
    if (character.word_break != WordBreak::Extend && character.word_break != WordBreak::Zwj) {
      return character.is(Character::kLetter) ? at : end;
    }
    at += next.size;
  }
  return end;
}

bool holds_letter_or_number(const char* begin, const char* end) {
  while (begin < end) {
    const Decoded next = decode(begin, end);
    if (Characters::of(next.code_point).is(Character::kWordly)) return true;
    begin += next.size;
  }
  return false;
}

// The end of the word that starts with the ASCII letter, digit or underscore at `at` when ASCII
// decides it alone; null when it takes the whole of UAX #29. Gives the same as word_segment_end.
const char* ascii_segment_end(const char* at, const char* end) {
  while (true) {
    Ascii kind = ascii(*at);
    Ascii last = kind;
    while (kind == Ascii::Letter || kind == Ascii::Digit || kind == Ascii::Underscore) {
      last = kind;
      if (++at == end) return end;
      kind = ascii(*at);
    }
    if (kind == Ascii::Other) return at;
    if (kind == Ascii::NotAscii) return nullptr;
    if (at + 1 == end) return at;
    const Ascii next = ascii(at[1]);
    if (next == Ascii::NotAscii) return nullptr;
    const bool letters = *at == '\'' && last == Ascii::Letter && next == Ascii::Letter;
    const bool numbers = last == Ascii::Digit && next == Ascii::Digit;
    if (!letters && !numbers) return at;
    ++at;
  }
}

}  // namespace

struct CutText::Impl {
  std::vector<Word> entities;
  std::string folded;   // of all words; the views of `words` point into it
  std::string scratch;  // one folded form

  // `size` more bytes of `folded`. A move of the bytes takes the views along.
  char* grow(std::size_t& used, std::size_t size, std::vector<Word>& words) {
    if (folded.size() - used < size) {
      std::string larger;
      larger.resize(2 * (used + size));
      std::memcpy(larger.data(), folded.data(), used);
      for (Word& word : words) {
        word.folded = {larger.data() + (word.folded.data() - folded.data()), word.folded.size()};
      }
      folded.swap(larger);
    }
    char* place = folded.data() + used;
    used += size;
    return place;
  }
};

namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

}  // namespace

CutText::CutText() : impl_(std::make_unique<Impl>()) {}
CutText::~CutText() = default;
CutText::CutText(CutText&&) noexcept = default;
CutText& CutText::operator=(CutText&&) noexcept = default;

void CutText::cut(std::string_view text, std::string_view network) {
  assert(text.size() <= std::numeric_limits<std::uint32_t>::max());
  text_ = text;
  words_.clear();
  used_ = 0;
  if (impl_->folded.size() < text.size()) impl_->folded.resize(2 * text.size());
  find_entities(text, network, impl_->entities);
  const char* at = text.data();
  for (const Word& entity : impl_->entities) {
    cut_plain(at, text.data() + entity.begin);
    at = text.data() + entity.end;
    add(entity.kind, text.data() + entity.begin, at);
  }
  cut_plain(at, text.data() + text.size());
}

void CutText::cut_plain(const char* at, const char* end) {
  while (at < end) {
    const Ascii kind = ascii(*at);
    if (kind == Ascii::Other || kind == Ascii::Joint) {
      ++at;
      continue;
    }
    const char* stop = kind == Ascii::NotAscii ? nullptr : ascii_segment_end(at, end);
    const bool is_ascii = stop != nullptr;
    if (!is_ascii) stop = word_segment_end(at, end);
    const bool is_word =
        (is_ascii && kind != Ascii::Underscore) || holds_letter_or_number(at, stop);
    if (!is_word) at = stop;
    while (at < stop) {
      const char* part = elision_end(at, stop);
      if (is_ascii) {
        add_ascii(at, part);
      } else {
        add(WordKind::Word, at, part);
      }
      at = part;
    }
  }
}

void CutText::add_ascii(const char* begin, const char* end) {
  const auto size = static_cast<std::size_t>(end - begin);
  char* place = impl_->grow(used_, size, words_);
  for (std::size_t i = 0; i < size; ++i) place[i] = lower(begin[i]);
  push(WordKind::Word, begin, end, {place, size});
}

void CutText::add(WordKind kind, const char* begin, const char* end) {
  const std::string_view written(begin, static_cast<std::size_t>(end - begin));
  std::string& folded = impl_->scratch;
  folded.clear();
  if (kind == WordKind::Emoji) {
    fold_emoji(written, folded);
  } else {
    fold_into(without_sigil(kind, written), folded);
  }
  // A word of nothing but invisible letters is no word.
  if (folded.empty()) return;
  char* place = impl_->grow(used_, folded.size(), words_);
  std::ranges::copy(folded, place);
  push(kind, begin, end, {place, folded.size()});
}

void CutText::push(WordKind kind, const char* begin, const char* end, std::string_view folded) {
  words_.push_back({kind, static_cast<std::uint32_t>(begin - text_.data()),
                    static_cast<std::uint32_t>(end - text_.data()), folded});
}

}  // namespace vigie
