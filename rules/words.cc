#include "rules/words.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cstring>
#include <limits>

#include "rules/characters.h"
#include "rules/emoji.h"
#include "rules/entities.h"
#include "rules/fold.h"
#include "rules/lanes.h"
#include "rules/segments.h"

namespace vigie {

namespace {

// A word of which plain letters, digits and underscores decide alone.
struct PlainWord {
  const char* end = nullptr;   // null when it takes the whole of UAX #29
  char* folded_end = nullptr;  // null where a letter's folded form is longer than the letter
  bool is_word = false;        // holds a letter or a number
  bool has_apostrophe = false;
};

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

bool is_name(char c) {
  return ascii(c) == Ascii::Letter || ascii(c) == Ascii::Digit || ascii(c) == Ascii::Underscore;
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
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

static_assert(CutText::kSlack >= Lane::kSize);

constexpr char32_t kCurlyApostrophe = 0x2019;

bool is_plain_letter(const char* at, const char* end) {
  if (at == end) return false;
  if (ascii(*at) != Ascii::NotAscii) return ascii(*at) == Ascii::Letter;
  return Characters::of(decode(at, end).code_point).plain == Plain::Letter;
}

// Reads and folds one word of plain letters, digits and underscores: the same as word_segment_end
// and fold give. `out` has room for as many bytes as there are up to `end`.
class PlainReader {
 public:
  // The word begins at `at`, and `done` of its bytes, which are ASCII, are read and folded.
  PlainReader(const PlainPairs& pairs, const char* at, const char* end, char* out, std::size_t done)
      : pairs_(pairs), at_(at + done), end_(end), out_(out + done) {
    if (done > 0) note_names(at, false);
  }

  PlainWord read() {
    Next next = Next::Read;
    while (next == Next::Read && at_ < end_) {
      const Ascii kind = ascii(*at_);
      if (kind == Ascii::Other) break;
      if (kind == Ascii::Joint) {
        next = joint();
      } else if (kind != Ascii::NotAscii || letter_of_two(at_) != nullptr) {
        names();
      } else {
        next = beyond_ascii();
      }
    }
    if (next == Next::AllRules) return {};
    word_.end = at_;
    word_.folded_end = too_long_ ? nullptr : out_;
    return word_;
  }

 private:
  enum class Next : std::uint8_t { Read, Stop, AllRules };

  // Letters, digits and underscores, and letters of two bytes between them.
  void names() {
    const char* at = at_;
    char* out = out_;
    bool beyond = false;
    while (at < end_) {
      if (is_name(*at)) {
        *out++ = lower(*at++);
        continue;
      }
      const PlainPair* const pair = letter_of_two(at);
      if (pair == nullptr) break;
      std::memcpy(out, pair->folded.data(), pair->folded.size());
      out += pair->folded_size;
      at += 2;
      beyond = true;
    }
    const char* const begin = at_;
    at_ = at;
    out_ = out;
    note_names(begin, beyond);
  }

  // What was read from `begin` on tells.
  void note_names(const char* begin, bool beyond_ascii) {
    last_ = ascii(at_[-1]) == Ascii::NotAscii ? Ascii::Letter : ascii(at_[-1]);
    word_.is_word = word_.is_word || beyond_ascii || last_ != Ascii::Underscore ||
                    std::any_of(begin, at_, [](char c) { return c != '_'; });
  }

  // Null where no plain letter of two bytes stands whose folded form is as short.
  const PlainPair* letter_of_two(const char* at) const {
    const PlainPair* const pair = pairs_.find(at, end_);
    return pair != nullptr && pair->plain == Plain::Letter && pair->folded_size <= 2 ? pair
                                                                                     : nullptr;
  }

  Next joint() {
    // But for the apostrophe they join digits alone.
    if (at_ + 1 == end_ || (*at_ != '\'' && last_ != Ascii::Digit)) return Next::Stop;
    const bool number = ascii(at_[1]) == Ascii::Digit;
    const bool letters = *at_ == '\'' && last_ == Ascii::Letter && is_plain_letter(at_ + 1, end_);
    if (!letters && !number && ascii(at_[1]) == Ascii::NotAscii) return Next::AllRules;
    if (!letters && !(last_ == Ascii::Digit && number)) return Next::Stop;
    word_.has_apostrophe = word_.has_apostrophe || *at_ == '\'';
    *out_++ = *at_++;
    return Next::Read;
  }

  Next beyond_ascii() {
    const Decoded next = decode(at_, end_);
    const CharacterPage& page = Characters::page(next.code_point);
    const Character& character = page.characters[next.code_point & 0xFF];
    if (character.plain == Plain::Letter) {
      if (character.fold_step == FoldStep::Mapped) {
        if (character.fold_size <= next.size)
          std::memcpy(out_, page.fold_texts.data() + character.fold_at, character.fold_size);
        letter(next.size, character.fold_size);
      } else {
        std::memcpy(out_, at_, next.size);
        letter(next.size, next.size);
      }
      return Next::Read;
    }
    if (next.code_point != kCurlyApostrophe || last_ != Ascii::Letter ||
        !is_plain_letter(at_ + next.size, end_)) {
      return other(character.plain);
    }
    word_.has_apostrophe = true;
    *out_++ = '\'';
    at_ += next.size;
    return Next::Read;
  }

  static Next other(Plain plain) {
    return plain == Plain::Break || plain == Plain::Cluster ? Next::Stop : Next::AllRules;
  }

  void letter(std::size_t size, std::size_t folded_size) {
    last_ = Ascii::Letter;
    word_.is_word = true;
    at_ += size;
    if (folded_size > size) {
      too_long_ = true;
    } else {
      out_ += folded_size;
    }
  }

  const PlainPairs& pairs_;
  const char* at_;
  const char* end_;
  char* out_;
  PlainWord word_;
  Ascii last_ = Ascii::Underscore;
  bool too_long_ = false;
};

}  // namespace

struct CutText::Impl {
  const PlainPairs& pairs = PlainPairs::all();
  std::vector<Word> entities;
  std::string folded;   // of all words; the views of `words` point into it
  std::string scratch;  // one folded form

