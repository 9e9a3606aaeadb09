#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipeline/core/mention.h"
#include "rules/query.h"
#include "rules/rule_set.h"

namespace vigie {

// A rule file as the second opinion sees it: queries as they were parsed, everything else as it was
// written.
struct NaiveRules {
  struct Rule {
    std::string label;  // "brand", "theme:ID", ...
    QueryNode query;
    std::optional<Time> from;
    std::optional<Time> until;
  };
  struct Route {
    std::string id;
    QueryNode when;
  };
  std::vector<std::string> accounts;  // "x:@acme", "bluesky:did:plc:abc"
  std::vector<std::string> ambassadors;
  std::map<std::string, std::vector<std::string>> lists;
  std::vector<Rule> rules;
  std::vector<Route> routes;
};

// What a rule set says of a mention, by names.
struct Answer {
  using Marked = std::pair<std::uint32_t, std::uint32_t>;  // bytes [begin, end)

  bool to_brand = false;
  bool by_brand = false;
  bool by_ambassador = false;
  bool to_ambassador = false;
  std::set<std::string> labels;
  std::optional<std::string> route;
  std::vector<std::pair<std::string, Marked>> spans;  // label; in the order of the verdict
  friend bool operator==(const Answer&, const Answer&) = default;
};

Answer answer_of(const RuleSet& rules, const Verdict& verdict);
std::string print(const Answer& answer);

// Whether the query is true when every primary in it is false.
bool is_true_of_nothing(const QueryNode& query);

// A second opinion on rule sets: walks each query as it was parsed and looks at every word of the
// text for every leaf. It shares with the real matcher the parser, the cutting and folding of text
// and what a question is, which have second opinions of their own, and RE2; nothing else. One
// thread.
class NaiveMatcher {
 public:
  // `rules` outlives the object.
  explicit NaiveMatcher(const NaiveRules& rules);
  ~NaiveMatcher();

  Answer match(const Mention& mention, bool is_new);

  // Of the mention that was matched last, with the tags that it got. `query` outlives the object.
  bool holds(const QueryNode& query);
  std::set<Answer::Marked> spans(const QueryNode& query);

  // Whether the last answers are whole: a NEAR within a NEAR that holds in more ways than the
  // language promises to look at makes them unreliable.
  bool is_whole() const;

  // How often each kind of leaf was asked and found false, and found true, over all mentions.
  struct Asked {
    std::size_t held = 0;
    std::size_t failed = 0;
  };
  const std::map<std::string, Asked>& asked() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace vigie
