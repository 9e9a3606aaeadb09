#include "pipeline/core/utf8.h"

#include <algorithm>

namespace vigie {
namespace {

bool begins(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
}

}  // namespace

std::size_t invalid_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    const std::size_t length = c < 0x80                ? 1
                               : c >= 0xc2 && c < 0xe0 ? 2
                               : c >= 0xe0 && c < 0xf0 ? 3
                               : c >= 0xf0 && c < 0xf5 ? 4
                                                       : 0;
    if (length == 0 || i + length > text.size()) return i;
    for (std::size_t k = 1; k < length; ++k) {
      if ((static_cast<unsigned char>(text[i + k]) & 0xc0) != 0x80) return i;
    }
    const auto second = length > 1 ? static_cast<unsigned char>(text[i + 1]) : 0;
    if ((c == 0xe0 && second < 0xa0) || (c == 0xed && second > 0x9f) ||
        (c == 0xf0 && second < 0x90) || (c == 0xf4 && second > 0x8f)) {
      return i;
    }
    i += length;
  }
  return std::string_view::npos;
}

std::size_t code_points(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, begins));
}

std::string_view first_bytes(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && !begins(text[most])) --most;
  return text.substr(0, most);
}

std::string_view first_code_points(std::string_view text, std::size_t most) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (begins(text[i]) && most-- == 0) return text.substr(0, i);
  }
  return text;
}

std::string on_one_line(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto at = [&](std::size_t k) {
      return i + k < text.size() ? static_cast<unsigned char>(text[i + k]) : 0U;
    };
    // C2 80 to C2 9F: controls of C1. E2 80 A8 to AE, E2 81 A6 to A9: line and paragraph
    // separators, and what turns the direction of writing.
    const bool is_c1 = byte == 0xC2 && at(1) < 0xA0;
    const bool turns = byte == 0xE2 && ((at(1) == 0x80 && at(2) >= 0xA8 && at(2) <= 0xAE) ||
                                        (at(1) == 0x81 && at(2) >= 0xA6 && at(2) <= 0xA9));
    if (byte >= 0x20 && byte != 0x7f && !is_c1 && !turns) {
      out += text[i];
      continue;
    }
    out += ' ';
    i += is_c1 ? 1U : turns ? 2U : 0U;
  }
  return out;
}

}  // namespace vigie
