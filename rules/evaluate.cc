#include "rules/evaluate.h"

#include <algorithm>

#include <re2/re2.h>

#include "rules/fold.h"

namespace vigie {
namespace {

using Do = PlanNode::Op;

bool apart(const std::vector<Occurrence>& a, const std::vector<Occurrence>& b) {
  return std::ranges::none_of(a, [&](const Occurrence& x) {
    return std::ranges::any_of(
        b, [&](const Occurrence& y) { return x.first <= y.last && y.first <= x.last; });
  });
}

// Whether `a` and `b`, which share no word, are near: hulls that interleave have no word between
// them.
bool near_enough(const PlanNode& node, const Occurrence& a, const Occurrence& b) {
  if (a.last < b.first) return b.first - a.last - 1 <= node.distance;
  if (node.ordered) return false;
  return b.last >= a.first || a.first - b.last - 1 <= node.distance;
}

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

// Keeps those of `list` that have one of `others` near them, as the side of `node` that `left`
// tells. Both sides hold phrases and words only, so that hulls that overlap share a word.
void keep_near(const PlanNode& node, bool left, std::vector<Occurrence>& list,
               const std::vector<Occurrence>& others) {
  std::vector<std::uint32_t> firsts;
  std::vector<std::uint32_t> lasts;
  for (const Occurrence& other : others) {
    firsts.push_back(other.first);
    lasts.push_back(other.last);
  }
  std::ranges::sort(firsts);
  std::ranges::sort(lasts);
  const std::uint64_t reach = std::uint64_t{node.distance} + 1;
  std::erase_if(list, [&](const Occurrence& one) {
    const bool after =
        (left || !node.ordered) && any_between(firsts, one.last + 1, one.last + reach);
    if (after) return false;
    if (left && node.ordered) return true;
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
    std::ranges::fill(stamps_, 0U);
    epoch_ = 1;
  }
  if (stamps_.size() < plan.vocabulary.size()) {
    stamps_.resize(plan.vocabulary.size());
    heads_.resize(plan.vocabulary.size());
  }
  pool_.clear();
  present_.clear();
  const std::vector<Word>& words = cut.words();
  terms_.resize(words.size());
  const bool wildcards = plan.vocabulary.has_wildcards();
  // From the last word to the first, so that each list of places starts with the first.
  for (std::size_t i = words.size(); i-- > 0;) {
    const auto position = static_cast<std::uint32_t>(i);
    const Word& word = words[i];
    terms_[i] = plan.vocabulary.find(word.folded);
    if (terms_[i] != Vocabulary::kNone) note(terms_[i], position);
    if (!wildcards || (kinds_of(word.kind) & kWordAlone) == 0) continue;
    wildcards_.clear();
    plan.vocabulary.find_wildcards(word.folded, wildcards_);
    for (const std::uint32_t id : wildcards_) note(id, position);
  }
}

void Evaluation::note(std::uint32_t id, std::uint32_t position) {
  if (stamps_[id] != epoch_) {
    stamps_[id] = epoch_;
    heads_[id] = kEnd;
    present_.push_back(id);
  }
  pool_.push_back({position, heads_[id]});
  heads_[id] = static_cast<std::uint32_t>(pool_.size() - 1);
}

bool Evaluation::term_holds(const PlanNode& node) const {
  for (std::uint32_t at = places(node.a); at != kEnd; at = pool_[at].next) {
    if ((kinds_of(cut_->words()[pool_[at].position].kind) & node.kinds) != 0) return true;
  }
  return false;
}

bool Evaluation::fits(const PlanNode& phrase, std::uint32_t position) const {
  const std::vector<Word>& words = cut_->words();
  if (words.size() - position < phrase.b) return false;
  for (std::uint32_t i = 0; i < phrase.b; ++i) {
    const PhrasePart& part = plan_->parts[phrase.a + i];
    const Word& word = words[position + i];
    if (terms_[position + i] != part.term || (kinds_of(word.kind) & part.kinds) == 0) return false;
  }
  if (phrase.op == Do::Phrase) return true;
  for (std::uint32_t i = 0; i < phrase.b; ++i) {
    const Word& word = words[position + i];
    const std::string_view written = cut_->text().substr(word.begin, word.end - word.begin);
    const std::string& wanted = plan_->part_texts.at(phrase.a + i);
    if (written != wanted && nfc(written) != wanted) return false;
  }
  return true;
}

bool Evaluation::phrase_holds(const PlanNode& node) const {
  for (std::uint32_t at = places(plan_->parts[node.a].term); at != kEnd; at = pool_[at].next) {
    if (fits(node, pool_[at].position)) return true;
  }
  return false;
}

bool Evaluation::regex_holds(const PlanNode& node) const {
  const std::string_view text = cut_->text();
  return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()),
                                *plan_->regexes[node.a]);
}

bool Evaluation::holds(std::uint32_t at) {
  const PlanNode& node = plan_->nodes[at];
  switch (node.op) {
    case Do::And:
      for (std::uint32_t i = 0; i < node.b; ++i) {
        if (!holds(plan_->children[node.a + i])) return false;
      }
      return true;
    case Do::Or:
      for (std::uint32_t i = 0; i < node.b; ++i) {
        if (holds(plan_->children[node.a + i])) return true;
      }
      return false;
    case Do::Not:
      return !holds(node.a);
    case Do::Near:
      return near_holds(node);
    case Do::Term:
      return term_holds(node);
    case Do::Phrase:
    case Do::Exact:
      return phrase_holds(node);
    case Do::Regex:
      return regex_holds(node);
    case Do::Field:
      return facts_->holds(plan_->fields[node.a]);
  }
  return false;
}

// Whether no NEAR stands below.
bool Evaluation::is_flat(std::uint32_t at) const {
  const PlanNode& node = plan_->nodes[at];
  if (node.op == Do::Near) return false;
  if (node.op != Do::Or) return true;
  for (std::uint32_t i = 0; i < node.b; ++i) {
    if (!is_flat(plan_->children[node.a + i])) return false;
  }
  return true;
}

void Evaluation::occurrences(std::uint32_t at, std::vector<Occurrence>& out) const {
  const PlanNode& node = plan_->nodes[at];
  if (node.op == Do::Or) {
    for (std::uint32_t i = 0; i < node.b; ++i) occurrences(plan_->children[node.a + i], out);
    return;
  }
  const bool term = node.op == Do::Term;
  for (std::uint32_t place = places(term ? node.a : plan_->parts[node.a].term); place != kEnd;
       place = pool_[place].next) {
    const std::uint32_t position = pool_[place].position;
    const bool found =
        term ? (kinds_of(cut_->words()[position].kind) & node.kinds) != 0 : fits(node, position);
    if (found) out.push_back({position, term ? position : position + node.b - 1});
  }
}

bool Evaluation::near_holds(const PlanNode& node) {
  if (!is_flat(node.a) || !is_flat(node.b)) {
    return !joined(node, {.words = std::vector<bool>(cut_->words().size())}).empty();
  }
  left_.clear();
  right_.clear();
  occurrences(node.a, left_);
  if (left_.empty()) return false;
  occurrences(node.b, right_);
  if (right_.empty()) return false;
  keep_near(node, true, left_, right_);
  return !left_.empty();
}

// Marks each word on which a leaf below `at` stands somewhere.
void Evaluation::mark_words(std::uint32_t at, std::vector<bool>& words) const {
  const PlanNode& node = plan_->nodes[at];
  if (node.op == Do::Near) {
    mark_words(node.a, words);
    mark_words(node.b, words);
  } else if (node.op == Do::Or) {
    for (std::uint32_t i = 0; i < node.b; ++i) mark_words(plan_->children[node.a + i], words);
  } else {
    std::vector<Occurrence> list;
    occurrences(at, list);
    for (const Occurrence& one : list) {
      for (std::uint32_t i = one.first; i <= one.last; ++i) words[i] = true;
    }
  }
}

std::vector<Evaluation::NearMatch> Evaluation::near_matches(std::uint32_t at,
                                                            const Outside& outside) const {
  const PlanNode& node = plan_->nodes[at];
  std::vector<NearMatch> result;
  if (node.op == Do::Or) {
    for (std::uint32_t i = 0; i < node.b; ++i) {
      std::vector<NearMatch> some = near_matches(plan_->children[node.a + i], outside);
      std::ranges::move(some, std::back_inserter(result));
    }
  } else if (node.op == Do::Near) {
    result = joined(node, outside);
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

std::vector<Evaluation::NearMatch> Evaluation::joined(const PlanNode& near,
                                                      const Outside& outside) const {
  Outside of_left = outside;
  mark_words(near.b, of_left.words);
  of_left.last = outside.last || near.ordered;
  Outside of_right = outside;
  mark_words(near.a, of_right.words);
  of_right.first = outside.first || near.ordered;
  const std::vector<NearMatch> left = near_matches(near.a, of_left);
  const std::vector<NearMatch> right = near_matches(near.b, of_right);
  std::vector<NearMatch> result;
  WidestHulls widest(outside.words.size(), outside.last, !outside.first && !outside.last);
  for (const NearMatch& a : left) {
    for (const NearMatch& b : right) {
      // The right side is sorted by its first word.
      if (b.hull.first > a.hull.last && b.hull.first - a.hull.last - 1 > near.distance) break;
      if (!near_enough(near, a.hull, b.hull) || !apart(a.parts, b.parts)) continue;
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
std::vector<Occurrence> Evaluation::near_parts(const PlanNode& node) const {
  std::vector<Occurrence> parts;
  if (is_flat(node.a) && is_flat(node.b)) {
    std::vector<Occurrence> others;
    occurrences(node.a, parts);
    occurrences(node.b, others);
    const std::vector<Occurrence> left = parts;
    keep_near(node, true, parts, others);
    keep_near(node, false, others, left);
    parts.insert(parts.end(), others.begin(), others.end());
  } else {
    // With every word wanted outside, each way keeps all of its occurrences.
    const std::vector<bool> all(cut_->words().size(), true);
    for (const NearMatch& match : joined(node, {.words = all, .first = true, .last = true})) {
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

void Evaluation::collect(std::uint32_t at, bool positive, std::vector<ByteSpan>& out) {
  const PlanNode& node = plan_->nodes[at];
  switch (node.op) {
    case Do::And:
    case Do::Or:
      for (std::uint32_t i = 0; i < node.b; ++i)
        collect(plan_->children[node.a + i], positive, out);
      return;
    case Do::Not:
      collect(node.a, !positive, out);
      return;
    case Do::Field:
      return;
    case Do::Near:
      if (!positive) return;
      for (const Occurrence& one : near_parts(node)) add_span(one, out);
      return;
    case Do::Regex: {
      if (!positive) return;
      const re2::StringPiece text(cut_->text().data(), cut_->text().size());
      re2::StringPiece found;
      std::size_t from = 0;
      while (from <= text.size() && plan_->regexes[node.a]->Match(
                                        text, from, text.size(), re2::RE2::UNANCHORED, &found, 1)) {
        const auto begin = static_cast<std::size_t>(found.data() - text.data());
        const std::size_t end = begin + found.size();
        if (!found.empty())
          out.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)});
        from = found.empty() ? end + 1 : end;
      }
      return;
    }
    default: {
      if (!positive) return;
      std::vector<Occurrence> list;
      occurrences(at, list);
      for (const Occurrence& one : list) add_span(one, out);
    }
  }
}

void Evaluation::spans(std::uint32_t node, std::vector<ByteSpan>& out) {
  out.clear();
  collect(node, true, out);
  std::ranges::sort(out);
  const auto [first, last] = std::ranges::unique(out);
  out.erase(first, last);
}

}  // namespace vigie
