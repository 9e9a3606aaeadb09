#include "rules/explain.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "pipeline/core/clock.h"
#include "pipeline/core/yaml.h"
#include "rules/rule_file.h"

namespace vigie {
namespace {

bool has_tag(const Verdict& verdict, const RuleSource& source, std::uint32_t rule) {
  const auto in = [&](const std::vector<std::uint32_t>& list) {
    return std::ranges::find(list, rule) != list.end();
  };
  switch (source.kind) {
    case RuleKind::Brand:
      return verdict.brand;
    case RuleKind::Theme:
      return in(verdict.themes);
    case RuleKind::Campaign:
      return in(verdict.campaigns);
    case RuleKind::Competitor:
      return in(verdict.competitors);
  }
  return false;
}

// What the dates of a campaign say against a mention of this time; empty where they allow it.
std::string outside(const RuleSource& rule, const Mention& mention) {
  if (!rule.from && !rule.until) return {};
  const std::optional<Time> time = event_time(mention);
  if (!time) return "when the mention was written is not told, and the campaign has dates";
  if (rule.from && *time < *rule.from) {
    return fmt::format("the mention is of {}, before the campaign begins at {}", format_time(*time),
                       format_time(*rule.from));
  }
  if (rule.until && *time >= *rule.until) {
    return fmt::format("the mention is of {}, and the campaign ended at {}", format_time(*time),
                       format_time(*rule.until));
  }
  return {};
}

std::string note_of(const RuleSource& rule, const Mention& mention, bool query_holds,
                    bool matched) {
  std::string dates = outside(rule, mention);
  if (matched && (!query_holds || !dates.empty())) {
    return mention.campaign == rule.id
               ? "the mention names this campaign itself, which counts whatever query and dates say"
               : "the clicked address names this campaign (utm_campaign), whatever the query says";
  }
  return dates;
}

}  // namespace

// A rule or a route, by its index; neither: everything that tagged the mention.
struct Explainer::Target {
  std::optional<std::uint32_t> rule;
  std::optional<std::uint32_t> route;
};

Explainer::Explainer(std::shared_ptr<const RuleSet> rules, std::string_view yaml,
                     std::string_view file)
    : rules_(std::move(rules)), file_name_(file) {
  Diagnostics diagnostics(yaml, file);
  source_ = std::make_unique<RuleFile>(read_rule_file(yaml, file, diagnostics));
}

Explainer::~Explainer() = default;

Result<Explainer::Target> Explainer::find(std::string_view rule) const {
  if (rule.empty()) return Target{};
  std::vector<std::string> labels;
  std::vector<std::string> same_id;
  Target by_id;
  for (std::uint32_t i = 0; i < source_->rules.size(); ++i) {
    const RuleSource& one = source_->rules[i];
    if (one.label == rule) return Target{i, {}};
    labels.push_back(one.label);
    if (one.id != rule) continue;
    same_id.push_back(one.label);
    by_id = {i, {}};
  }
  for (std::uint32_t i = 0; i < source_->routes.size(); ++i) {
    const std::string& id = source_->routes[i].route.id;
    labels.push_back("route:" + id);
    if (labels.back() == rule) return Target{{}, i};
    if (id != rule) continue;
    same_id.push_back(labels.back());
    by_id = {{}, i};
  }
  if (same_id.size() == 1) return by_id;
  if (same_id.size() > 1) {
    return fail(Code::Invalid, fmt::format("\"{}\" is the id of several rules; expected one of {}",
                                           rule, fmt::join(same_id, ", ")));
  }
  std::vector<std::string_view> known;
  for (const std::string& label : labels) {
    known.push_back(label);
    if (rule.find(':') == std::string_view::npos && label.contains(':')) {
      known.push_back(std::string_view(label).substr(label.find(':') + 1));
    }
  }
  const std::string_view near = nearest(rule, known);
  return fail(Code::NotFound,
              fmt::format("{} has no rule \"{}\"; {}", file_name_, rule,
                          near.empty() ? "expected a label such as theme:ID, campaign:ID, "
                                         "competitor:ID, route:ID or brand"
                                       : fmt::format("did you mean \"{}\"?", near)));
}

RuleExplanation Explainer::explain_rule(std::uint32_t rule, const Mention& mention,
                                        const Verdict& verdict, ClauseEvaluator& clauses) const {
  const RuleSource& source = source_->rules[rule];
  RuleExplanation result;
  result.label = source.label;
  result.line = source.query.node.mark.line;
  result.column = source.query.node.mark.column;
  result.query = source.query.node.text;
  result.clause = clauses.evaluate(*source.query.root);
  result.matched = has_tag(verdict, source, rule);
  result.note = note_of(source, mention, result.clause.holds, result.matched);
  return result;
}

RuleExplanation Explainer::explain_route(std::uint32_t route, const Mention& mention,
                                         const Verdict& verdict, ClauseEvaluator& clauses) const {
  const RouteSource& source = source_->routes[route];
  RuleExplanation result;
  result.label = "route:" + source.route.id;
  result.line = source.when.node.mark.line;
  result.column = source.when.node.mark.column;
  result.query = source.when.node.text;
  result.clause = clauses.evaluate(*source.when.root);
  const bool first = verdict.route == route;
  result.matched = first && may_be_queued(mention, verdict);
  if (!result.clause.holds) return result;
  if (!first && verdict.route) {
    result.note =
        fmt::format("route:{} above it holds, too", source_->routes[*verdict.route].route.id);
  } else if (first && !result.matched) {
    result.note = "the mention is not queued: " + why_not_queued(mention, verdict);
  }
  return result;
}

Result<Explanation> Explainer::explain(const Mention& mention, std::string_view rule,
                                       const IsNewAuthor& is_new_author) const {
  const Result<Target> target = find(rule);
  if (!target) return std::unexpected(target.error());
  Matcher matcher;
  Matcher::Options options;
  options.is_new_author = is_new_author;
  Explanation result;
  if (target->rule) result.asked = source_->rules[*target->rule].label;
  if (target->route) result.asked = "route:" + source_->routes[*target->route].route.id;
  result.verdict = matcher.match(*rules_, mention, options);
  const Verdict& verdict = result.verdict;
  ClauseEvaluator clauses(*source_, *rules_, mention, verdict, is_new_author);
  for (std::uint32_t i = 0; i < source_->rules.size(); ++i) {
    const bool wanted = target->rule ? *target->rule == i
                                     : !target->route && has_tag(verdict, source_->rules[i], i);
    if (!wanted) continue;
    if (result.rules.size() == Explanation::kMaxExplained) {
      ++result.more_rules;
    } else {
      result.rules.push_back(explain_rule(i, mention, verdict, clauses));
    }
  }
  const auto routes = static_cast<std::uint32_t>(source_->routes.size());
  const std::uint32_t end = verdict.route ? *verdict.route + 1 : routes;
  const auto most = static_cast<std::uint32_t>(Explanation::kMaxExplained);
  const std::uint32_t begin = end > most ? end - most : 0;
  for (std::uint32_t i = 0; i < routes; ++i) {
    if ((begin <= i && i < end) || target->route == i)
      result.routes.push_back(explain_route(i, mention, verdict, clauses));
  }
  result.more_routes = begin - (target->route && *target->route < begin ? 1 : 0);
  result.not_queued = why_not_queued(mention, verdict);
  return result;
}

std::string why_not_queued(const Mention& mention, const Verdict& verdict) {
  if (may_be_queued(mention, verdict)) return {};
  if (!brings_message(mention)) {
    return fmt::format("it brings no message: {} changes one that is there", name(mention.op));
  }
  if (verdict.by_brand) return "it was written by an account of the brand";
  if (verdict.by_ambassador) return "it was written by an ambassador";
  const bool silent = mention.kind == Kind::Click || mention.kind == Kind::Conversion ||
                      mention.kind == Kind::Reaction;
  if (silent)
    return fmt::format("it is a {}, which is counted and never queued", name(*mention.kind));
  return "it is not relevant: neither the brand query nor a theme nor a campaign matched, and it "
         "is not to the brand, no DM and no answer to an ambassador";
}

}  // namespace vigie
