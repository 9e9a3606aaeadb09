#include "pipeline/run/rule_cost_board.h"

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <unordered_set>

#include <fmt/format.h>
#include <prometheus/counter.h>
#include <prometheus/registry.h>

#include "rules/rule_budget.h"

namespace vigie {
namespace {

constexpr std::size_t kMetrics = 4;

std::array<double, kMetrics> values_of(const RuleCost& cost) {
  return {static_cast<double>(cost.candidates), static_cast<double>(cost.evaluations),
          static_cast<double>(cost.matches), std::chrono::duration<double>(cost.time).count()};
}

}  // namespace

struct RuleCostBoard::Impl {
  using Family = prometheus::Family<prometheus::Counter>;

  // A rule that has values now, and what they say.
  struct Listed {
    std::array<prometheus::Counter*, kMetrics> counters{};
    std::array<double, kMetrics> told{};
  };

  const std::function<std::shared_ptr<const RuleSet>()> rules;
  const std::array<Family*, kMetrics> families;

  std::mutex mutex;  // guards everything below
  RuleCosts sum;
  std::map<std::uint32_t, Listed> listed;
  std::unordered_set<std::uint32_t> warned;
  std::chrono::steady_clock::time_point warning_window{};
  std::size_t warnings_left = 0;

  Impl(std::function<std::shared_ptr<const RuleSet>()> r, prometheus::Registry& registry)
      : rules(std::move(r)),
        families{&family(registry, "vigie_rule_candidates_total",
                         "Mentions that a rule was considered for, of the ten dearest"),
                 &family(registry, "vigie_rule_evaluations_total",
                         "Mentions that its query was evaluated for"),
                 &family(registry, "vigie_rule_matches_total", "Mentions that its query held for"),
                 &family(registry, "vigie_rule_seconds_total",
                         "Time of its evaluations, estimated from a sample")} {}

  static Family& family(prometheus::Registry& registry, const char* metric, const char* help) {
    return prometheus::BuildCounter().Name(metric).Help(help).Register(registry);
  }

  void follow(const RuleSet& set);
  void unlist(const Listed& entry);
  void list(const RuleSet& set);
};

// What was counted of another set goes.
void RuleCostBoard::Impl::follow(const RuleSet& set) {
  if (sum.version == set.version()) return;
  for (const auto& [index, entry] : listed) unlist(entry);
  listed.clear();
  warned.clear();
  sum = {};
  sum.version = set.version();
  sum.each.resize(set.rules().size() + set.routes().size());
}

void RuleCostBoard::Impl::unlist(const Listed& entry) {
  for (std::size_t i = 0; i < kMetrics; ++i) families[i]->Remove(entry.counters[i]);
}

void RuleCostBoard::Impl::list(const RuleSet& set) {
  const std::vector<std::uint32_t> top = dearest(sum, kListed);
  // First those that go: at no time are there more than kListed.
  std::erase_if(listed, [&](const auto& entry) {
    if (std::ranges::find(top, entry.first) != top.end()) return false;
    unlist(entry.second);
    return true;
  });
  for (const std::uint32_t index : top) {
    const auto [it, fresh] = listed.try_emplace(index);
    Listed& entry = it->second;
    const auto values = values_of(sum.each[index]);
    for (std::size_t i = 0; i < kMetrics; ++i) {
      if (fresh) entry.counters[i] = &families[i]->Add({{"rule", cost_label(set, index)}});
      entry.counters[i]->Increment(values[i] - entry.told[i]);
    }
    entry.told = values;
  }
}

RuleCostBoard::RuleCostBoard(std::function<std::shared_ptr<const RuleSet>()> rules,
                             prometheus::Registry& registry)
    : impl_(std::make_unique<Impl>(std::move(rules), registry)) {}
RuleCostBoard::~RuleCostBoard() = default;

void RuleCostBoard::add(const RuleCosts& costs) {
  const std::shared_ptr<const RuleSet> set = impl_->rules();
  const std::lock_guard lock(impl_->mutex);
  impl_->follow(*set);
  if (costs.version != set->version()) return;
  impl_->sum.add(costs);
  impl_->list(*set);
}

std::vector<std::string> RuleCostBoard::warnings(std::chrono::steady_clock::time_point now) {
  Impl& self = *impl_;
  const std::shared_ptr<const RuleSet> set = self.rules();
  const std::lock_guard lock(self.mutex);
  self.follow(*set);
  if (now - self.warning_window >= kWarningsEvery) {
    self.warning_window = now;
    self.warnings_left = kWarnings;
  }
  std::vector<std::string> out;
  if (self.warnings_left == 0 || self.sum.mentions < kWarnFrom) return out;
  for (const BeyondBudget& beyond : beyond_budget(*set, self.sum)) {
    if (self.warnings_left == 0) break;
    if (!self.warned.insert(beyond.index).second) continue;
    --self.warnings_left;
    out.push_back(fmt::format("rules rule={} state=beyond_budget version={} reason=\"{}\"",
                              cost_label(*set, beyond.index), set->version(), beyond.why));
  }
  return out;
}

void RuleCostTeller::tell(CostMeter& meter, RuleCostBoard& board) {
  if (meter.mentions() == 0) return;
  const auto now = std::chrono::steady_clock::now();
  if (now - told_at_ < kEvery) return;
  told_at_ = now;
  board.add(meter.take());
}

}  // namespace vigie
