#pragma once

#include <string>
#include <string_view>

namespace vigie {

// What yaml-cpp says of a file, for a person who knows no YAML; its own words where they do.
// Private to parse_yaml.
std::string in_plain_words(std::string_view message);

}  // namespace vigie