  // Room for `size` bytes of `folded` behind those used, with kSlack beyond. A move of the bytes
  // takes the views along.
  char* room(std::size_t used, std::size_t size, std::vector<Word>& words) {
    if (folded.size() - used < size + kSlack) [[unlikely]]
      grow(used, size + kSlack, words);
    return folded.data() + used;
  }
  [[gnu::noinline]] void grow(std::size_t used, std::size_t size, std::vector<Word>& words) {
    std::string larger;
    larger.resize(2 * (used + size));
    std::memcpy(larger.data(), folded.data(), used);
    for (Word& word : words) {
      word.folded = {larger.data() + (word.folded.data() - folded.data()), word.folded.size()};
    }
    folded.swap(larger);
  }
};

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
    std::uint32_t size = 2;
    if (kind == Ascii::NotAscii) {
      if (const PlainPair* pair = impl_->pairs.find(at, end); pair != nullptr) {
        plain = pair->plain;
      } else {
        const Decoded first = decode(at, end);
        plain = Characters::of(first.code_point).plain;
        size = first.size;
      }
    }
    switch (plain) {
      case Plain::Letter:
        at = cut_word(at, end);
        break;
      case Plain::Cluster:
        at = cut_clusters(at, end);
        break;
      case Plain::Break:
        at += size;
        break;
      case Plain::No:
        at = cut_by_all_rules(at, end);
        break;
    }
  }
}

const char* CutText::cut_word(const char* at, const char* end) {
  char* const place = impl_->room(used_, static_cast<std::size_t>(end - at), words_);
  std::size_t done = 0;
  if (text_.data() + text_.size() - at >= static_cast<std::ptrdiff_t>(Lane::kSize)) {
    const Lane lane = Lane::load(at);
    lower_case(lane).store(place);
    done = std::min(static_cast<std::size_t>(std::countr_one(name_bits(lane))),
                    static_cast<std::size_t>(end - at));
    // Most words end here.
    if (done > 0 && done < Lane::kSize && ascii(at[done - 1]) != Ascii::Underscore &&
        (at + done == end || ascii(at[done]) == Ascii::Other)) {
      push(WordKind::Word, at, at + done, {place, done});
      return at + done;
    }
  }
  const PlainWord word = PlainReader(impl_->pairs, at, end, place, done).read();
  if (word.end == nullptr) return cut_by_all_rules(at, end);
  if (!word.is_word) return word.end;
  const bool elides = word.has_apostrophe && elision_end(at, word.end) != word.end;
  if (elides || word.folded_end == nullptr) {
    add_parts(at, word.end);
  } else {
    push(WordKind::Word, at, word.end, {place, static_cast<std::size_t>(word.folded_end - place)});
  }
  return word.end;
}

// Clusters of one code point each, the first of which is at `at`; one with a tail takes all rules.
const char* CutText::cut_clusters(const char* at, const char* end) {
  char* place = impl_->room(used_, static_cast<std::size_t>(end - at), words_);
  Decoded next = decode(at, end);
  const CharacterPage* page = &Characters::page(next.code_point);
  while (page->characters[next.code_point & 0xFF].plain == Plain::Cluster) {
    const Character& character = page->characters[next.code_point & 0xFF];
    const char* const after = at + next.size;
    Decoded following = {' ', 1};
    if (after < end && ascii(*after) == Ascii::NotAscii) following = decode(after, end);
    const CharacterPage* const next_page = &Characters::page(following.code_point);
    if (next_page->characters[following.code_point & 0xFF].is(Character::kClusterTail))
      return cut_by_all_rules(at, end);
    const bool mapped = character.fold_step == FoldStep::Mapped;
    if (mapped && character.fold_size > next.size) {
      add(WordKind::Word, at, after);
      return after;
    }
    const std::size_t size = mapped ? character.fold_size : next.size;
    const char* const from = mapped ? page->fold_texts.data() + character.fold_at : at;
    for (std::size_t i = 0; i < size; ++i) place[i] = from[i];
    push(WordKind::Word, at, after, {place, size});
    place += size;
    at = after;
    next = following;
    page = next_page;
  }
  return at;
}

// A word as UAX #29 has it, with its marks and whatever else plain_word does not know. Returns its
// end.
const char* CutText::cut_by_all_rules(const char* at, const char* end) {
  const char* const stop = word_segment_end(at, end);
  if (!holds_letter_or_number(at, stop)) return stop;
  add_parts(at, stop);
  return stop;
}

// A word, cut behind each elided article at its start.
void CutText::add_parts(const char* at, const char* end) {
  while (at < end) {
    const char* const part = elision_end(at, end);
    add(WordKind::Word, at, part);
    at = part;
  }
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
  char* const place = impl_->room(used_, folded.size(), words_);
  std::ranges::copy(folded, place);
  push(kind, begin, end, {place, folded.size()});
}

void CutText::push(WordKind kind, const char* begin, const char* end, std::string_view folded) {
  used_ += folded.size();
  // Field by field: a copy of a whole word would wait for its fields to be written.
  Word& word = words_.emplace_back();
  word.kind = kind;
  word.begin = static_cast<std::uint32_t>(begin - text_.data());
  word.end = static_cast<std::uint32_t>(end - text_.data());
  word.folded = folded;
}

}  // namespace vigie
