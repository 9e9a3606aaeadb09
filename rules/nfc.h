#pragma once

#include <string>
#include <string_view>

namespace vigie {

// Normalization form C of valid UTF-8: what exact: compares.
std::string nfc(std::string_view text);

}  // namespace vigie
