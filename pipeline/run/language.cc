#include "pipeline/run/language.h"

#include <cld2/public/compact_lang_det.h>
#include <unicode/uchar.h>
#include <unicode/utf8.h>

namespace vigie {
namespace {

constexpr int kLetters = 20;

// CLD2 knows some languages by codes that BCP 47 has replaced.
std::string modern(std::string_view code) {
  if (code == "iw") return "he";
  if (code == "in") return "id";
  if (code == "ji") return "yi";
  if (code == "jw") return "jv";
  if (code == "mo") return "ro";
  return std::string(code);
}

bool has_enough_letters(std::string_view text) {
  int letters = 0;
  const auto size = static_cast<std::int32_t>(text.size());
  for (std::int32_t i = 0; i < size && letters < kLetters;) {
    UChar32 c = 0;
    U8_NEXT(text.data(), i, size, c);  // NOLINT(bugprone-inc-dec-in-conditions)
    if (c >= 0 && u_isalpha(c)) ++letters;
  }
  return letters >= kLetters;
}

}  // namespace

std::string detect_language(std::string_view text) {
  if (!has_enough_letters(text)) return {};
  bool reliable = false;
  int bytes = 0;
  const CLD2::Language language = CLD2::DetectLanguageCheckUTF8(
      text.data(), static_cast<int>(text.size()), true, &reliable, &bytes);
  if (!reliable || language == CLD2::UNKNOWN_LANGUAGE) return {};
  return modern(CLD2::LanguageCode(language));
}

}  // namespace vigie
