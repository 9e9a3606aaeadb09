#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace vigie {

// The first byte of `text` at which it is no UTF-8 any more, or npos.
std::size_t invalid_utf8(std::string_view text);

// Code points of valid UTF-8.
std::size_t code_points(std::string_view text);

// At most so many bytes or code points of the start of valid UTF-8, no code point cut in two.
std::string_view first_bytes(std::string_view text, std::size_t most);
std::string_view first_code_points(std::string_view text, std::size_t most);

// With a space for each control character, line separator and change of the direction of writing:
// what strangers wrote and a terminal or a line of ours is to show must neither steer the one nor
// pass for the other.
std::string on_one_line(std::string_view text);

}  // namespace vigie
