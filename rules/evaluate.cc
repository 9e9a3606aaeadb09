#include "rules/evaluate.h"

#include <algorithm>
#include <span>

#include <re2/re2.h>

#include "rules/fold.h"

namespace vigie {

namespace {

bool apart(const std::vector<Occurrence>& a, const std::vector<Occurrence>& b) {
  return std::ranges::none_of(a, [&](const Occurrence& x) {
    return std::ranges::any_of(
        b, [&](const Occurrence& y) { return x.first <= y.last && y.first <= x.last; });
  });
}

// Whether `a` and `b`, which share no word, are near: hulls that interleave have no word between
// them.
bool near_enough(const Cell& near, const Occurrence& a, const Occurrence& b) {
  if (a.last < b.first) return b.first - a.last - 1 <= near.argument();
  if (near.step() == Step::OrderedNear) return false;
  return b.last >= a.first || a.first - b.last - 1 <= near.argument();
}

bool is_near(Step step) {
  return step == Step::Near || step == Step::OrderedNear;
}

// Up to so many pairs are tried one by one.
constexpr std::size_t kFewPairs = 64;

void sort_unique(std::vector<Occurrence>& list) {
  std::ranges::sort(list);
  const auto [first, last] = std::ranges::unique(list);
  list.erase(first, last);
}

// Whether one of `ends`, which is sorted, lies in [low, high].
bool any_between(const std::vector<std::uint32_t>& ends, std::uint64_t low, std::uint64_t high) {
  const auto found = std::ranges::lower_bound(ends, low);
  return found != ends.end() && *found <= high;
}

// Keeps those of `list` that have one of `others` near them, as the side of `near` that `left`
// tells. Both sides hold phrases and words only, so that hulls that overlap share a word.
void keep_near(const Cell& near, bool left, std::vector<Occurrence>& list,
               const std::vector<Occurrence>& others) {
  std::vector<std::uint32_t> firsts;
  std::vector<std::uint32_t> lasts;
  for (const Occurrence& other : others) {
    firsts.push_back(other.first);
    lasts.push_back(other.last);
  }
  std::ranges::sort(firsts);
  std::ranges::sort(lasts);
  const std::uint64_t reach = std::uint64_t{near.argument()} + 1;
  const bool ordered = near.step() == Step::OrderedNear;
  std::erase_if(list, [&](const Occurrence& one) {
    const bool after = (left || !ordered) && any_between(firsts, one.last + 1, one.last + reach);
    if (after) return false;
    if (left && ordered) return true;
    if (one.first == 0) return true;
    return !any_between(lasts, one.first > reach ? one.first - reach : 0, one.first - 1);
  });
}

// Appends those of `parts` that stand on one of `words`.
void append_told_apart(const std::vector<Occurrence>& parts, const std::vector<bool>& words,
                       std::vector<Occurrence>& out) {
  for (const Occurrence& part : parts) {
    bool told_apart = false;
    for (std::uint32_t i = part.first; i <= part.last; ++i) told_apart = told_apart || words[i];
    if (told_apart) out.push_back(part);
  }
}

// Hulls that differ in nothing but their first and last word. Of two that share the one that is
// compared the wider is kept, and with none compared no hull within another: what is near a hull is
// near a wider one, and so is what they make together.
class WidestHulls {
 public:
  WidestHulls(std::size_t words, bool by_last, bool maximal)
      : hulls_(words, {~std::uint32_t{0}, 0}), by_last_(by_last), maximal_(maximal) {}

  void add(const Occurrence& hull) {
    Occurrence& kept = hulls_[by_last_ ? hull.last : hull.first];
    kept = {std::min(kept.first, hull.first), std::max(kept.last, hull.last)};
  }

  template <class Use>
  void each(Use use) const {
    std::uint64_t covered = 0;  // the end of what a hull before reaches
    for (const Occurrence& hull : hulls_) {
      if (hull.first > hull.last || (maximal_ && hull.last < covered)) continue;
      covered = std::uint64_t{hull.last} + 1;
      use(hull);
    }
  }

