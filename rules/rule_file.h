#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/core/mention.h"
#include "pipeline/core/yaml.h"
#include "rules/query.h"
#include "rules/rule_set.h"

namespace vigie {

constexpr std::size_t kMaxRules = 200'000;  // competitors, themes and campaigns together
constexpr std::size_t kMaxRoutes = 10'000;
constexpr std::size_t kMaxAccounts = 1'000'000;  // of all lists together

// `network:@handle` or `network:id`; handles are folded and without their @. One of both is empty.
struct Account {
  std::string network;
  std::string handle;
  std::string id;
};

// A query and where it stands: `node` is the scalar of the file that holds it.
struct QuerySource {
  YamlNode node;
  std::optional<QueryNode> root;  // empty where it does not parse; the diagnostics say why
};

// A line of must_match or must_not_match.
struct CaseSource {
  bool expected_match = false;
  std::size_t line = 0;
  std::string text;  // what a report shows
  Mention mention;
};

struct RuleSource {
  RuleKind kind = RuleKind::Brand;
  std::string id;
  std::string label;  // "theme:delivery"; the brand rule is "brand"
  QuerySource query;
  std::optional<Time> from;
  std::optional<Time> until;
  std::vector<CaseSource> cases;
};

struct RouteSource {
  Route route;
  QuerySource when;
  std::vector<CaseSource> cases;
};

// A rule file, each part checked on its own. What needs the words of a query or the other rules is
// checked where the plan is made.
struct RuleFile {
  std::string brand_id;
  std::string timezone = "UTC";
  std::vector<OpenHours> open_hours;
  std::vector<Account> accounts;
  std::vector<Account> ambassadors;
  std::map<std::string, std::vector<Account>, std::less<>> lists;
  std::vector<RuleSource> rules;  // brand, competitors, themes, campaigns; each sorted by id
  std::vector<RouteSource> routes;
};

// Collects what there is to say about one file.
class Diagnostics {
 public:
  // `source` and `file` outlive the object.
  Diagnostics(std::string_view source, std::string_view file);

  void error(Mark mark, std::string message) { add(true, mark, std::move(message)); }
  void warning(Mark mark, std::string message) { add(false, mark, std::move(message)); }
  // About byte `issue.offset` of the text of `scalar`.
  void add(const YamlNode& scalar, const QueryIssue& issue);

  bool has_errors() const { return errors_ > 0; }
  // In the order of the file.
  std::vector<Diagnostic> take();

 private:
  // How far a scalar has been walked over: byte `at` of the source is byte `read` of its text.
  struct Walk {
    std::size_t begin = ~std::size_t{0};  // where the scalar stands in the source
    std::size_t at = 0;
    std::size_t read = 0;
    bool lost = false;  // both part in a way that the walk does not know
  };

  void add(bool is_error, Mark mark, std::string message);
  Walk start_of(std::size_t begin, char style, std::string_view value) const;
  Mark locate(const YamlNode& scalar, std::size_t offset);

  std::string_view source_;
  std::string_view file_;
  std::vector<std::size_t> lines_;  // where each line of the source starts
  std::vector<Diagnostic> list_;
  std::size_t errors_ = 0;
  Walk walk_;
};

// Reads the file as far as it can be read, whatever is wrong with it.
RuleFile read_rule_file(std::string_view yaml, std::string_view file, Diagnostics& diagnostics);

}  // namespace vigie
