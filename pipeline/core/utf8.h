#pragma once

#include <cstddef>
#include <string_view>

namespace vigie {

// The first byte of `text` at which it is no UTF-8 any more, or npos.
std::size_t invalid_utf8(std::string_view text);

}  // namespace vigie