 private:
  std::vector<Occurrence> hulls_;
  bool by_last_;
  bool maximal_;
};

}  // namespace

void Evaluation::start(const RuleSet::Plan& plan, const CutText& cut, Facts& facts) {
  plan_ = &plan;
  cut_ = &cut;
  facts_ = &facts;
  if (++epoch_ == 0) {
    std::ranges::fill(keys_, Key{});
    epoch_ = 1;
  }
  const std::size_t keys = plan.vocabulary.size() + plan.atoms.size();
  if (keys_.size() < keys) keys_.resize(keys);
  pool_.clear();
  present_.clear();
  maybe_.fill(0);
  find_words(plan.vocabulary);
  if (plan.atoms.size() > 0) find_atoms();
}

bool Evaluation::term_holds(Cell term) const {
  const Kinds kinds = term.kinds();
  for (std::uint32_t at = places(term.argument()); at != kEnd; at = pool_[at].next) {
    if ((kinds_of(cut_->words()[pool_[at].position].kind) & kinds) != 0) return true;
  }
  return false;
}

bool Evaluation::fits(const Cell* phrase, std::uint32_t position) const {
  const std::vector<Word>& words = cut_->words();
  const std::uint32_t size = phrase->argument();
  if (words.size() - position < size) return false;
  for (std::uint32_t i = 0; i < size; ++i) {
    const Cell part = phrase[1 + i];
    const Word& word = words[position + i];
    if (terms_[position + i] != part.argument() || (kinds_of(word.kind) & part.kinds()) == 0) {
      return false;
    }
  }
  if (phrase->step() == Step::Phrase) return true;
  const std::uint32_t first_text = phrase[1 + size].bits;
  for (std::uint32_t i = 0; i < size; ++i) {
    const Word& word = words[position + i];
    const std::string_view written = cut_->text().substr(word.begin, word.end - word.begin);
    const std::string& wanted = plan_->part_texts[first_text + i];
    if (written != wanted && nfc(written) != wanted) return false;
  }
  return true;
}

bool Evaluation::phrase_holds(const Cell* phrase) const {
  // A text that lacks any of the words is the common case.
  for (std::uint32_t i = 1; i <= phrase->argument(); ++i) {
    if (!may_have(phrase[i].argument())) return false;
  }
  for (std::uint32_t at = places(phrase[1].argument()); at != kEnd; at = pool_[at].next) {
    if (fits(phrase, pool_[at].position)) return true;
  }
  return false;
}

bool Evaluation::regex_holds(std::uint32_t regex) const {
  const std::span<const std::uint32_t> needed = plan_->atoms_of(regex);
  const auto words = static_cast<std::uint32_t>(plan_->vocabulary.size());
  const auto there = [&](std::uint32_t atom) { return may_have(words + atom); };
  if (!needed.empty() && std::ranges::none_of(needed, there)) return false;
  const std::string_view text = cut_->text();
  return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *plan_->regexes[regex]);
}

bool Evaluation::holds(const Cell* at) {
  switch (at->step()) {
    case Step::And: {
      for (const Cell* part : parts_of(at)) {
        if (!holds(part)) return false;
      }
      return true;
    }
    case Step::Or: {
      for (const Cell* part : parts_of(at)) {
        if (holds(part)) return true;
      }
      return false;
    }
    case Step::Not:
      return !holds(at + 1);
    case Step::Near:
    case Step::OrderedNear:
      return near_holds(at);
    case Step::Term:
      return term_holds(*at);
    case Step::Phrase:
    case Step::Exact:
      return phrase_holds(at);
    case Step::Regex:
      return regex_holds(at->argument());
    case Step::Field:
      return facts_->holds(plan_->fields[at->argument()]);
  }
  return false;
}

bool Evaluation::holds(std::uint32_t query) {
  return holds(plan_->cells.data() + query);
}

