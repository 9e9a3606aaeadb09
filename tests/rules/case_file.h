#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace vigie {

// Runs the cases of one file and returns what went wrong, "LINE: what" each. A case file, line by
// line
// (`#` starts a comment; a rule, brand, account or route line after another kind of line starts a
// new set):
//
//   rule NAME QUERY                       a theme
//   brand QUERY                           the brand query
//   account NETWORK:@HANDLE               an account of the brand
//   ambassador NETWORK:@HANDLE
//   list NAME NETWORK:@HANDLE
//   campaign NAME FROM UNTIL QUERY        FROM and UNTIL are times or -
//   competitor NAME QUERY
//   route NAME QUERY                      to queue social
//   mention KEY=VALUE... "TEXT" -> none | NAME [BEGIN-END ...] NAME ...
//   error   "QUERY" at OFFSET: MESSAGE    of a theme
//   warning "QUERY" at OFFSET: MESSAGE
//
// Spans are compared where a line gives any. Names in a result: of a rule, campaign or competitor
// as given, `brand`, and `route:NAME`. In a text \n is a line break and \" a quotation mark.
std::vector<std::string> run_case_file(const std::string& text, std::size_t& cases);

}  // namespace vigie
