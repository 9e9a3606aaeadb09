#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "rules/query.h"
#include "rules/rule_file.h"
#include "rules/rule_set.h"

namespace vigie {

// Bytes [begin, end) of a mention's text that a clause stands for.
struct Evidence {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  std::string text;                // as it is written there
  std::vector<std::string> words;  // folded, as they were compared; of a regex none
};

// A clause of a query as it was written, and whether it holds of one mention. What NOT takes away
// is no matter of a clause itself: below a NOT, `holds` says that what must not be is there.
struct Clause {
  QueryNode::Kind kind = QueryNode::Kind::Word;
  std::string text;         // "AND", "OR", "NOT", "ONEAR/5", or the leaf
  std::uint32_t begin = 0;  // bytes of the query
  std::uint32_t end = 0;
  bool holds = false;
  // One of the fewest clauses that settle what the whole is: as long as these stay as they are, no
  // other clause can change it. Set on leaves, NEARs and the groups above them.
  bool decisive = false;
  // Of words, phrases, regexes and NEARs that hold, at most kMaxFound; `more` counts the others.
  std::vector<Evidence> found;
  std::size_t more = 0;
  // Of a field: what the mention has there. Of a NEAR that does not hold: whether words are missing
  // or how far apart they stand.
  std::string note;
  std::vector<Clause> children;

  static constexpr std::size_t kMaxFound = 50;
};

// Tells of the queries of one file what their clauses come to of one mention. `verdict` is what a
// Matcher says of the mention under `rules`, which was made from `file`. All of them outlive it.
// One thread.
class ClauseEvaluator {
 public:
  ClauseEvaluator(const RuleFile& file, const RuleSet& rules, const Mention& mention,
                  const Verdict& verdict, const IsNewAuthor& is_new_author);
  ~ClauseEvaluator();

  // Of a query of the file. Where it decides alone, the root holds exactly where the Matcher says
  // so.
  Clause evaluate(const QueryNode& query);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace vigie
