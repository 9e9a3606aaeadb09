#include "rules/fold.h"

#include <algorithm>
#include <cassert>
#include <compare>
#include <cstdint>
#include <vector>

#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>
#include <unicode/uscript.h>

#include "rules/characters.h"
#include "rules/words.h"

namespace vigie {

namespace {

// ICU's normalizers live as long as the process; a missing one is a broken installation of ICU.
const icu::Normalizer2& normalizer(const icu::Normalizer2* (*get)(UErrorCode&)) {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* found = get(status);
  assert(U_SUCCESS(status) && found != nullptr);
  return *found;
}

// A mark in a row of them; marks of one class keep the order of the text.
struct PlacedMark {
  std::uint8_t combining_class = 0;
  int32_t place = 0;
  UChar32 code_point = 0;
  friend auto operator<=>(const PlacedMark&, const PlacedMark&) = default;
};

// The same text with the marks of each row in canonical order. ICU moves one mark at a time to its
// place, so a long row in disorder would cost the square of its length.
icu::UnicodeString in_canonical_order(const icu::UnicodeString& text) {
  icu::UnicodeString out;
  std::vector<PlacedMark> marks;
  const auto add_mark = [&](UChar32 c) {
    marks.push_back({u_getCombiningClass(c), static_cast<int32_t>(marks.size()), c});
  };
  const auto end_row = [&] {
    std::ranges::sort(marks);
    for (const PlacedMark& mark : marks) out.append(mark.code_point);
    marks.clear();
  };
  icu::UnicodeString parts;
  for (int32_t i = 0; i < text.length(); i = text.moveIndex32(i, 1)) {
    const UChar32 c = text.char32At(i);
    if (u_getCombiningClass(c) != 0) {
      add_mark(c);
    } else if (u_getIntPropertyValue(c, UCHAR_LEAD_CANONICAL_COMBINING_CLASS) != 0 &&
               normalizer(icu::Normalizer2::getNFDInstance).getDecomposition(c, parts)) {
      // A few vowel signs are of no class, but made of marks that are.
      for (int32_t k = 0; k < parts.length(); k = parts.moveIndex32(k, 1)) {
        add_mark(parts.char32At(k));
      }
    } else {
      end_row();
      out.append(c);
    }
  }
  end_row();
  return out;
}

icu::UnicodeString normalized(const icu::UnicodeString& text,
                              const icu::Normalizer2* (*get)(UErrorCode&)) {
  UErrorCode status = U_ZERO_ERROR;
  icu::UnicodeString out = normalizer(get).normalize(in_canonical_order(text), status);
  assert(U_SUCCESS(status));
  return out;
}

// What vanishes goes before NFKC, so that a mark meets its base across it, and again after, for
// code points whose compatibility form holds one.
icu::UnicodeString without_ignorables(const icu::UnicodeString& text) {
  icu::UnicodeString out;
  for (int32_t i = 0; i < text.length(); i = text.moveIndex32(i, 1)) {
    const UChar32 c = text.char32At(i);
    if (vanishes_in_folding(static_cast<char32_t>(c))) continue;
    out.append(is_apostrophe(static_cast<char32_t>(c)) ? UChar32{'\''} : c);
  }
  return out;
}

icu::UnicodeString decoded(std::string_view word) {
  icu::UnicodeString out;
  const char* end = word.data() + word.size();
  for (const char* at = word.data(); at < end;) {
    const Decoded next = decode(at, end);
    out.append(static_cast<UChar32>(next.code_point));
    at += next.size;
  }
  return out;
}

icu::UnicodeString compatible_and_case_folded(std::string_view word) {
  icu::UnicodeString text = without_ignorables(decoded(word));
  text = without_ignorables(normalized(text, icu::Normalizer2::getNFKCInstance));
  return text.foldCase(U_FOLD_CASE_DEFAULT);
}

icu::UnicodeString stripped(const icu::UnicodeString& text) {
  icu::UnicodeString out;
  bool strip = false;
  for (int32_t i = 0; i < text.length(); i = text.moveIndex32(i, 1)) {
    const UChar32 c = text.char32At(i);
    if ((U_GET_GC_MASK(c) & U_GC_M_MASK) == 0) {
      strip = is_strip_base(static_cast<char32_t>(c));
    } else if (strip) {
      continue;
    }
    out.append(c);
  }
  return out;
}

char ascii_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

}  // namespace

bool vanishes_in_folding(char32_t code_point) {
  constexpr char32_t kTatweel = 0x0640;
  return code_point == kTatweel ||
         u_hasBinaryProperty(static_cast<UChar32>(code_point), UCHAR_DEFAULT_IGNORABLE_CODE_POINT);
}

bool is_apostrophe(char32_t code_point) {
  return code_point == '\'' || code_point == 0x2019 || code_point == 0x2018 ||
         code_point == 0x02BC || code_point == 0xFF07;
}

bool is_strip_base(char32_t code_point) {
  UErrorCode status = U_ZERO_ERROR;
  switch (uscript_getScript(static_cast<UChar32>(code_point), &status)) {
    case USCRIPT_LATIN:
    case USCRIPT_GREEK:
    case USCRIPT_CYRILLIC:
    case USCRIPT_ARABIC:
    case USCRIPT_HEBREW:
      return (U_GET_GC_MASK(static_cast<UChar32>(code_point)) & U_GC_M_MASK) == 0;
    default:
      return false;
  }
}

void fold_by_definition(std::string_view word, std::string& out) {
  const icu::UnicodeString text =
      normalized(compatible_and_case_folded(word), icu::Normalizer2::getNFDInstance);
  normalized(stripped(text), icu::Normalizer2::getNFCInstance).toUTF8String(out);
}

std::string fold_case(std::string_view word) {
  std::string out;
  normalized(compatible_and_case_folded(word), icu::Normalizer2::getNFCInstance).toUTF8String(out);
  return out;
}

std::string nfc(std::string_view text) {
  if (std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; })) {
    return std::string(text);
  }
  std::string out;
  normalized(decoded(text), icu::Normalizer2::getNFCInstance).toUTF8String(out);
  return out;
}

