#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "rules/fields.h"
#include "rules/query.h"
#include "rules/rule_file.h"
#include "rules/words.h"

namespace vigie {

// What a leaf or NEAR of a query asks, in a form that can be compared. Equal keys ask the same.
struct QueryAtom {
  enum class Type : std::uint8_t {
    Term,      // words[0], as a word of its kind
    Wildcard,  // words[0] is the pattern, folded
    Phrase,    // words
    Exact,     // words, as written in the key
    Near,      // operands in `words`, by their keys
    Field,     // field
    Opaque,    // only equal to itself
  };
  Type type = Type::Opaque;
  std::vector<std::pair<WordKind, std::string>> words;
  std::string key;
  std::string shown;  // as the author wrote it
  Field field;
  std::uint32_t distance = 0;
  bool ordered = false;
  bool nested = false;  // a NEAR with a NEAR in it
};

// Reads atoms. `file` outlives it.
class AtomReader {
 public:
  explicit AtomReader(const RuleFile& file);

  // `query` is no AND, OR or NOT. The key of a NEAR holds the normal forms of its operands, which
  // the caller gives.
  QueryAtom leaf(const QueryNode& query);
  static QueryAtom near(const QueryNode& query, std::string left, std::string right);

  // Why no mention can have it; empty where one can.
  std::string impossible(const QueryAtom& atom) const;

 private:
  QueryAtom words_of(const QueryNode& query);

  const RuleFile& file_;
  FieldContext context_;
  CutText cut_;
};

// Every mention of which `a` holds is one of which `b` does.
bool implies(const QueryAtom& a, const QueryAtom& b);

// No mention is one of which both hold.
bool exclude_each_other(const QueryAtom& a, const QueryAtom& b);

}  // namespace vigie
