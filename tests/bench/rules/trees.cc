#include "tests/bench/rules/trees.h"

#include <algorithm>
#include <stdexcept>

namespace vigie::bench {
namespace {

using Kind = QueryNode::Kind;

std::string_view sigil(WordKind kind) {
  switch (kind) {
    case WordKind::Hashtag:
      return "#";
    case WordKind::Handle:
      return "@";
    case WordKind::Cashtag:
      return "$";
    case WordKind::Url:
      return "\x01";
    default:
      return "";
  }
}

}  // namespace

void Canonical::read(std::string_view text) {
  cut_.cut(text, "x");
  words_.assign(1, ' ');
  positions_.clear();
  for (std::uint32_t i = 0; i < cut_.words().size(); ++i) {
    positions_.resize(words_.size() + 1);
    positions_[words_.size()] = i;
    const Word& word = cut_.words()[i];
    words_ += sigil(word.kind);
    words_ += word.folded;
    words_ += ' ';
  }
}

Trees::Trees(const std::vector<std::string>& queries) {
  for (const std::string& query : queries) {
    const ParsedQuery parsed = parse_query(query);
    if (!parsed.root) throw std::invalid_argument(query);
    rules_.push_back(node_of(*parsed.root));
  }
  asked_.resize(leaves_.size());
  truth_.resize(leaves_.size());
}

Node Trees::node_of(const QueryNode& query) {
  Node node;
  node.kind = query.kind;
  node.ordered = query.ordered;
  node.distance = query.distance;
  for (const QueryNode& child : query.children) node.children.push_back(node_of(child));
  if (query.children.empty()) node.leaf = leaf_of(query);
  return node;
}

std::uint32_t Trees::leaf_of(const QueryNode& query) {
  Leaf leaf;
  if (query.kind == Kind::Regex) {
    leaf.is_regex = true;
    leaf.ignore_case = query.ignore_case;
    leaf.pattern = query.text;
  } else if (query.text.front() == '#') {
    leaf.words.push_back(fold(query.text.substr(1)));
    leaf.pattern = " #" + re2::RE2::QuoteMeta(leaf.words.front()) + " ";
  } else if (query.text.back() == '*') {
    leaf.words.push_back(fold(query.text.substr(0, query.text.size() - 1)));
    leaf.pattern = " [#@]?" + re2::RE2::QuoteMeta(leaf.words.front()) + "[^ ]* ";
  } else {
    cut_.cut(query.text, "x");
    leaf.pattern = " ";
    for (const Word& word : cut_.words()) {
      leaf.words.emplace_back(word.folded);
      leaf.pattern += "[#@]?" + re2::RE2::QuoteMeta(word.folded) + " ";
    }
    if (query.kind == Kind::Word && leaf.words.size() > 1) {
      leaf.pattern += "| #" + re2::RE2::QuoteMeta(fold(query.text)) + " ";
      leaf.words.clear();
    }
  }
  const std::string key = (leaf.is_regex ? (leaf.ignore_case ? "i" : "r") : "w") + leaf.pattern;
  const auto [found, added] = known_.try_emplace(key, static_cast<std::uint32_t>(leaves_.size()));
  if (added) {
    re2::RE2::Options options;
    options.set_max_mem(std::int64_t{1} << 20);
    options.set_case_sensitive(!leaf.ignore_case);
    leaf.compiled = std::make_unique<re2::RE2>(leaf.pattern, options);
    if (!leaf.compiled->ok()) throw std::invalid_argument(leaf.pattern);
    leaves_.push_back(std::move(leaf));
  }
  return found->second;
}

void Trees::start(const Canonical& text) {
  text_ = &text;
  all_known_ = false;
  ++epoch_;
}

void Trees::start(const Canonical& text, const std::vector<std::uint32_t>& hits) {
  start(text);
  all_known_ = true;
  for (const std::uint32_t leaf : hits) {
    asked_[leaf] = epoch_;
    truth_[leaf] = true;
  }
}

bool Trees::leaf_holds(std::uint32_t at) {
  if (asked_[at] == epoch_) return truth_[at];
  if (all_known_) return false;
  const Leaf& leaf = leaves_[at];
  const std::string_view text = leaf.is_regex ? text_->written() : text_->words();
  asked_[at] = epoch_;
  truth_[at] = re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *leaf.compiled);
  return truth_[at];
}

bool Trees::holds(std::uint32_t rule) {
  return holds(rules_[rule]);
}

bool Trees::holds(const Node& node) {
  switch (node.kind) {
    case Kind::And:
      return std::ranges::all_of(node.children, [this](const Node& child) { return holds(child); });
    case Kind::Or:
      return std::ranges::any_of(node.children, [this](const Node& child) { return holds(child); });
    case Kind::Not:
      return !holds(node.children.front());
    case Kind::Near: {
      if (!holds(node.children[0]) || !holds(node.children[1])) return false;
      std::vector<Place> left;
      std::vector<Place> right;
      return near(node, left, right);
    }
    default:
      return leaf_holds(node.leaf);
  }
}

