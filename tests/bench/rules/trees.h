#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <re2/re2.h>

#include "rules/query.h"
#include "rules/words.h"
#include "tests/bench/rules/rivals.h"

namespace vigie::bench {

// A text as the leaves' expressions read it: each word folded, with its sigil, between spaces.
class Canonical {
 public:
  void read(std::string_view text);

  const std::string& words() const { return words_; }
  std::string_view written() const { return cut_.text(); }
  // The word that begins at byte `at` of words().
  std::uint32_t position(std::size_t at) const { return positions_[at]; }
  const Word& word(std::uint32_t position) const { return cut_.words()[position]; }

 private:
  CutText cut_;
  std::string words_;
  std::vector<std::uint32_t> positions_;
};

struct Leaf {
  std::string pattern;  // RE2, over words() or, for a regex, over the text as written
  bool is_regex = false;
  bool ignore_case = false;
  std::vector<std::string> words;  // folded: one of a phrase, empty for a regex
  std::unique_ptr<re2::RE2> compiled;
};

struct Node {
  QueryNode::Kind kind = QueryNode::Kind::Word;
  bool ordered = false;
  std::uint32_t distance = 0;
  std::uint32_t leaf = 0;
  std::vector<Node> children;
};

// The rules as trees over leaves, evaluated over what is known of the leaves.
class Trees {
 public:
  explicit Trees(const std::vector<std::string>& queries);

  std::vector<Leaf>& leaves() { return leaves_; }
  std::size_t size() const { return rules_.size(); }

  // Leaves are run when they are asked for.
  void start(const Canonical& text);
  // All leaves not told of are false.
  void start(const Canonical& text, const std::vector<std::uint32_t>& hits);

  bool holds(std::uint32_t rule);
  void spans(std::uint32_t rule, std::vector<Found::Span>& out);

  // Leaves one of which has to be hit for the rule to hold, the rarest by `frequency` of a leaf.
  // Empty when there are none.
  std::vector<std::uint32_t> needed(std::uint32_t rule, const std::vector<double>& frequency) const;

 private:
  struct Place {
    std::uint32_t first = 0;
    std::uint32_t last = 0;
  };
  struct Cover {
    double cost = 0;
    std::vector<std::uint32_t> leaves;
    bool possible = false;
  };
  Node node_of(const QueryNode& query);
  std::uint32_t leaf_of(const QueryNode& query);
  bool holds(const Node& node);
  bool leaf_holds(std::uint32_t leaf);
  void places(const Node& node, std::vector<Place>& out);
  bool near(const Node& node, std::vector<Place>& left, std::vector<Place>& right);
  void collect(const Node& node, bool positive, std::uint32_t rule, std::vector<Found::Span>& out);
  Cover cover(const Node& node, const std::vector<double>& frequency) const;

  std::vector<Leaf> leaves_;
  std::unordered_map<std::string, std::uint32_t> known_;
  std::vector<Node> rules_;
  CutText cut_;
  const Canonical* text_ = nullptr;
  bool all_known_ = false;
  std::uint32_t epoch_ = 0;
  std::vector<std::uint32_t> asked_;  // by leaf: the epoch in which truth_ was set
  std::vector<bool> truth_;
};

}  // namespace vigie::bench
