#include "pipeline/route/explain_route.h"

#include <fmt/format.h>

#include "pipeline/core/json.h"

namespace vigie {
namespace {

// Of a route above the one that is taken, why it does not hold, in one line.
std::string passed_over(const RuleExplanation& route) {
  const std::vector<std::string> stops = stopped_by(route);
  std::string out = fmt::format("{}: does not hold", route.label);
  for (std::size_t i = 0; i < stops.size() && i < 3; ++i) out += (i == 0 ? ": " : "; ") + stops[i];
  if (stops.size() > 3) out += "; ...";
  return out;
}

std::string by_default(const Mention& mention, const Verdict& verdict) {
  if (verdict.to_brand) return "it is to the brand";
  if (mention.kind == Kind::Dm) return "it is a DM";
  return verdict.brand ? "the brand query matched" : "a campaign matched";
}

// In one sentence: the route that is taken, the default, or why the mention is not queued.
std::string why(const Decision& decision, const RuleSet& rules, const Mention& mention,
                const Explanation& explanation) {
  if (!explanation.not_queued.empty()) return explanation.not_queued;
  if (rules.routes().empty()) {
    if (decision.queue == Queue::None) {
      return "the file has no routes, and by default only what is to the brand, a DM, or matched "
             "the brand query or a campaign is queued";
    }
    return "the file has no routes; by default: " + by_default(mention, explanation.verdict);
  }
  if (!explanation.verdict.route) return "no route holds";
  const std::string& id = rules.routes()[*explanation.verdict.route].id;
  return fmt::format("route:{} is the first that holds", id);
}

}  // namespace

std::string print(const Explainer& explainer, const Mention& mention,
                  const Explanation& explanation) {
  std::string out;
  for (const RuleExplanation& rule : explanation.rules) {
    out += print(rule, explainer.file()) + '\n';
  }
  if (explanation.asked.empty() && explanation.rules.empty()) {
    out += "no rule tags this mention\n\n";
  }
  if (explanation.more_rules > 0) {
    out += fmt::format("... and {} more rules that match\n\n", explanation.more_rules);
  }
  const Decision decision = decide(explainer.rules(), mention, explanation.verdict);
  const std::string reason = why(decision, explainer.rules(), mention, explanation);
  out += fmt::format("queue: {}", name(decision.queue));
  if (decision.route) out += fmt::format(", route: {}", *decision.route);
  if (decision.priority) out += fmt::format(", priority: {}", name(*decision.priority));
  if (decision.sla) out += fmt::format(", sla: {} s", decision.sla->count());
  out += fmt::format("\n  {}\n", reason);
  if (explanation.more_routes > 0) {
    out += fmt::format("  {} more routes above do not hold\n", explanation.more_routes);
  }
  for (const RuleExplanation& route : explanation.routes) {
    const bool whole = route.clause.holds || route.label == explanation.asked;
    out +=
        whole ? '\n' + print(route, explainer.file()) : fmt::format("  {}\n", passed_over(route));
  }
  return out;
}

void append_json(std::string& out, const Explainer& explainer, const Mention& mention,
                 const Explanation& explanation) {
  const Decision decision = decide(explainer.rules(), mention, explanation.verdict);
  JsonWriter json(out);
  json.begin_object().field("network", mention.network).field("id", mention.id);
  json.field("rules_version", explainer.rules().version()).key("rules").begin_array();
  for (const RuleExplanation& rule : explanation.rules) write_json(json, rule);
  json.end_array().field("more_rules", static_cast<std::int64_t>(explanation.more_rules));
  json.key("routes").begin_array();
  for (const RuleExplanation& route : explanation.routes) write_json(json, route);
  json.end_array().field("more_routes", static_cast<std::int64_t>(explanation.more_routes));
  json.key("decision").begin_object().field("queue", name(decision.queue));
  json.key("route");
  decision.route ? json.string(*decision.route) : json.null();
  json.key("priority");
  decision.priority ? json.string(name(*decision.priority)) : json.null();
  json.key("sla_seconds");
  decision.sla ? json.number(static_cast<std::int64_t>(decision.sla->count())) : json.null();
  json.field("reason", why(decision, explainer.rules(), mention, explanation));
  json.end_object().end_object();
}

}  // namespace vigie
