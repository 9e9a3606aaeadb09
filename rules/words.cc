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

// A word of which plain letters, digits and underscores decide alone.
struct PlainWord {
  const char* end = nullptr;  // null when it takes the whole of UAX #29
  bool is_ascii = true;
  bool is_word = false;  // holds a letter or a number
  bool has_apostrophe = false;
};

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

// Whether a mark may stand at `at`, which would belong to the cluster before it.
bool may_be_tail(const char* at, const char* end) {
  return ascii(*at) == Ascii::NotAscii &&
         Characters::of(decode(at, end).code_point).is(Character::kClusterTail);
}

bool holds_letter_or_number(const char* begin, const char* end) {
  while (begin < end) {
    const Decoded next = decode(begin, end);
    if (Characters::of(next.code_point).is(Character::kWordly)) return true;
    begin += next.size;
  }
  return false;
}

constexpr char32_t kCurlyApostrophe = 0x2019;

bool is_plain_letter(const char* at, const char* end) {
  if (at == end) return false;
  if (ascii(*at) != Ascii::NotAscii) return ascii(*at) == Ascii::Letter;
  return Characters::of(decode(at, end).code_point).plain == Plain::Letter;
}

// Gives the same as word_segment_end. `at` is on an ASCII letter, digit or underscore, or on a
// plain letter.
PlainWord plain_word(const char* at, const char* end) {
  PlainWord word;
  Ascii last = Ascii::Underscore;
  while (at < end) {
    const Ascii kind = ascii(*at);
    if (kind == Ascii::Letter || kind == Ascii::Digit || kind == Ascii::Underscore) {
      last = kind;
      word.is_word = word.is_word || kind != Ascii::Underscore;
      ++at;
      continue;
    }
    if (kind == Ascii::Other) break;
    if (kind == Ascii::Joint) {
      if (at + 1 == end) break;
      const bool number = ascii(at[1]) == Ascii::Digit;
      const bool letters = *at == '\'' && last == Ascii::Letter && is_plain_letter(at + 1, end);
      if (!letters && !number && ascii(at[1]) == Ascii::NotAscii) return {};
      if (!letters && !(last == Ascii::Digit && number)) break;
      word.has_apostrophe = word.has_apostrophe || *at == '\'';
      ++at;
      continue;
    }
    const Decoded next = decode(at, end);
    const Plain plain = Characters::of(next.code_point).plain;
    if (plain == Plain::Letter) {
      last = Ascii::Letter;
      word.is_word = true;
      word.is_ascii = false;
      at += next.size;
      continue;
    }
    if (plain == Plain::Break || plain == Plain::Cluster) break;
    if (next.code_point != kCurlyApostrophe || last != Ascii::Letter ||
        !is_plain_letter(at + next.size, end)) {
      return {};
    }
    word.has_apostrophe = true;
    word.is_ascii = false;
    at += next.size;
  }
  word.end = at;
  return word;
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
    Plain plain = Plain::Letter;
    if (kind == Ascii::NotAscii) {
      const Decoded first = decode(at, end);
      plain = Characters::of(first.code_point).plain;
      const char* after = at + first.size;
      if (plain == Plain::Break) {
        at = after;
        continue;
      }
      if (plain == Plain::Cluster && (after == end || !may_be_tail(after, end))) {
        add_plain(at, after);
        at = after;
        continue;
      }
    }
    const PlainWord word = plain == Plain::Letter ? plain_word(at, end) : PlainWord{};
    if (word.end == nullptr) {
      at = cut_by_all_rules(at, end);
      continue;
    }
    if (word.is_word) add_parts(at, word);
    at = word.end;
  }
}

// A word as UAX #29 has it, with its marks and whatever else plain_word does not know. Returns its
// end.
const char* CutText::cut_by_all_rules(const char* at, const char* end) {
  const char* const stop = word_segment_end(at, end);
  if (!holds_letter_or_number(at, stop)) return stop;
  while (at < stop) {
    const char* part = elision_end(at, stop);
    add(WordKind::Word, at, part);
    at = part;
  }
  return stop;
}

void CutText::add_parts(const char* at, const PlainWord& word) {
  while (at < word.end) {
    const char* const part = word.has_apostrophe ? elision_end(at, word.end) : word.end;
    if (word.is_ascii) {
      add_ascii(at, part);
    } else {
      add_plain(at, part);
    }
    at = part;
  }
}

void CutText::add_ascii(const char* begin, const char* end) {
  const auto size = static_cast<std::size_t>(end - begin);
  char* place = impl_->grow(used_, size, words_);
  for (std::size_t i = 0; i < size; ++i) place[i] = lower(begin[i]);
  push(WordKind::Word, begin, end, {place, size});
}

// Folds plain letters, each by itself; a word with one whose folded form is longer than itself goes
// the long way, and so does one with a curly apostrophe.
void CutText::add_plain(const char* begin, const char* end) {
  const auto size = static_cast<std::size_t>(end - begin);
  char* const place = impl_->grow(used_, size, words_);
  char* out = place;
  for (const char* at = begin; at < end;) {
    if (ascii(*at) != Ascii::NotAscii) {
      *out++ = lower(*at++);
      continue;
    }
    const Decoded next = decode(at, end);
    const CharacterPage& page = Characters::page(next.code_point);
    const Character& character = page.characters[next.code_point & 0xFF];
    const bool mapped = character.fold_step == FoldStep::Mapped;
    if (character.plain == Plain::No || (mapped && character.fold_size > next.size)) {
      used_ -= size;
      add(WordKind::Word, begin, end);
      return;
    }
    const char* const folded = mapped ? page.fold_texts.data() + character.fold_at : at;
    const std::size_t folded_size = mapped ? character.fold_size : next.size;
    for (std::size_t i = 0; i < folded_size; ++i) *out++ = folded[i];
    at += next.size;
  }
  const auto folded_size = static_cast<std::size_t>(out - place);
  used_ -= size - folded_size;
  push(WordKind::Word, begin, end, {place, folded_size});
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
