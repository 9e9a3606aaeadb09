#pragma once

#include <string>
#include <string_view>

namespace vigie {

// The BCP 47 language that CLD2 calls reliable for this UTF-8 text; empty when it does not, or when
// the text has fewer than 20 letters. Any thread.
std::string detect_language(std::string_view text);

}  // namespace vigie
