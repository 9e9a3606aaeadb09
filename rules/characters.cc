#include "rules/characters.h"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <memory>

#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>
#include <unicode/uscript.h>

#include "rules/fold.h"

namespace vigie {

std::atomic<const CharacterPage*> Characters::pages_[0x1100] = {};

namespace {

bool one_of(UChar32 c, std::initializer_list<UChar32> set) {
  return std::find(set.begin(), set.end(), c) != set.end();
}

bool between(UChar32 c, UChar32 first, UChar32 last) {
  return c >= first && c <= last;
}

WordBreak word_break_of(UChar32 c) {
  switch (u_getIntPropertyValue(c, UCHAR_WORD_BREAK)) {
    case U_WB_ALETTER:
      return WordBreak::Letter;
    case U_WB_HEBREW_LETTER:
      return WordBreak::Hebrew;
    case U_WB_NUMERIC:
      return WordBreak::Numeric;
    case U_WB_EXTENDNUMLET:
      return WordBreak::ExtendNumLet;
    case U_WB_KATAKANA:
      return WordBreak::Katakana;
    case U_WB_MIDLETTER:
      return one_of(c, {':', 0xFE13, 0xFE55, 0xFF1A}) ? WordBreak::Colon : WordBreak::MidLetter;
    case U_WB_MIDNUM:
      return WordBreak::MidNum;
    case U_WB_MIDNUMLET:
      return one_of(c, {'.', 0x2024, 0xFE52, 0xFF0E}) ? WordBreak::Dot : WordBreak::MidNumLet;
    case U_WB_SINGLE_QUOTE:
      return WordBreak::SingleQuote;
    case U_WB_DOUBLE_QUOTE:
      return WordBreak::DoubleQuote;
    case U_WB_EXTEND:
    case U_WB_FORMAT:
      return WordBreak::Extend;
    case U_WB_ZWJ:
      return WordBreak::Zwj;
    case U_WB_NEWLINE:
      return WordBreak::Newline;
    case U_WB_CR:
      return WordBreak::Cr;
    case U_WB_LF:
      return WordBreak::Lf;
    case U_WB_REGIONAL_INDICATOR:
      return WordBreak::RegionalIndicator;
    case U_WB_WSEGSPACE:
      return WordBreak::Space;
    default:
      return WordBreak::Other;
  }
}

bool has_any_script(UChar32 c, std::initializer_list<UScriptCode> scripts) {
  return std::any_of(scripts.begin(), scripts.end(),
                     [c](UScriptCode script) { return uscript_hasScript(c, script) != 0; });
}

// The character classes of twitter-text, by the documentation of its regular expressions.
bool is_tag_sign(UChar32 c) {
  return one_of(c, {'_', 0x200C, 0x200D, 0xA67E, 0x05BE, 0x05F3, 0x05F4, 0xFF5E, 0x301C, 0x309B,
                    0x309C, 0x30A0, 0x30FB, 0x3003, 0x0F0B, 0x0F0C, 0x00B7});
}

bool is_twitter_space(UChar32 c) {
  return between(c, 0x09, 0x0D) || between(c, 0x2000, 0x200A) ||
         one_of(c, {0x20, 0x85, 0xA0, 0x1680, 0x180E, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000});
}

bool is_direction(UChar32 c) {
  return between(c, 0x202A, 0x202E) || between(c, 0x2066, 0x2069) ||
         one_of(c, {0x061C, 0x200E, 0x200F});
}

bool is_accented_latin(UChar32 c) {
  return (between(c, 0xC0, 0x24F) && c != 0xD7 && c != 0xF7) || between(c, 0x300, 0x36F) ||
         between(c, 0x1E00, 0x1EFF) ||
         one_of(c, {0x253, 0x254, 0x256, 0x257, 0x259, 0x25B, 0x263, 0x268, 0x26F, 0x272, 0x289,
                    0x28B, 0x2BB});
}

std::uint16_t flags_of(UChar32 c) {
  const std::uint32_t category = U_GET_GC_MASK(c);
  const bool mark = (category & U_GC_M_MASK) != 0;
  const bool letter = (category & U_GC_L_MASK) != 0;
  const int cluster = u_getIntPropertyValue(c, UCHAR_GRAPHEME_CLUSTER_BREAK);
  unsigned flags = 0;
  const auto set = [&flags](std::uint16_t flag, bool on) { flags |= on ? flag : 0U; };
  set(Character::kWordly, letter || (category & U_GC_N_MASK) != 0 ||
                              (!mark && u_hasBinaryProperty(c, UCHAR_ALPHABETIC)));
  set(Character::kMark, mark);
  set(Character::kLetter, letter);
  set(Character::kTagLetter, letter || mark);
  set(Character::kTagOther, (category & U_GC_ND_MASK) != 0 || is_tag_sign(c));
  set(Character::kCluster,
      has_any_script(c, {USCRIPT_HAN, USCRIPT_HIRAGANA, USCRIPT_KATAKANA, USCRIPT_THAI, USCRIPT_LAO,
                         USCRIPT_KHMER, USCRIPT_MYANMAR}));
  set(Character::kEmoji, c > 0x7F && u_hasBinaryProperty(c, UCHAR_EMOJI));
  set(Character::kSpace, is_twitter_space(c));
  set(Character::kDirection, is_direction(c));
  set(Character::kLatin, is_accented_latin(c));
  set(Character::kPictographic, u_hasBinaryProperty(c, UCHAR_EXTENDED_PICTOGRAPHIC));
  set(Character::kClusterTail,
      cluster == U_GCB_EXTEND || cluster == U_GCB_ZWJ || cluster == U_GCB_SPACING_MARK);
  set(Character::kHost, c > 0x7F && c != static_cast<UChar32>(kReplacement) &&
                            !is_twitter_space(c) &&
                            (category & (U_GC_Z_MASK | U_GC_CC_MASK | U_GC_CN_MASK)) == 0 &&
                            !between(c, 0x2000, 0x206F));
  return static_cast<std::uint16_t>(flags);
}

class FoldTable {
 public:
  FoldTable() {
    UErrorCode status = U_ZERO_ERROR;
    nfc_ = icu::Normalizer2::getNFCInstance(status);
    nfd_ = icu::Normalizer2::getNFDInstance(status);
    nfkc_ = icu::Normalizer2::getNFKCInstance(status);
    assert(U_SUCCESS(status));
  }

