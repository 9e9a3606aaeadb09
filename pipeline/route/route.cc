#include "pipeline/route/route.h"

namespace vigie {
namespace {

bool is_tagged(const Verdict& verdict) {
  return verdict.brand || !verdict.themes.empty() || !verdict.campaigns.empty() ||
         !verdict.competitors.empty();
}

Decision decide_by_default(const Mention& mention, const Verdict& verdict) {
  if (verdict.to_brand || mention.kind == Kind::Dm)
    return {Queue::Social, "default", Priority::Normal, {}};
  if (verdict.brand || !verdict.campaigns.empty())
    return {Queue::Community, "default", Priority::Normal, {}};
  return {};
}

}  // namespace

bool is_kept(const Mention& mention, const Verdict& verdict) {
  return is_tagged(verdict) || verdict.to_brand || verdict.by_brand || verdict.by_ambassador ||
         verdict.to_ambassador || mention.kind == Kind::Dm;
}

Decision decide(const RuleSet& rules, const Mention& mention, const Verdict& verdict) {
  if (!may_be_queued(mention, verdict)) return {};
  if (rules.routes().empty()) return decide_by_default(mention, verdict);
  if (!verdict.route) return {};
  const Route& route = rules.routes()[*verdict.route];
  if (route.queue == Queue::None) return {Queue::None, route.id, {}, {}};
  return {route.queue, route.id, route.priority, route.sla};
}

}  // namespace vigie
