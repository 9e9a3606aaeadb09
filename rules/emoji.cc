#include "rules/emoji.h"

#include <array>
#include <cassert>
#include <cstddef>
#include <unordered_set>

#include <unicode/uchar.h>
#include <unicode/uniset.h>
#include <unicode/unistr.h>
#include <unicode/usetiter.h>

#include "rules/characters.h"

namespace vigie {

namespace {

constexpr char32_t kTextStyle = 0xFE0E;
constexpr char32_t kEmojiStyle = 0xFE0F;
constexpr char32_t kZwj = 0x200D;
constexpr std::size_t kMaxCodePoints = 12;  // the longest RGI sequence has ten

bool is_skin_tone(char32_t c) {
  return c >= 0x1F3FB && c <= 0x1F3FF;
}
bool is_flag_letter(char32_t c) {
  return c >= 0x1F1E6 && c <= 0x1F1FF;
}
bool is_tag(char32_t c) {
  return c >= 0xE0020 && c <= 0xE007F;
}
bool is_style(char32_t c) {
  return c == kTextStyle || c == kEmojiStyle;
}
bool is_sign_of_text(char32_t c) {
  return c == 0xA9 || c == 0xAE || c == 0x2122;
}

// The RGI sequences of two code points or more, in UTF-8 and without variation selectors.
const std::unordered_set<std::string>& sequences() {
  static const std::unordered_set<std::string> kSequences = [] {
    std::unordered_set<std::string> strings;
    UErrorCode status = U_ZERO_ERROR;
    const USet* rgi = u_getBinaryPropertySet(UCHAR_RGI_EMOJI, &status);
    assert(U_SUCCESS(status));
    icu::UnicodeSetIterator each(*icu::UnicodeSet::fromUSet(rgi));
    each.skipToStrings();
    while (each.next()) {
      icu::UnicodeString written = each.getString();
      written.findAndReplace(icu::UnicodeString(static_cast<UChar32>(kEmojiStyle)),
                             icu::UnicodeString());
      if (written.countChar32() < 2) continue;
      std::string utf8;
      strings.insert(written.toUTF8String(utf8));
    }
    return strings;
  }();
  return kSequences;
}

}  // namespace

const char* emoji_end(const char* begin, const char* end) {
  std::array<char, kMaxCodePoints * 4> plain = {};
  std::size_t plain_size = 0;
  const char* found = nullptr;
  const char* at = begin;
  char32_t before = 0;
  for (std::size_t i = 0; i < kMaxCodePoints && at < end; ++i) {
    const Decoded next = decode(at, end);
    const char32_t c = next.code_point;
    const bool continues = i == 0 || c == kZwj || before == kZwj || is_skin_tone(c) || is_tag(c) ||
                           (i == 1 && is_flag_letter(c));
    if (!continues) break;
    for (std::size_t b = 0; b < next.size; ++b) plain[plain_size++] = at[b];
    at += next.size;
    bool emoji_style = false;
    bool text_style = false;
    while (at < end) {
      const Decoded style = decode(at, end);
      if (!is_style(style.code_point)) break;
      emoji_style = emoji_style || style.code_point == kEmojiStyle;
      text_style = text_style || style.code_point == kTextStyle;
      at += style.size;
    }
    if (text_style) break;
    before = c;
    if (i == 0) {
      if (!is_flag_letter(c) && (emoji_style || !is_sign_of_text(c))) found = at;
      continue;
    }
    if (sequences().contains(std::string(plain.data(), plain_size))) found = at;
  }
  return found;
}

void fold_emoji(std::string_view emoji, std::string& out) {
  const std::size_t start = out.size();
  const char* end = emoji.data() + emoji.size();
  for (const char* at = emoji.data(); at < end;) {
    const Decoded next = decode(at, end);
    if (!is_skin_tone(next.code_point) && !is_style(next.code_point)) out.append(at, next.size);
    at += next.size;
  }
  if (out.size() != start) return;
  const Decoded tone = decode(emoji.data(), end);
  out.append(emoji.data(), tone.size);
}

}  // namespace vigie