  void fill(UChar32 c, Character& character, std::string& texts) const {
    character.combining_class = u_getCombiningClass(c);
    if (vanishes_in_folding(static_cast<char32_t>(c))) {
      character.fold_step = FoldStep::Vanish;
      return;
    }
    if (character.is(Character::kMark)) {
      fill_mark(c, character);
      return;
    }
    const bool hangul = between(c, 0xAC00, 0xD7A3);
    if (hangul || (nfkc_->isInert(c) && nfd_->isInert(c) &&
                   !u_hasBinaryProperty(c, UCHAR_CHANGES_WHEN_CASEFOLDED) &&
                   !is_apostrophe(static_cast<char32_t>(c)))) {
      set_strip_base(c, character);
      return;
    }
    fill_base(c, character, texts);
  }

 private:
  static void set_strip_base(UChar32 base, Character& character) {
    if (is_strip_base(static_cast<char32_t>(base))) character.flags |= Character::kStripBase;
  }

  void fill_mark(UChar32 c, Character& character) const {
    const icu::UnicodeString text(c);
    icu::UnicodeString folded = text;
    folded.foldCase();
    UErrorCode status = U_ZERO_ERROR;
    const bool stays = folded == text && nfkc_->normalize(text, status) == text &&
                       nfd_->normalize(text, status) == text && U_SUCCESS(status);
    character.fold_step = stays ? FoldStep::Mark : FoldStep::Slow;
    if (u_getIntPropertyValue(c, UCHAR_NFC_QUICK_CHECK) == UNORM_MAYBE ||
        u_getIntPropertyValue(c, UCHAR_NFKC_QUICK_CHECK) == UNORM_MAYBE) {
      character.flags |= Character::kCombinesBack;
    }
  }

