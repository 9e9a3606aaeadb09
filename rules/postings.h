#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "rules/rule_set.h"

namespace vigie {

// Which rules a text with a certain word makes candidates. A rule that needs one of several words
// is posted under each of them.
struct Posting {
  static constexpr std::uint32_t kNothing = ~std::uint32_t{0};
  std::uint32_t rule = 0;
  // Another key that has to be there, too; or kNothing.
  std::uint32_t also = kNothing;
};

// Keys are the numbers of the vocabulary and, after them, those of the atoms of regexes.
class Postings {
 public:
  std::span<const Posting> of(std::uint32_t key) const {
    return {list_.data() + begins_[key], list_.data() + begins_[key + 1]};
  }
  // Fetches into the cache what of() reads.
  void prefetch(std::uint32_t key) const { __builtin_prefetch(&begins_[key]); }
  // Rules that need no key: candidates for every text.
  const std::vector<std::uint32_t>& always() const { return always_; }
  bool empty() const { return begins_.empty(); }

 private:
  friend Postings choose_postings(const RuleSet::Plan& plan, std::span<const std::uint32_t> seen,
                                  std::uint32_t texts);

  std::vector<std::uint32_t> begins_;
  std::vector<Posting> list_;
  std::vector<std::uint32_t> always_;
};

// Posts each rule under the keys one of which it needs, those that the fewest texts have. `seen[k]`
// tells in how many of `texts` texts key k was; without any a guess by length and by how many rules
// use a word. What a rule matches does not depend on the choice.
Postings choose_postings(const RuleSet::Plan& plan, std::span<const std::uint32_t> seen,
                         std::uint32_t texts);

// How often the keys of a rule set were seen, and the postings that follow from it. One thread.
//
// They are chosen anew after 500 texts, after ten times as many, and so on, then after each
// million: a stream's first texts tell nearly all. That takes about a microsecond a rule, in
// count().
class LearntPostings {
 public:
  // Counts the keys of one more text; begins again with a set of another version.
  void count(const std::string& version, const RuleSet::Plan& plan,
             std::span<const std::uint32_t> present);
  // Those learnt, or those of the plan until then.
  const Postings& of(const RuleSet::Plan& plan) const;

 private:
  std::string version_;
  std::vector<std::uint32_t> seen_;  // by key
  std::uint32_t texts_ = 0;
  std::uint32_t next_ = 0;  // texts after which to choose
  Postings postings_;
};

}  // namespace vigie
