#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace vigie {

// What to say of a `value` that is none of `known`: the nearest one, whatever its case; else some
// of those that there are.
std::string unknown_value(std::string_view what, std::string_view value,
                          const std::vector<std::string_view>& known);

// What to say of a `name:` or `name>1` that is no field: the nearest one, or how to write here what
// other products call so.
std::string unknown_name(std::string_view what, std::string_view name,
                         const std::vector<std::string_view>& known);

// What is doubtful about a word of a query that looks like an operator; empty where nothing is.
std::string doubt_about_word(std::string_view word);

}  // namespace vigie
