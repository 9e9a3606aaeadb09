#include "rules/postings.h"

#include <algorithm>
#include <optional>

#include "rules/plan.h"

namespace vigie {
namespace {

// A key with another one that has to be there, too.
struct Need {
  std::uint32_t key = 0;
  std::uint32_t also = Posting::kNothing;
};

// Keys one of which has to be in the text, and the share of texts that we expect that to let
// through.
struct Cover {
  double cost = 0;
  std::vector<Need> needs;
};

class CoverChooser {
 public:
  CoverChooser(const RuleSet::Plan& plan, std::span<const std::uint32_t> seen, std::uint32_t texts)
      : plan_(plan), costs_(plan.vocabulary.size() + plan.atoms.size()) {
    std::vector<std::uint32_t> uses(costs_.size());
    for (const std::uint32_t root : plan.rules) count_uses(plan.cells.data() + root, uses);
    const auto words = static_cast<std::uint32_t>(plan.vocabulary.size());
    for (std::uint32_t key = 0; key < costs_.size(); ++key) {
      const std::string_view text =
          key < words ? plan.vocabulary.text(key) : plan.atoms.text(key - words);
      const bool wide = key < words && plan.vocabulary.is_wildcard(key);
      costs_[key] = guess(text, wide, uses[key]);
      if (texts == 0) continue;
      // What was not seen is rarer than once; the guess orders it.
      const double count = seen[key] + std::min(0.5, costs_[key]);
      costs_[key] = count / texts;
    }
  }

  // Empty where no key has to be there.
  std::optional<Cover> cover(const Cell* at) const {
    switch (at->step()) {
      case Step::Term:
        return Cover{costs_[at->argument()], {{at->argument()}}};
      case Step::Phrase:
      case Step::Exact: {
        std::optional<Cover> all;
        for (std::uint32_t i = 1; i <= at->argument(); ++i) {
          const std::uint32_t key = at[i].argument();
          all = both(std::move(all), Cover{costs_[key], {{key}}});
        }
        return all;
      }
      case Step::Near:
      case Step::OrderedNear: {
        const auto [left, right] = sides_of(at);
        return both(cover(left), cover(right));
      }
      case Step::And: {
        std::optional<Cover> all;
        for (const Cell* part : parts_of(at)) {
          all = both(std::move(all), cover(part));
        }
        return all;
      }
      case Step::Or: {
        Cover all;
        for (const Cell* part : parts_of(at)) {
          const std::optional<Cover> one = cover(part);
          if (!one) return {};
          all.cost += one->cost;
          all.needs.insert(all.needs.end(), one->needs.begin(), one->needs.end());
        }
        return all;
      }
      case Step::Regex: {
        Cover all;
        const auto words = static_cast<std::uint32_t>(plan_.vocabulary.size());
        for (const std::uint32_t atom : plan_.atoms_of(at->argument())) {
          all.cost += kRegexIsDearer * costs_[words + atom];
          all.needs.push_back({words + atom});
        }
        if (all.needs.empty()) return {};
        return all;
      }
      case Step::Not:
      case Step::Field:
        break;
    }
    return {};
  }

 private:
  static constexpr double kRegexIsDearer = 3;

  // Of two covers both of which are needed the cheaper; the other, where it is one key, is asked
  // before the rule is looked at.
  static std::optional<Cover> both(std::optional<Cover> a, std::optional<Cover> b) {
    if (!a) return b;
    if (!b) return a;
    if (b->cost < a->cost) std::swap(a, b);
    if (b->needs.size() != 1) return a;
    for (Need& need : a->needs) {
      if (need.also == Posting::kNothing) need.also = b->needs.front().key;
    }
    return a;
  }

  // Long words are rare; what many rules of one brand use, such as its name, is frequent in its
  // stream.
  static double guess(std::string_view text, bool wide, std::uint32_t uses) {
    const auto length = static_cast<double>(std::min<std::size_t>(text.size(), 12));
    return (wide ? 4 : 1) * static_cast<double>(1 + uses) / (length * length);
  }

  void count_uses(const Cell* at, std::vector<std::uint32_t>& uses) const {
    switch (at->step()) {
      case Step::Term:
        ++uses[at->argument()];
        return;
      case Step::Phrase:
      case Step::Exact:
        for (std::uint32_t i = 1; i <= at->argument(); ++i) ++uses[at[i].argument()];
        return;
      case Step::And:
      case Step::Or:
      case Step::Near:
      case Step::OrderedNear: {
        for (const Cell* part : parts_of(at)) {
          count_uses(part, uses);
        }
        return;
      }
      case Step::Not:
        count_uses(at + 1, uses);
        return;
      case Step::Regex:
      case Step::Field:
        return;
    }
  }

  const RuleSet::Plan& plan_;
  std::vector<double> costs_;
};

}  // namespace

Postings choose_postings(const RuleSet::Plan& plan, std::span<const std::uint32_t> seen,
                         std::uint32_t texts) {
  struct Keyed {
    std::uint32_t key;
    Posting posting;
  };
  const CoverChooser chooser(plan, seen, texts);
  Postings result;
  std::vector<Keyed> all;
  for (std::uint32_t rule = 0; rule < plan.rules.size(); ++rule) {
    const std::optional<Cover> cover = chooser.cover(plan.cells.data() + plan.rules[rule]);
    if (!cover) {
      result.always_.push_back(rule);
      continue;
    }
    for (const Need& need : cover->needs) all.push_back({need.key, {rule, need.also}});
  }
  std::ranges::sort(all, {}, [](const Keyed& one) { return std::pair(one.key, one.posting.rule); });
  result.begins_.assign(plan.vocabulary.size() + plan.atoms.size() + 1, 0);
  result.list_.reserve(all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    const bool again =
        i > 0 && all[i].key == all[i - 1].key && all[i].posting.rule == all[i - 1].posting.rule;
    if (again) {
      // Needed in several parts of the rule, of which only one asks for more.
      if (result.list_.back().also != all[i].posting.also) {
        result.list_.back().also = Posting::kNothing;
      }
      continue;
    }
    result.list_.push_back(all[i].posting);
    ++result.begins_[all[i].key + 1];
  }
  result.list_.shrink_to_fit();
  result.always_.shrink_to_fit();
  for (std::size_t i = 1; i < result.begins_.size(); ++i) {
    result.begins_[i] += result.begins_[i - 1];
  }
  return result;
}

void LearntPostings::count(const std::string& version, const RuleSet::Plan& plan,
                           std::span<const std::uint32_t> present) {
  constexpr std::uint32_t kFirst = 500;
  constexpr std::uint32_t kStep = 1'000'000;
  constexpr std::uint32_t kMost = 100 * kStep;
  if (version != version_) {
    version_ = version;
    seen_.assign(plan.vocabulary.size() + plan.atoms.size(), 0);
    texts_ = 0;
    next_ = kFirst;
    postings_ = {};
  }
  for (const std::uint32_t key : present) ++seen_[key];
  if (++texts_ < next_) return;
  postings_ = choose_postings(plan, seen_, texts_);
  if (texts_ >= kMost) {
    // What was long ago counts half.
    for (std::uint32_t& count : seen_) count /= 2;
    texts_ /= 2;
  }
  next_ = texts_ < kStep / 10 ? texts_ * 10 : texts_ + kStep;
}

const Postings& LearntPostings::of(const RuleSet::Plan& plan) const {
  return postings_.empty() ? plan.postings : postings_;
}

}  // namespace vigie