  // The folded forms of two neighbours may be put side by side when nothing in the second one can
  // reach back: its compatibility form, its case-folded form and its folded form all begin with a
  // base at a boundary.
  void fill_base(UChar32 c, Character& character, std::string& texts) const {
    character.fold_step = FoldStep::Slow;
    UErrorCode status = U_ZERO_ERROR;
    icu::UnicodeString between_steps = nfkc_->normalize(icu::UnicodeString(c), status);
    // The ypogegrammeni is a mark, behind which later marks are ordered, that case folding makes a
    // letter.
    constexpr UChar kYpogegrammeni = 0x0345;
    if (nfd_->normalize(between_steps, status).indexOf(kYpogegrammeni) >= 0) return;
    between_steps.foldCase();
    const icu::UnicodeString decomposed = nfd_->normalize(between_steps, status);
    if (U_FAILURE(status) || decomposed.isEmpty() || !nfkc_->hasBoundaryBefore(c)) return;
    const UChar32 first = decomposed.char32At(0);
    if (!nfd_->hasBoundaryBefore(between_steps.char32At(0)) || !starts_afresh(first)) return;

    std::string source;
    icu::UnicodeString(c).toUTF8String(source);
    std::string folded;
    fold_by_definition(source, folded);
    const icu::UnicodeString result = icu::UnicodeString::fromUTF8(folded);
    if (result.isEmpty() || !starts_afresh(result.char32At(0)) || folded.size() > 255) return;

    UChar32 base = first;
    for (int32_t i = 0; i < decomposed.length(); i = decomposed.moveIndex32(i, 1)) {
      const UChar32 at = decomposed.char32At(i);
      if ((U_GET_GC_MASK(at) & U_GC_M_MASK) == 0 && !vanishes_in_folding(static_cast<char32_t>(at)))
        base = at;
    }
    set_strip_base(is_apostrophe(static_cast<char32_t>(base)) ? '\'' : base, character);
    const icu::UnicodeString tail = nfd_->normalize(result, status);
    if ((U_GET_GC_MASK(tail.char32At(tail.length() - 1)) & U_GC_M_MASK) != 0) {
      character.flags |= Character::kMarkTail;
    }
    if (folded == source) {
      character.fold_step = FoldStep::Itself;
      return;
    }
    character.fold_step = FoldStep::Mapped;
    character.fold_at = static_cast<std::uint16_t>(texts.size());
    character.fold_size = static_cast<std::uint8_t>(folded.size());
    texts += folded;
  }

  bool starts_afresh(UChar32 c) const {
    return (U_GET_GC_MASK(c) & U_GC_M_MASK) == 0 &&
           !vanishes_in_folding(static_cast<char32_t>(c)) && nfc_->hasBoundaryBefore(c) &&
           nfkc_->hasBoundaryBefore(c) && nfd_->hasBoundaryBefore(c);
  }

  const icu::Normalizer2* nfc_ = nullptr;
  const icu::Normalizer2* nfd_ = nullptr;
  const icu::Normalizer2* nfkc_ = nullptr;
};

Plain plain_of(UChar32 c, const Character& character) {
  if (is_apostrophe(static_cast<char32_t>(c))) return Plain::No;
  const bool tail = character.word_break == WordBreak::Extend ||
                    character.word_break == WordBreak::Zwj ||
                    character.is(Character::kClusterTail | Character::kMark);
  if (tail || character.is(Character::kPictographic | Character::kEmoji)) return Plain::No;
  const bool wordly = character.is(Character::kWordly);
  const bool folds =
      character.fold_step == FoldStep::Itself || character.fold_step == FoldStep::Mapped;
  if (character.is(Character::kCluster)) {
    return wordly && folds ? Plain::Cluster : Plain::No;
  }
  switch (character.word_break) {
    case WordBreak::Letter:
      return wordly && folds ? Plain::Letter : Plain::No;
    case WordBreak::Other:
    case WordBreak::Space:
    case WordBreak::Newline:
      return wordly ? Plain::No : Plain::Break;
    default:
      return Plain::No;
  }
}

}  // namespace

const CharacterPage& Characters::make_page(std::size_t index) {
  const FoldTable fold_table;
  auto page = std::make_unique<CharacterPage>();
  for (std::size_t i = 0; i < std::size(page->characters); ++i) {
    const auto c = static_cast<UChar32>(index << 8 | i);
    Character& character = page->characters[i];
    character.word_break = word_break_of(c);
    character.flags = flags_of(c);
    fold_table.fill(c, character, page->fold_texts);
    character.plain = plain_of(c, character);
    page->case_folded[i] = static_cast<char32_t>(u_foldCase(c, U_FOLD_CASE_DEFAULT));
  }
  const CharacterPage* expected = nullptr;
  // Two threads may build the same page; the first to publish wins and the other copy goes.
  if (pages_[index].compare_exchange_strong(expected, page.get(), std::memory_order_acq_rel)) {
    return *page.release();
  }
  return *expected;
}

PlainPairs::PlainPairs() {
  for (std::size_t c = 0x80; c < pairs_.size(); ++c) {
    const CharacterPage& page = Characters::page(static_cast<char32_t>(c));
    const Character& character = page.characters[c & 0xFF];
    PlainPair& pair = pairs_[c];
    pair.plain = character.plain;
    pair.folded_size = 2;
    pair.folded = {static_cast<char>(0xC0 | c >> 6), static_cast<char>(0x80 | (c & 0x3F))};
    if (character.fold_step != FoldStep::Mapped) continue;
    pair.folded_size = character.fold_size;
    if (character.fold_size > pair.folded.size()) continue;
    std::copy_n(page.fold_texts.data() + character.fold_at, character.fold_size,
                pair.folded.begin());
  }
}

const PlainPairs& PlainPairs::all() {
  static const PlainPairs kAll;
  return kAll;
}

}  // namespace vigie
