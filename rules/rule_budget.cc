#include "rules/rule_budget.h"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#include "rules/rule_set.h"

namespace vigie {
namespace {

std::string in_vain(const RuleCosts& costs, const RuleCost& cost) {
  const double candidates = share(cost.candidates, costs.mentions);
  const double matches = share(cost.matches, cost.candidates);
  // A campaign that is not on is a candidate at no cost.
  if (cost.evaluations == 0 || candidates <= RuleBudget::kCandidates ||
      matches >= RuleBudget::kMatches)
    return {};
  return fmt::format("a candidate for {:.1f} % of the mentions, and {:.1f} % of those match",
                     candidates * 100, matches * 100);
}

std::string too_slow(const RuleCosts& costs, const RuleCost& cost, std::chrono::nanoseconds total) {
  const double part = share(static_cast<std::uint64_t>(cost.time.count()),
                            static_cast<std::uint64_t>(total.count()));
  const auto a_mention = cost.time / static_cast<std::int64_t>(costs.mentions);
  if (part <= RuleBudget::kTimeShare || a_mention <= RuleBudget::kTime) return {};
  return fmt::format("{:.1f} % of the time of all, {:.1f} us a mention", part * 100,
                     static_cast<double>(a_mention.count()) / 1000);
}

}  // namespace

double share(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

std::chrono::nanoseconds total_time(const RuleCosts& costs) {
  std::chrono::nanoseconds sum{0};
  for (const RuleCost& cost : costs.each) sum += cost.time;
  return sum;
}

std::vector<BeyondBudget> beyond_budget(const RuleSet& rules, const RuleCosts& costs) {
  std::vector<BeyondBudget> out;
  if (costs.mentions < RuleBudget::kMentions) return out;
  const std::chrono::nanoseconds total = total_time(costs);
  for (std::uint32_t i = 0; i < costs.each.size(); ++i) {
    // A route is asked of each mention that none above it took.
    std::string why = i < rules.rules().size() ? in_vain(costs, costs.each[i]) : "";
    const std::string slow = too_slow(costs, costs.each[i], total);
    if (!why.empty() && !slow.empty()) why += "; ";
    why += slow;
    if (!why.empty()) out.push_back({i, std::move(why)});
  }
  return out;
}

std::vector<std::uint32_t> dearest(const RuleCosts& costs, std::size_t count) {
  std::vector<std::uint32_t> out;
  for (std::uint32_t i = 0; i < costs.each.size(); ++i) {
    if (costs.each[i].evaluations > 0) out.push_back(i);
  }
  count = std::min(count, out.size());
  const auto dearer = [&](std::uint32_t a, std::uint32_t b) {
    const RuleCost& one = costs.each[a];
    const RuleCost& other = costs.each[b];
    return std::tuple(other.time, other.evaluations, a) < std::tuple(one.time, one.evaluations, b);
  };
  std::ranges::partial_sort(out, out.begin() + static_cast<std::ptrdiff_t>(count), dearer);
  out.resize(count);
  return out;
}

}  // namespace vigie
