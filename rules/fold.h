#pragma once

#include <string>
#include <string_view>

namespace vigie {

// Appends the folded form of `word` (rules/words.h) to `out`. Any bytes, any thread.
void fold_into(std::string_view word, std::string& out);

// The same, step by step as the definition says, without the table of folded forms.
void fold_by_definition(std::string_view word, std::string& out);

// NFC(casefold(NFKC(word))): folded, but with its accents.
std::string fold_case(std::string_view word);

// Normalization form C: what exact: compares.
std::string nfc(std::string_view text);

bool vanishes_in_folding(char32_t code_point);  // default-ignorable, or tatweel
bool is_apostrophe(char32_t code_point);        // ' and what folds to it by our rule
bool is_strip_base(char32_t code_point);  // Latin, Greek, Cyrillic, Arabic or Hebrew, and no mark

}  // namespace vigie
