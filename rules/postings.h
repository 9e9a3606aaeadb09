#pragma once

#include <cstdint>
#include <span>
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

}  // namespace vigie
