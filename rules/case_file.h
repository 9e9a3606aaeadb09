#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "rules/explain.h"
#include "rules/rule_set.h"

namespace vigie {

// What became of the cases of one file.
struct CaseRun {
  struct Failure {
    std::size_t line = 0;
    std::size_t column = 0;
    std::string message;      // what was expected and what was found
    std::string explanation;  // why, of the rules that surprised; only of the first failures
  };
  std::size_t cases = 0;
  std::vector<Diagnostic> errors;  // lines that are no cases, in the order of the file
  std::vector<Failure> failures;

  static constexpr std::size_t kMaxExplained = 20;
};

// Runs the cases of a `.rules` file, named `file` in messages, against `rules`. Line by line:
//
//   # a comment
//   mention KEY=VALUE ... "TEXT" -> RESULT
//
// KEYs are fields of a mention (network, kind, lang, author, likes, at ...); one that is not told
// is as in must_match, and nothing was ever heard of its author unless `new=false`. A VALUE with
// spaces stands in quotation marks. There and in TEXT \n is a line break, \" a quotation mark and
// \\ a backslash. RESULT lists every rule that tags the mention, by label (theme:late, brand) or by
// an id that is unique, each followed by its spans BEGIN-END (bytes, end not included), which are
// compared where a line gives any; route:ID or route:none after them, where the route matters; or
// it is `none`: no tag and no route.
//
// A case file may bring rules of its own. They begin a set that holds for the mentions below, until
// such a line comes after another kind of line:
//
//   rule ID QUERY | competitor ID QUERY | brand QUERY | route ID QUERY     (a theme; to queue
//   social) campaign ID FROM UNTIL QUERY                                      (times, or - for
//   none) account NETWORK:@HANDLE | ambassador NETWORK:@HANDLE | list NAME NETWORK:@HANDLE error
//   "QUERY" at OFFSET: MESSAGE | warning "QUERY" at OFFSET: MESSAGE             (of a theme)
//
// `rules` may be null for a file that brings all of its own. Never fails in any other way: any
// bytes give cases or errors.
CaseRun run_case_file(std::string_view text, std::string_view file, const Explainer* rules);

}  // namespace vigie
