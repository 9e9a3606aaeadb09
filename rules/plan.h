#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "rules/atoms.h"
#include "rules/cells.h"
#include "rules/fields.h"
#include "rules/postings.h"
#include "rules/rule_file.h"
#include "rules/rule_set.h"
#include "rules/vocabulary.h"

namespace re2 {
class RE2;
}

namespace vigie {

// The compiled form of a rule file: flat arrays, built once, read by any number of threads.
struct RuleSet::Plan {
  Plan();
  ~Plan();
  Plan(Plan&&) noexcept;
  Plan& operator=(Plan&&) noexcept;

  // After the last query was compiled.
  void freeze();

  struct Window {
    std::optional<Time> from;
    std::optional<Time> until;
  };

  Vocabulary vocabulary;
  std::vector<Cell> cells;
  std::vector<std::string> part_texts;  // NFC, of the parts of exact:
  std::vector<std::unique_ptr<re2::RE2>> regexes;
  Atoms atoms;
  // Atoms one of which the regex needs; empty when it may match without any.
  std::span<const std::uint32_t> atoms_of(std::uint32_t regex) const {
    return std::span(regex_atoms)
        .subspan(regex_atom_begins[regex], regex_atom_begins[regex + 1] - regex_atom_begins[regex]);
  }
  std::vector<std::uint32_t> regex_atoms;  // of one regex after the other
  std::vector<std::uint32_t> regex_atom_begins = {0};
  std::vector<Field> fields;

  std::vector<std::uint32_t> rules;   // where each begins in `cells`, as RuleSet::rules()
  std::vector<std::uint32_t> routes;  // the same, as RuleSet::routes()
  std::unordered_map<std::uint32_t, Window> windows;  // by rule; those that have one
  bool has_brand = false;                             // rules[0] is the brand's
  Postings postings;                                  // as long as no frequencies are known

  AccountSet accounts;
  AccountSet ambassadors;
  std::vector<AccountSet> lists;
  std::unordered_map<std::string, std::uint32_t> campaigns;  // id to rule

  struct Case {
    CaseSource source;
    std::string label;
    bool is_route = false;
    std::uint32_t index = 0;  // into rules or routes
  };
  std::vector<Case> cases;
};

}  // namespace vigie