// Whether no NEAR stands below.
bool Evaluation::is_flat(const Cell* at) const {
  if (is_near(at->step())) return false;
  if (at->step() != Step::Or) return true;
  for (const Cell* part : parts_of(at)) {
    if (!is_flat(part)) return false;
  }
  return true;
}

void Evaluation::occurrences(const Cell* at, std::vector<Occurrence>& out) const {
  if (at->step() == Step::Or) {
    for (const Cell* part : parts_of(at)) {
      occurrences(part, out);
    }
    return;
  }
  const bool term = at->step() == Step::Term;
  for (std::uint32_t place = places(term ? at->argument() : at[1].argument()); place != kEnd;
       place = pool_[place].next) {
    const std::uint32_t position = pool_[place].position;
    const bool found =
        term ? (kinds_of(cut_->words()[position].kind) & at->kinds()) != 0 : fits(at, position);
    if (found) out.push_back({position, term ? position : position + at->argument() - 1});
  }
}

bool Evaluation::near_holds(const Cell* near) {
  const auto [left, right] = sides_of(near);
  if (!is_flat(left) || !is_flat(right)) {
    return !joined(near, {.words = std::vector<bool>(cut_->words().size())}).empty();
  }
  left_.clear();
  right_.clear();
  occurrences(left, left_);
  if (left_.empty()) return false;
  occurrences(right, right_);
  if (right_.empty()) return false;
  if (left_.size() * right_.size() <= kFewPairs) {
    return std::ranges::any_of(left_, [&](const Occurrence& a) {
      return std::ranges::any_of(right_, [&](const Occurrence& b) {
        return (a.last < b.first || b.last < a.first) && near_enough(*near, a, b);
      });
    });
  }
  keep_near(*near, true, left_, right_);
  return !left_.empty();
}

// Marks each word on which a leaf below `at` stands somewhere.
void Evaluation::mark_words(const Cell* at, std::vector<bool>& words) const {
  if (is_near(at->step()) || at->step() == Step::Or) {
    for (const Cell* part : parts_of(at)) mark_words(part, words);
  } else {
    std::vector<Occurrence> list;
    occurrences(at, list);
    for (const Occurrence& one : list) {
      for (std::uint32_t i = one.first; i <= one.last; ++i) words[i] = true;
    }
  }
}

std::vector<Evaluation::NearMatch> Evaluation::near_matches(const Cell* at,
                                                            const Outside& outside) const {
  std::vector<NearMatch> result;
  if (at->step() == Step::Or) {
    for (const Cell* part : parts_of(at)) {
      std::vector<NearMatch> some = near_matches(part, outside);
      std::ranges::move(some, std::back_inserter(result));
    }
  } else if (is_near(at->step())) {
    result = joined(at, outside);
  } else {
    std::vector<Occurrence> list;
    occurrences(at, list);
    for (const Occurrence& one : list) {
      append_told_apart({one}, outside.words, result.emplace_back(NearMatch{one, {}}).parts);
    }
  }
  const auto by_place = [](const NearMatch& match) { return std::tie(match.hull, match.parts); };
  std::ranges::sort(result, {}, by_place);
  const auto [first, last] = std::ranges::unique(result, {}, by_place);
  result.erase(first, last);
  if (result.size() > kMaxNearMatches) result.resize(kMaxNearMatches);
  return result;
}