void fold_into(std::string_view word, std::string& out) {
  const std::size_t start = out.size();
  const char* at = word.data();
  const char* end = at + word.size();
  bool strip = false;
  bool mark_tail = false;
  std::uint8_t last_class = 0;
  while (at < end) {
    if (static_cast<unsigned char>(*at) < 0x80) {
      strip = is_ascii_letter(static_cast<unsigned char>(*at));
      mark_tail = false;
      last_class = 0;
      out.push_back(ascii_lower(*at++));
      continue;
    }
    const Decoded next = decode(at, end);
    const CharacterPage& page = Characters::page(next.code_point);
    const Character& character = page.characters[next.code_point & 0xFF];
    switch (character.fold_step) {
      case FoldStep::Vanish:
        break;
      case FoldStep::Itself:
      case FoldStep::Mapped:
        if (character.fold_step == FoldStep::Mapped) {
          out.append(page.fold_texts, character.fold_at, character.fold_size);
        } else if (next.code_point == kReplacement) {
          out.append("\xEF\xBF\xBD");
        } else {
          out.append(at, next.size);
        }
        strip = character.is(Character::kStripBase);
        mark_tail = character.is(Character::kMarkTail);
        last_class = 0;
        break;
      case FoldStep::Mark:
        if (strip) break;
        // Marks that compose, or stand out of canonical order, need the whole definition.
        if (!character.is(Character::kCombinesBack) &&
            !(mark_tail && character.combining_class != 0) &&
            (character.combining_class == 0 || character.combining_class >= last_class)) {
          out.append(at, next.size);
          last_class = character.combining_class;
          mark_tail = mark_tail && last_class != 0;
          break;
        }
        [[fallthrough]];
      case FoldStep::Slow:
        out.resize(start);
        fold_by_definition(word, out);
        return;
    }
    at += next.size;
  }
}

std::string fold(std::string_view word) {
  std::string out;
  out.reserve(word.size());
  fold_into(word, out);
  return out;
}

}  // namespace vigie