// Every place of the leaves below; the words of one begin anew after the first letter of another.
void Trees::places(const Node& node, std::vector<Place>& out) {
  for (const Node& child : node.children) places(child, out);
  if (!node.children.empty() || !leaf_holds(node.leaf)) return;
  const re2::StringPiece words(text_->words());
  re2::StringPiece found;
  std::size_t from = 0;
  while (from < words.size() && leaves_[node.leaf].compiled->Match(
                                    words, from, words.size(), re2::RE2::UNANCHORED, &found, 1)) {
    const auto begin = static_cast<std::size_t>(found.data() - words.data());
    const std::uint32_t first = text_->position(begin + 1);
    const auto spaces = std::ranges::count(std::string_view(found.data(), found.size()), ' ');
    out.push_back({first, first + static_cast<std::uint32_t>(spaces) - 2});
    from = begin + 1;
  }
}

// Leaves the places that have a partner.
bool Trees::near(const Node& node, std::vector<Place>& left, std::vector<Place>& right) {
  places(node.children[0], left);
  places(node.children[1], right);
  const auto partners = [&](const Place& a, const Place& b) {
    if (a.last < b.first) return b.first - a.last - 1 <= node.distance;
    return !node.ordered && b.last < a.first && a.first - b.last - 1 <= node.distance;
  };
  std::vector<Place> kept_left;
  std::vector<Place> kept_right;
  for (const Place& a : left) {
    if (std::ranges::any_of(right, [&](const Place& b) { return partners(a, b); }))
      kept_left.push_back(a);
  }
  for (const Place& b : right) {
    if (std::ranges::any_of(left, [&](const Place& a) { return partners(a, b); }))
      kept_right.push_back(b);
  }
  left = std::move(kept_left);
  right = std::move(kept_right);
  return !left.empty();
}

void Trees::spans(std::uint32_t rule, std::vector<Found::Span>& out) {
  const std::size_t begin = out.size();
  collect(rules_[rule], true, rule, out);
  std::sort(out.begin() + static_cast<std::ptrdiff_t>(begin), out.end());
  out.erase(std::unique(out.begin() + static_cast<std::ptrdiff_t>(begin), out.end()), out.end());
}

void Trees::collect(const Node& node, bool positive, std::uint32_t rule,
                    std::vector<Found::Span>& out) {
  const auto add = [&](const Place& place) {
    out.push_back({rule, text_->word(place.first).begin, text_->word(place.last).end});
  };
  if (node.kind == Kind::Near) {
    if (!positive) return;
    std::vector<Place> left;
    std::vector<Place> right;
    near(node, left, right);
    std::ranges::for_each(left, add);
    std::ranges::for_each(right, add);
    return;
  }
  for (const Node& child : node.children) {
    collect(child, node.kind == Kind::Not ? !positive : positive, rule, out);
  }
  if (!node.children.empty() || !positive || !leaf_holds(node.leaf)) return;
  const Leaf& leaf = leaves_[node.leaf];
  if (!leaf.is_regex) {
    std::vector<Place> all;
    places(node, all);
    std::ranges::for_each(all, add);
    return;
  }
  const re2::StringPiece text(text_->written().data(), text_->written().size());
  re2::StringPiece found;
  std::size_t from = 0;
  while (from <= text.size() &&
         leaf.compiled->Match(text, from, text.size(), re2::RE2::UNANCHORED, &found, 1)) {
    const auto begin = static_cast<std::size_t>(found.data() - text.data());
    out.push_back({rule, static_cast<std::uint32_t>(begin),
                   static_cast<std::uint32_t>(begin + found.size())});
    from = begin + std::max<std::size_t>(found.size(), 1);
  }
}

std::vector<std::uint32_t> Trees::needed(std::uint32_t rule,
                                         const std::vector<double>& frequency) const {
  return cover(rules_[rule], frequency).leaves;
}

Trees::Cover Trees::cover(const Node& node, const std::vector<double>& frequency) const {
  switch (node.kind) {
    case Kind::Not:
      return {};
    case Kind::Or: {
      Cover all{.possible = true};
      for (const Node& child : node.children) {
        Cover one = cover(child, frequency);
        if (!one.possible) return {};
        all.cost += one.cost;
        all.leaves.insert(all.leaves.end(), one.leaves.begin(), one.leaves.end());
      }
      return all;
    }
    case Kind::And:
    case Kind::Near: {
      Cover best;
      for (const Node& child : node.children) {
        Cover one = cover(child, frequency);
        if (one.possible && (!best.possible || one.cost < best.cost)) best = std::move(one);
      }
      return best;
    }
    default:
      return {frequency[node.leaf], {node.leaf}, true};
  }
}

}  // namespace vigie::bench