std::vector<Evaluation::NearMatch> Evaluation::joined(const Cell* near,
                                                      const Outside& outside) const {
  const auto [left_side, right_side] = sides_of(near);
  const bool ordered = near->step() == Step::OrderedNear;
  Outside of_left = outside;
  mark_words(right_side, of_left.words);
  of_left.last = outside.last || ordered;
  Outside of_right = outside;
  mark_words(left_side, of_right.words);
  of_right.first = outside.first || ordered;
  const std::vector<NearMatch> left = near_matches(left_side, of_left);
  const std::vector<NearMatch> right = near_matches(right_side, of_right);
  std::vector<NearMatch> result;
  WidestHulls widest(outside.words.size(), outside.last, !outside.first && !outside.last);
  for (const NearMatch& a : left) {
    for (const NearMatch& b : right) {
      // The right side is sorted by its first word.
      if (b.hull.first > a.hull.last && b.hull.first - a.hull.last - 1 > near->argument()) break;
      if (!near_enough(*near, a.hull, b.hull) || !apart(a.parts, b.parts)) continue;
      NearMatch both{{std::min(a.hull.first, b.hull.first), std::max(a.hull.last, b.hull.last)},
                     {}};
      append_told_apart(a.parts, outside.words, both.parts);
      append_told_apart(b.parts, outside.words, both.parts);
      if (both.parts.empty() && !(outside.first && outside.last)) {
        widest.add(both.hull);
        continue;
      }
      std::ranges::sort(both.parts);
      result.push_back(std::move(both));
      if (result.size() == kMaxNearMatches) break;
    }
    if (result.size() == kMaxNearMatches) break;
  }
  widest.each([&](const Occurrence& hull) { result.push_back({hull, {}}); });
  return result;
}

// The occurrences that stand in a satisfying pair of a NEAR.
std::vector<Occurrence> Evaluation::near_parts(const Cell* near) const {
  const auto [left_side, right_side] = sides_of(near);
  std::vector<Occurrence> parts;
  if (is_flat(left_side) && is_flat(right_side)) {
    std::vector<Occurrence> others;
    occurrences(left_side, parts);
    occurrences(right_side, others);
    const std::vector<Occurrence> left = parts;
    keep_near(*near, true, parts, others);
    keep_near(*near, false, others, left);
    parts.insert(parts.end(), others.begin(), others.end());
  } else {
    // With every word wanted outside, each way keeps all of its occurrences.
    const std::vector<bool> all(cut_->words().size(), true);
    for (const NearMatch& match : joined(near, {.words = all, .first = true, .last = true})) {
      parts.insert(parts.end(), match.parts.begin(), match.parts.end());
    }
  }
  sort_unique(parts);
  return parts;
}

void Evaluation::add_span(const Occurrence& occurrence, std::vector<ByteSpan>& out) const {
  const std::vector<Word>& words = cut_->words();
  out.push_back({words[occurrence.first].begin, words[occurrence.last].end});
}

void Evaluation::collect(const Cell* at, bool positive, std::vector<ByteSpan>& out) {
  switch (at->step()) {
    case Step::And:
    case Step::Or: {
      for (const Cell* part : parts_of(at)) {
        collect(part, positive, out);
      }
      return;
    }
    case Step::Not:
      collect(at + 1, !positive, out);
      return;
    case Step::Field:
      return;
    case Step::Near:
    case Step::OrderedNear:
      if (!positive) return;
      for (const Occurrence& one : near_parts(at)) add_span(one, out);
      return;
    case Step::Regex: {
      if (!positive) return;
      const re2::StringPiece text(cut_->text().data(), cut_->text().size());
      re2::StringPiece found;
      std::size_t from = 0;
      const std::size_t most = out.size() + kMaxRegexPlaces;
      while (from <= text.size() && out.size() < most &&
             plan_->regexes[at->argument()]->Match(text, from, text.size(), re2::RE2::UNANCHORED,
                                                   &found, 1)) {
        const auto begin = static_cast<std::size_t>(found.data() - text.data());
        const std::size_t end = begin + found.size();
        if (!found.empty())
          out.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)});
        from = found.empty() ? end + 1 : end;
      }
      return;
    }
    case Step::Term:
    case Step::Phrase:
    case Step::Exact: {
      if (!positive) return;
      std::vector<Occurrence> list;
      occurrences(at, list);
      for (const Occurrence& one : list) add_span(one, out);
    }
  }
}

void Evaluation::spans(std::uint32_t query, std::vector<ByteSpan>& out) {
  out.clear();
  collect(plan_->cells.data() + query, true, out);
  std::ranges::sort(out);
  const auto [first, last] = std::ranges::unique(out);
  out.erase(first, last);
}

}  // namespace vigie
