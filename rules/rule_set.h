#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/core/clock.h"
#include "pipeline/core/error.h"
#include "pipeline/core/mention.h"

namespace vigie {

enum class Queue : std::uint8_t { None, Social, Community };
enum class Priority : std::uint8_t { Low, Normal, High, Urgent };  // ascending
std::string_view name(Queue queue);                                // "none", "social", "community"
std::string_view name(Priority priority);  // "low", "normal", "high", "urgent"

// One error or warning about a rule file, printed as "file:line:column: error: message".
struct Diagnostic {
  bool is_error = true;
  std::string file;
  std::size_t line = 1;
  std::size_t column = 1;
  std::string message;
};
std::string format(const Diagnostic& diagnostic);

// What kind of rule gave a tag, and what the output calls it: "theme:ID", "campaign:ID",
// "competitor:ID", "brand".
enum class RuleKind : std::uint8_t { Brand, Competitor, Theme, Campaign };

constexpr std::string_view kBrandLabel = "brand";

// Its texts are valid as long as the RuleSet.
struct Rule {
  RuleKind kind = RuleKind::Brand;
  std::string_view id;
  std::string_view label;  // "theme:delivery"; the brand rule is "brand"
};

// The rules of a set, by index. A set may have very many, so their names stand in one text.
class RuleList {
 public:
  class Iterator {
   public:
    using value_type = Rule;
    using difference_type = std::ptrdiff_t;

    Iterator() = default;
    Iterator(const RuleList* list, std::size_t index) : list_(list), index_(index) {}
    Rule operator*() const { return (*list_)[index_]; }
    Iterator& operator++() {
      ++index_;
      return *this;
    }
    Iterator operator++(int) {
      Iterator before = *this;
      ++index_;
      return before;
    }
    friend bool operator==(const Iterator&, const Iterator&) = default;

   private:
    const RuleList* list_ = nullptr;
    std::size_t index_ = 0;
  };

  std::size_t size() const { return kinds_.size(); }
  bool empty() const { return kinds_.empty(); }
  Rule operator[](std::size_t index) const;
  RuleKind kind(std::size_t index) const { return kinds_[index]; }
  Iterator begin() const { return {this, 0}; }
  Iterator end() const { return {this, size()}; }

 private:
  friend class RuleSet;
  void reserve(std::size_t rules, std::size_t bytes);
  void add(RuleKind kind, std::string_view id, std::string_view label);

