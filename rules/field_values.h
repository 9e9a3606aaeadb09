#pragma once

#include <string>
#include <string_view>

namespace vigie {

// What is doubtful about the value that a query asks of `network`, `lang` or `country`: the name of
// a network, language or country where codes are meant, a code that nobody has, or nearly the name
// of a network that we know. Empty where nothing is, and for every other field.
std::string doubt_about_value(std::string_view field, std::string_view value);

}  // namespace vigie
