#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/core/error.h"
#include "rules/clauses.h"
#include "rules/rule_set.h"

namespace vigie {

// Why one rule or route is what it is for one mention.
struct RuleExplanation {
  std::string label;  // "theme:delivery", "brand", "route:to-brand"
  // A rule: it tagged the mention. A route: it is the one taken, and the mention may be queued.
  bool matched = false;
  std::size_t line = 0;  // where the query stands in the file
  std::size_t column = 0;
  std::string query;
  Clause clause;
  // What beside the query decided: the dates of a campaign, a campaign that the mention names
  // itself, a route above that holds. Empty where nothing did.
  std::string note;
};

struct Explanation {
  std::string asked;  // the label of what was asked for; empty: all that tagged the mention
  Verdict verdict;
  // The rule that was asked for; where none was, those that tagged the mention, sorted as
  // RuleSet::rules().
  std::vector<RuleExplanation> rules;
  std::size_t more_rules = 0;  // that tagged it, too, beyond kMaxExplained
  // From the top to the first that holds, or all where none does; then the route that was asked
  // for, where it stands below. Of more than kMaxExplained the last ones.
  std::vector<RuleExplanation> routes;
  std::size_t more_routes = 0;  // left out, above those; they do not hold
  // Why the mention cannot be queued whatever the routes say; empty where it can.
  std::string not_queued;

  static constexpr std::size_t kMaxExplained = 100;
};

// Tells the author of a rule file which clauses of a rule hold of a mention and why. The file and
// its rule set never change; any thread may explain, many at once.
class Explainer {
 public:
  // `yaml` is the text that `rules` was compiled from and `file` its name in messages.
  Explainer(std::shared_ptr<const RuleSet> rules, std::string_view yaml, std::string_view file);
  ~Explainer();

  const RuleSet& rules() const { return *rules_; }
  const std::string& file() const { return file_name_; }

  // `rule`: a label as above, or an id where only one rule or route has it; empty: all that tagged
  // the mention. NotFound, with a suggestion, where there is no such rule; Invalid where an id
  // belongs to several. What an Explanation says of a rule is what a Matcher says of the mention.
  Result<Explanation> explain(const Mention& mention, std::string_view rule,
                              const IsNewAuthor& is_new_author) const;

 private:
  struct Target;
  Result<Target> find(std::string_view rule) const;
  RuleExplanation explain_rule(std::uint32_t rule, const Mention& mention, const Verdict& verdict,
                               ClauseEvaluator& clauses) const;
  RuleExplanation explain_route(std::uint32_t route, const Mention& mention, const Verdict& verdict,
                                ClauseEvaluator& clauses) const;

  std::shared_ptr<const RuleSet> rules_;
  std::string file_name_;
  std::unique_ptr<const RuleFile> source_;
};

// Why may_be_queued() says no; empty where it says yes.
std::string why_not_queued(const Mention& mention, const Verdict& verdict);

// What stopped the query of a rule, a line for each clause of the fewest that settle it: what is
// not there, or what is there and must not be. Empty where the query holds.
std::vector<std::string> stopped_by(const RuleExplanation& rule);

// The explanation of a rule for a person: its clauses, a line each, and what stopped it.
std::string print(const RuleExplanation& rule, std::string_view file);

class JsonWriter;
void write_json(JsonWriter& json, const RuleExplanation& rule);

}  // namespace vigie