  std::string texts_;                  // of each the label, and of the brand its id after it
  std::vector<std::uint32_t> begins_;  // of each label in texts_
  std::vector<RuleKind> kinds_;
};

struct Route {
  std::string id;
  Queue queue = Queue::None;
  Priority priority = Priority::Normal;
  std::optional<std::chrono::seconds> sla;      // until somebody answers
  std::optional<std::chrono::seconds> resolve;  // until the item is resolved
};

// A part of a week, in `timezone()`, in which the brand answers. Minutes count from midnight.
struct OpenHours {
  std::uint8_t weekday = 0;  // 0 is Monday
  std::uint16_t begin = 0;
  std::uint16_t end = 0;  // not included; 1440 is midnight
  friend auto operator<=>(const OpenHours&, const OpenHours&) = default;
};

// Bytes [begin, end) of the mention's text that made a rule match.
struct Span {
  std::uint32_t rule = 0;  // index into RuleSet::rules()
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  friend auto operator<=>(const Span&, const Span&) = default;
};

// What the rules say of one mention. Indices into RuleSet::rules(), in ascending order of id within
// each list. `hashtags` and `links` are the mention's own lists, or where it has none those
// extracted from its text: folded without sigil, and as written.
struct Verdict {
  bool brand = false;          // the brand query matched
  bool to_brand = false;       // addressed to a brand account
  bool by_brand = false;       // written by a brand account
  bool by_ambassador = false;  // written by an ambassador
  bool to_ambassador = false;  // answers an ambassador: in_reply_to_author is one
  // Ambassadors as the rules name them, `x:@ana` or `x:ID`: the author first if they are one, then
  // those whom the mention answers or names; each once, kMostAmbassadors at most.
  static constexpr std::size_t kMostAmbassadors = 100;
  std::vector<std::string> ambassadors;
  bool question = false;
  std::vector<std::uint32_t> themes;
  std::vector<std::uint32_t> campaigns;
  std::vector<std::uint32_t> competitors;
  std::optional<std::uint32_t> route;  // index into RuleSet::routes(): the first whose `when` holds
  std::vector<Span> spans;  // empty unless asked for; unique, sorted by label, begin, end
  std::vector<std::string> hashtags;
  std::vector<std::string> links;
};

// Whether a mention may be queued at all. It has to be relevant (the brand query, a theme or a
// campaign matched, or it is to the brand, a DM, or answers an ambassador; a competitor alone is
// worth counting, not answering), brings a message, and is neither a click, a conversion or a
// reaction nor written by the brand or its ambassadors.
bool may_be_queued(const Mention& mention, const Verdict& verdict);

// What the rule set asks the outside: whether this is the author's first kept message.
using IsNewAuthor = std::function<bool(const Mention&)>;

// A whole rule file, checked and compiled: brand, competitors, lists, themes, campaigns, routes.
// Immutable; any number of threads may use one, each with its own Matcher.
class RuleSet {
 public:
  struct Compiled {
    std::shared_ptr<const RuleSet> rules;  // null when any diagnostic is an error
    std::vector<Diagnostic> diagnostics;   // errors and warnings, in the order of the file
  };

  // `file` names the text in messages. Never fails in any other way: any bytes give a rule set or
  // errors.
  static Compiled compile(std::string_view yaml, std::string_view file);

  ~RuleSet();

  // 16 hex digits: XXH3 of everything in the file that can change an answer.
  const std::string& version() const { return version_; }
  const std::string& brand_id() const { return brand_id_; }
  const std::string& timezone() const { return timezone_; }
  // `brand.business_hours`, sorted; empty: always open.
  const std::vector<OpenHours>& open_hours() const { return open_hours_; }
  // brand first, then competitors, themes and campaigns, each sorted by id.
  const RuleList& rules() const { return rules_; }
  // As Verdict::ambassadors names them, sorted.
  const std::vector<std::string>& ambassadors() const { return ambassadors_; }
  const std::vector<Route>& routes() const { return routes_; }

  // The result of one must_match or must_not_match line of the file.
  struct CaseResult {
    std::string rule;  // label
    std::size_t line = 0;
    bool expected_match = false;
    bool passed = false;
    std::string text;
    const Mention* mention = nullptr;  // lives as long as the rule set
  };
  std::vector<CaseResult> run_cases() const;

  struct Plan;  // the compiled form; private to rules/
  const Plan& plan() const { return *plan_; }

 private:
  RuleSet();

  std::string version_;
  std::string brand_id_;
  std::string timezone_;
  std::vector<OpenHours> open_hours_;
  RuleList rules_;
  std::vector<std::string> ambassadors_;
  std::vector<Route> routes_;
  std::unique_ptr<Plan> plan_;
};

class CostMeter;

// Matches mentions against rule sets. Holds the scratch memory of matching; one thread, any rule
// set.
class Matcher {
 public:
  Matcher();
  ~Matcher();
  Matcher(Matcher&&) noexcept;
  Matcher& operator=(Matcher&&) noexcept;

  struct Options {
    bool spans = false;
    IsNewAuthor is_new_author;  // empty: nobody is new
  };
  // The verdict is valid until the next call. Campaign windows compare the event time:
  // `created_at`, or `seen_at` where that is earlier by more than two minutes.
  const Verdict& match(const RuleSet& rules, const Mention& mention, const Options& options);

  // What the rules have cost this matcher; rules/rule_cost.h.
  CostMeter& costs();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace vigie
