#pragma once

#include <string>
#include <string_view>

namespace vigie {

// The end of the emoji that starts at `begin` with a code point of Emoji=Yes beyond ASCII, or null:
// the longest RGI sequence of Unicode 15.0, with or without its variation selectors. © ® ™ need
// theirs, and U+FE0E after any emoji makes it text.
const char* emoji_end(const char* begin, const char* end);

// Appends the emoji without skin tones and variation selectors to `out`; a skin tone alone stays.
void fold_emoji(std::string_view emoji, std::string& out);

}  // namespace vigie
