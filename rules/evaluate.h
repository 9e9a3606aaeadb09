#pragma once

#include <array>
#include <cstdint>
#include <string>
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
  // Of one regex in one text at most so many spans are made: each may cost a pass over the rest.
  static constexpr std::size_t kMaxRegexPlaces = 1000;

  // All outlive the questions. `facts` has been started for the same mention.
  void start(const RuleSet::Plan& plan, const CutText& cut, Facts& facts);

  // The keys of postings that the text has, each once: words and wildcards, then atoms of regexes.
  const std::vector<std::uint32_t>& present() const { return present_; }

  // Whether the text may have the key; false is certain.
  bool may_have(std::uint32_t key) const {
    return (maybe_[key / 64 % maybe_.size()] >> (key % 64) & 1) != 0;
  }

  // `query` is where it begins in Plan::cells.
  bool holds(std::uint32_t query);

  // The bytes of every occurrence of each positive leaf of the query that is true.
  struct ByteSpan {
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
    friend auto operator<=>(const ByteSpan&, const ByteSpan&) = default;
  };
  void spans(std::uint32_t query, std::vector<ByteSpan>& out);

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

  void find_words(const Vocabulary& vocabulary);
  void find_likely(const Vocabulary& vocabulary);
  void find_wildcards(const Vocabulary& vocabulary);
  template <class Keep>
  static void keep_if(std::vector<std::uint32_t>& list, Keep keep);
  void find_atoms();
  void mark(std::uint32_t key);
  void note(std::uint32_t id, std::uint32_t position);
  std::uint32_t places(std::uint32_t id) const {
    return may_have(id) && keys_[id].epoch == epoch_ ? keys_[id].head : kEnd;
  }
  bool holds(const Cell* at);
  bool fits(const Cell* phrase, std::uint32_t position) const;
  bool term_holds(Cell term) const;
  bool phrase_holds(const Cell* phrase) const;
  bool near_holds(const Cell* near);
  bool regex_holds(std::uint32_t regex) const;
  bool is_flat(const Cell* at) const;
  void occurrences(const Cell* at, std::vector<Occurrence>& out) const;
  void mark_words(const Cell* at, std::vector<bool>& words) const;
  std::vector<NearMatch> near_matches(const Cell* at, const Outside& outside) const;
  std::vector<NearMatch> joined(const Cell* near, const Outside& outside) const;
  std::vector<Occurrence> near_parts(const Cell* near) const;
  void collect(const Cell* at, bool positive, std::vector<ByteSpan>& out);
  void add_span(const Occurrence& occurrence, std::vector<ByteSpan>& out) const;

  const RuleSet::Plan* plan_ = nullptr;
  const CutText* cut_ = nullptr;
  Facts* facts_ = nullptr;
  std::uint32_t epoch_ = 0;
  struct Key {
    std::uint32_t epoch = 0;  // in which it was there last
    std::uint32_t head = 0;   // its first place
  };
  std::vector<Key> keys_;
  // By the low bits of a key whether one like it is there: most questions end in this one line of
  // memory.
  std::array<std::uint64_t, 64> maybe_ = {};
  std::vector<Place> pool_;
  std::vector<std::uint32_t> terms_;  // by position: the vocabulary id of the word there
  std::vector<std::uint32_t> present_;
  std::vector<std::uint64_t> hashes_;  // by position
  std::vector<std::uint32_t> held_;    // positions whose words the vocabulary may hold
  std::vector<std::uint32_t> atom_places_;
  std::vector<Vocabulary::Beginning> beginnings_;
  std::vector<std::uint32_t> wildcards_;
  std::string folded_;  // the text without case, for atoms
  std::vector<Occurrence> left_;
  std::vector<Occurrence> right_;
};

}  // namespace vigie
