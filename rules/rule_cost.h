#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace vigie {

class RuleSet;

// What one rule, or the `when` of one route, has cost. The counts are exact.
struct RuleCost {
  std::uint64_t candidates = 0;   // mentions for which it was considered: one of its words is there
  std::uint64_t evaluations = 0;  // of these, those for which its query was evaluated: it was on
  std::uint64_t matches = 0;      // of these, those for which the query held
  std::chrono::nanoseconds time{0};  // an estimate of what its evaluations took; see CostMeter
};

// What the rules of one set have cost over some mentions. A value: copied, summed, compared.
struct RuleCosts {
  std::string version;         // of the rule set; empty: of none yet
  std::uint64_t mentions = 0;  // that were matched
  std::vector<RuleCost> each;  // RuleSet::rules(), then RuleSet::routes()

  // Adds what the same set cost elsewhere. Of another set: replaces, since sums over two sets say
  // nothing of either.
  void add(const RuleCosts& other);
};

// What a place in RuleCosts::each is called: "theme:ID", "campaign:ID", "competitor:ID", "brand",
// "route:ID".
std::string cost_label(const RuleSet& rules, std::size_t index);

// By place in RuleCosts::each: whether the rule needs no word at all, so that it is a candidate for
// each mention. Routes are not looked up by words; false for them.
std::vector<bool> needs_no_word(const RuleSet& rules);

// Counts for one Matcher; used by its thread alone, which sums copies where several matchers serve
// one set. Begins again at nothing when a mention is matched with a rule set of another version.
//
// Time costs nearly nothing: of one mention in `sample` on average, at random gaps that are the
// same in every run, the evaluations are timed by the steady clock, less what the clock itself
// takes, and count `sample` times. An evaluation that took long is timed again and the shorter
// counts, since what interrupts a thread is no cost of a rule.
class CostMeter {
 public:
  static constexpr std::uint32_t kSample = 64;

  std::uint64_t mentions() const { return costs_.mentions; }
  RuleCosts costs() const;
  // Hands over what was counted so far, and counts from nothing.
  RuleCosts take();
  // Before the first mention; 1 times every mention.
  void time_one_in(std::uint32_t sample) { sample_ = sample; }

  // The matcher says what it does: begin() with each mention, then of each rule or route that it is
  // a candidate, and that it is skipped or what its query says.
  void begin(const RuleSet& rules);
  // Fetches into the cache what candidate() counts in.
  void prefetch(std::size_t index) const { __builtin_prefetch(&candidates_[index], 1); }
  void candidate(std::size_t index) { ++candidates_[index]; }
  void skip(std::size_t index) { ++skipped_[index]; }
  template <class Holds>
  bool evaluate(std::size_t index, const Holds& holds) {
    if (timed_) [[unlikely]]
      return timed(costs_.each[index], holds);
    const bool held = holds();
    if (held) ++costs_.each[index].matches;
    return held;
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::microseconds kLong{50};

  template <class Holds>
  [[gnu::cold, gnu::noinline]] bool timed(RuleCost& cost, const Holds& holds) {
    Clock::duration took{};
    const bool held = once(took, holds);
    if (took > kLong) {
      Clock::duration again{};
      once(again, holds);
      took = std::min(took, again);
    }
    if (took > clock_takes_) cost.time += (took - clock_takes_) * sample_;
    if (held) ++cost.matches;
    return held;
  }
  template <class Holds>
  static bool once(Clock::duration& took, const Holds& holds) {
    const Clock::time_point begun = Clock::now();
    const bool held = holds();
    took = Clock::now() - begun;
    return held;
  }
  void restart(const RuleSet& rules);
  void clear();
  std::uint32_t next_gap();

  RuleCosts costs_;  // without candidates and evaluations
  // What is counted most stands apart: with many rules it is the cache that counting costs.
  std::vector<std::uint64_t> candidates_;
  std::vector<std::uint64_t> skipped_;
  Clock::duration clock_takes_{0};
  std::uint32_t sample_ = kSample;
  std::uint32_t until_timed_ = 1;
  std::uint32_t random_ = 0x9e3779b9;
  bool timed_ = false;
};

}  // namespace vigie
