#pragma once

#include <cstdint>
#include <vector>

#include "rules/fields.h"
#include "rules/plan.h"

namespace vigie {

// Words [first, last] of a text.
struct Occurrence {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  friend auto operator<=>(const Occurrence&, const Occurrence&) = default;
};

// Evaluates compiled queries over the positions of one text's words. Holds the scratch memory of
// that.
class Evaluation {
 public:
  // Beyond this many ways in which a NEAR within a NEAR is satisfied in one text, of those that the
  // NEAR around it can tell apart, further ones are not looked at; for spans, of all.
  static constexpr std::size_t kMaxNearMatches = 4096;

  // All outlive the questions. `facts` has been started for the same mention.
  void start(const RuleSet::Plan& plan, const CutText& cut, Facts& facts);

  // The words and wildcards of the rule set that the text has, each once.
  const std::vector<std::uint32_t>& present() const { return present_; }

  bool holds(std::uint32_t node);

  // Appends the words of every occurrence of each positive leaf below `node` that is true.
  struct ByteSpan {
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
    friend auto operator<=>(const ByteSpan&, const ByteSpan&) = default;
  };
  void spans(std::uint32_t node, std::vector<ByteSpan>& out);

 private:
  // One way in which a NEAR holds: from its first to its last word. `parts` are those occurrences
  // in it that stand on words which something outside may want, too.
  struct NearMatch {
    Occurrence hull;
    std::vector<Occurrence> parts;
  };
  // What the NEARs around one can tell apart of the ways in which it holds.
  struct Outside {
    std::vector<bool> words;  // that the other operands may stand on
    bool first = false;       // an ONEAR compares the first word, so that a wider hull is another
    bool last = false;        // the same of the last word
  };
  struct Place {
    std::uint32_t position;
    std::uint32_t next;
  };
  static constexpr std::uint32_t kEnd = ~std::uint32_t{0};

  void note(std::uint32_t id, std::uint32_t position);
  std::uint32_t places(std::uint32_t id) const { return stamps_[id] == epoch_ ? heads_[id] : kEnd; }
  bool fits(const PlanNode& phrase, std::uint32_t position) const;
  bool term_holds(const PlanNode& node) const;
  bool phrase_holds(const PlanNode& node) const;
  bool near_holds(const PlanNode& node);
  bool regex_holds(const PlanNode& node) const;
  bool is_flat(std::uint32_t node) const;
  void occurrences(std::uint32_t node, std::vector<Occurrence>& out) const;
  void mark_words(std::uint32_t node, std::vector<bool>& words) const;
  std::vector<NearMatch> near_matches(std::uint32_t node, const Outside& outside) const;
  std::vector<NearMatch> joined(const PlanNode& near, const Outside& outside) const;
  std::vector<Occurrence> near_parts(const PlanNode& node) const;
  void collect(std::uint32_t node, bool positive, std::vector<ByteSpan>& out);
  void add_span(const Occurrence& occurrence, std::vector<ByteSpan>& out) const;

  const RuleSet::Plan* plan_ = nullptr;
  const CutText* cut_ = nullptr;
  Facts* facts_ = nullptr;
  std::uint32_t epoch_ = 0;
  std::vector<std::uint32_t> stamps_;  // by vocabulary id: the epoch in which heads_ was set
  std::vector<std::uint32_t> heads_;   // by vocabulary id: its first place
  std::vector<Place> pool_;
  std::vector<std::uint32_t> terms_;  // by position: the vocabulary id of the word there
  std::vector<std::uint32_t> present_;
  std::vector<std::uint32_t> wildcards_;
  std::vector<Occurrence> left_;
  std::vector<Occurrence> right_;
};

}  // namespace vigie
