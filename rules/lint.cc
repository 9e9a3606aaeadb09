#include "rules/lint.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "rules/field_values.h"
#include "rules/query_logic.h"
#include "rules/rule_file.h"

namespace vigie {
namespace {

using Node = QueryNode::Kind;

QueryNode field_query(std::string_view name, std::string_view value) {
  QueryNode node;
  node.kind = Node::Field;
  node.name = name;
  node.text = value;
  return node;
}

std::string with_reason(std::string_view message, std::string_view reason) {
  return fmt::format("{}{}{}", message, reason.empty() ? "" : ": ", reason);
}

bool are_on_together(const RuleSource& a, const RuleSource& b) {
  const bool a_ends_first = a.until && b.from && *a.until <= *b.from;
  const bool b_ends_first = b.until && a.from && *b.until <= *a.from;
  return !a_ends_first && !b_ends_first;
}

class Linter {
 public:
  Linter(const RuleFile& file, Time now, Diagnostics& diagnostics)
      : file_(file), now_(now), diagnostics_(diagnostics), logic_(file) {}

  void run() {
    for (const RuleSource& rule : file_.rules) look_at(rule);
    find_duplicates();
    look_at_routes();
    if (logic_.is_exhausted() && !file_.rules.empty()) {
      const auto last = std::ranges::max_element(
          file_.rules, {}, [](const RuleSource& rule) { return rule.query.node.mark.line; });
      diagnostics_.warning(last->query.node.mark,
                           "there are more rules and routes than can be compared with each other; "
                           "further warnings may be missing");
    }
  }

 private:
  bool never_holds(const QueryNode& query) {
    const std::array<Claim, 1> claims = {Claim{&query, true}};
    return logic_.contradict(claims);
  }

  void warn(const QuerySource& query, std::size_t offset, std::string message) {
    diagnostics_.add(query.node, {offset, false, std::move(message)});
  }

  void look_at(const RuleSource& rule) {
    if (rule.until && *rule.until <= now_) {
      diagnostics_.warning(rule.query.node.mark, fmt::format("{} is over since {}", rule.label,
                                                             format_time(*rule.until)));
    }
    look_at_values(*rule.query.root, rule.query);
    if (!never_holds(*rule.query.root)) {
      look_at_parts(*rule.query.root, rule.query);
      return;
    }
    const bool campaign = rule.kind == RuleKind::Campaign;
    warn(rule.query, rule.query.root->begin,
         with_reason(campaign ? "this can never match (mentions that name the campaign count)"
                              : "this can never match",
                     logic_.reason()));
  }

  // Of a query that may hold, the parts that never do.
  void look_at_parts(const QueryNode& query, const QuerySource& source) {
    for (const QueryNode& child : query.children) {
      if (child.kind == Node::And && never_holds(child)) {
        warn(source, child.begin, with_reason("this part can never hold", logic_.reason()));
      } else {
        look_at_parts(child, source);
      }
    }
  }

  void look_at_values(const QueryNode& query, const QuerySource& source) {
    if (query.kind == Node::Field) {
      std::string doubt = doubt_about_value(query.name, query.text);
      if (!doubt.empty()) warn(source, query.begin, std::move(doubt));
    }
    for (const QueryNode& child : query.children) look_at_values(child, source);
  }

  void find_duplicates() {
    std::map<std::pair<RuleKind, std::string>, std::vector<const RuleSource*>> by_query;
    std::vector<const RuleSource*> in_order;
    in_order.reserve(file_.rules.size());
    for (const RuleSource& rule : file_.rules) in_order.push_back(&rule);
    std::ranges::sort(in_order, {}, [](const RuleSource* rule) {
      return std::pair(rule->query.node.mark.line, rule->query.node.mark.column);
    });
    for (const RuleSource* rule : in_order) {
      std::vector<const RuleSource*>& same =
          by_query[{rule->kind, logic_.normal_form(*rule->query.root)}];
      const auto twin = std::ranges::find_if(
          same, [&](const RuleSource* other) { return are_on_together(*other, *rule); });
      if (twin != same.end()) {
        warn(rule->query, rule->query.root->begin,
             fmt::format("{} and {} ask the same", (*twin)->label, rule->label));
      }
      if (same.size() < kMaxTwins) same.push_back(rule);
    }
  }

  // What is never queued takes no route.
  std::vector<Claim> queued() const {
    std::vector<Claim> claims;
    claims.reserve(never_queued_.size());
    for (const QueryNode& query : never_queued_) claims.push_back({&query, false});
    return claims;
  }

  void look_at_routes() {
    std::vector<std::size_t> above;  // those that can hold
    for (std::size_t i = 0; i < file_.routes.size(); ++i) {
      const QuerySource& when = file_.routes[i].when;
      look_at_values(*when.root, when);
      if (is_route_alive(when, above)) {
        look_at_parts(*when.root, when);
        above.push_back(i);
      }
    }
  }

  // Warns where it is not.
  bool is_route_alive(const QuerySource& when, const std::vector<std::size_t>& above) {
    const QueryNode& root = *when.root;
    if (never_holds(root)) {
      warn(when, root.begin, with_reason("this route is never taken", logic_.reason()));
      return false;
    }
    std::vector<Claim> claims = queued();
    claims.push_back({&root, true});
    if (logic_.contradict(claims)) {
      warn(when, root.begin,
           "this route is never taken: clicks, conversions, reactions and what the brand and its "
           "ambassadors write are never queued");
      return false;
    }
    for (const std::size_t other : above) {
      claims.push_back({&*file_.routes[other].when.root, false});
      const bool shadowed = logic_.contradict(claims);
      claims.pop_back();
      if (!shadowed) continue;
      warn(when, root.begin,
           fmt::format("this route is never taken: route:{} above it holds whenever it does",
                       file_.routes[other].route.id));
      return false;
    }
    for (const std::size_t other : above) {
      claims.push_back({&*file_.routes[other].when.root, false});
    }
    if (!logic_.contradict(claims)) return true;
    warn(when, root.begin,
         "this route is never taken: whenever it holds, one of the routes above it does");
    return false;
  }

  static constexpr std::size_t kMaxTwins = 100;

  const RuleFile& file_;
  Time now_;
  Diagnostics& diagnostics_;
  QueryLogic logic_;
  const std::vector<QueryNode> never_queued_ = {
      field_query("kind", "click"), field_query("kind", "conversion"),
      field_query("kind", "reaction"), field_query("author", "brand"),
      field_query("author", "ambassador")};
};

}  // namespace

std::vector<Diagnostic> lint(std::string_view yaml, std::string_view file, Time now) {
  if (RuleSet::compile(yaml, file).rules == nullptr) return {};
  Diagnostics of_reading(yaml, file);
  const RuleFile source = read_rule_file(yaml, file, of_reading);
  Diagnostics diagnostics(yaml, file);
  Linter(source, now, diagnostics).run();
  return diagnostics.take();
}

}  // namespace vigie
