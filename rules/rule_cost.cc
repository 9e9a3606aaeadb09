#include "rules/rule_cost.h"

#include "rules/plan.h"
#include "rules/rule_set.h"

namespace vigie {

void RuleCosts::add(const RuleCosts& other) {
  if (version != other.version) {
    *this = other;
    return;
  }
  mentions += other.mentions;
  for (std::size_t i = 0; i < each.size(); ++i) {
    each[i].candidates += other.each[i].candidates;
    each[i].evaluations += other.each[i].evaluations;
    each[i].matches += other.each[i].matches;
    each[i].time += other.each[i].time;
  }
}

std::string cost_label(const RuleSet& rules, std::size_t index) {
  if (index < rules.rules().size()) return std::string(rules.rules()[index].label);
  return "route:" + rules.routes()[index - rules.rules().size()].id;
}

std::vector<bool> needs_no_word(const RuleSet& rules) {
  std::vector<bool> out(rules.rules().size() + rules.routes().size());
  for (const std::uint32_t rule : rules.plan().postings.always()) out[rule] = true;
  return out;
}

RuleCosts CostMeter::costs() const {
  RuleCosts out = costs_;
  for (std::size_t i = 0; i < out.each.size(); ++i) {
    out.each[i].candidates = candidates_[i];
    out.each[i].evaluations = candidates_[i] - skipped_[i];
  }
  return out;
}

RuleCosts CostMeter::take() {
  RuleCosts out = costs();
  clear();
  return out;
}

void CostMeter::clear() {
  const std::size_t size = costs_.each.size();
  costs_.mentions = 0;
  costs_.each.assign(size, {});
  candidates_.assign(size, 0);
  skipped_.assign(size, 0);
}

void CostMeter::begin(const RuleSet& rules) {
  // By version, not by address: another set may come to stand where an old one stood.
  if (costs_.version != rules.version()) restart(rules);
  ++costs_.mentions;
  timed_ = --until_timed_ == 0;
  if (timed_) until_timed_ = next_gap();
}

void CostMeter::restart(const RuleSet& rules) {
  costs_.version = rules.version();
  costs_.each.resize(rules.rules().size() + rules.routes().size());
  clear();
  until_timed_ = next_gap();
  clock_takes_ = Clock::duration::max();
  for (int i = 0; i < 16; ++i) {
    Clock::duration took{};
    once(took, [] { return false; });
    clock_takes_ = std::min(clock_takes_, took);
  }
}

// From 1 to 2 * sample - 1, each as likely: at a fixed gap, what comes in a rhythm would be timed
// always or never.
std::uint32_t CostMeter::next_gap() {
  random_ ^= random_ << 13;
  random_ ^= random_ >> 17;
  random_ ^= random_ << 5;
  return 1 + random_ % (2 * sample_ - 1);
}

}  // namespace vigie
