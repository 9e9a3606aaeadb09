#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipeline/core/mention.h"
#include "rules/query.h"
#include "rules/words.h"

namespace re2 {
class RE2;
}

namespace vigie {

struct OwnWord {
  WordKind kind = WordKind::Word;
  std::string folded;
  std::string written;
  std::u32string wide;  // folded, in code points
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
};

std::vector<OwnWord> own_words(std::string_view text, std::string_view network);

// What the naive matcher knows of texts: where the words, phrases and NEARs of a query are, by
// looking at every word for every leaf. One thread.
class NaiveText {
 public:
  // Words [first, last] of the text.
  using Range = std::pair<std::size_t, std::size_t>;
  // One way in which a leaf or NEAR holds: the leaf occurrences it is made of.
  using Way = std::set<Range>;
  using Ways = std::set<Way>;
  using Marked = std::pair<std::uint32_t, std::uint32_t>;  // bytes [begin, end)

  NaiveText();
  ~NaiveText();

  // `mention` outlives the questions, and a query all texts.
  void start(const Mention& mention);

  const std::vector<OwnWord>& words() const { return words_; }

  // Of a word, phrase, exact:, regex or NEAR.
  bool holds(const QueryNode& query);
  void mark(const QueryNode& query, std::set<Marked>& out);

  // False when a NEAR within a NEAR held in more ways than the language promises to look at.
  bool is_whole() const { return whole_; }

 private:
  // One way to cut a query.
  using Reading = std::vector<OwnWord>;

  const std::vector<Reading>& readings(const QueryNode& query);
  const re2::RE2& regex(const QueryNode& query);
  template <class Fits>
  Ways single(Fits fits) const;
  template <class Same>
  Ways any_of(const std::vector<Reading>& readings, Same same) const;
  Ways phrase(const std::vector<Reading>& readings) const;
  Ways exact(const std::vector<Reading>& readings) const;
  Ways word(const QueryNode& query);
  Ways near(const QueryNode& query);
  Ways ways(const QueryNode& query);

  const Mention* mention_ = nullptr;
  std::vector<OwnWord> words_;
  bool whole_ = true;
  std::map<const QueryNode*, std::vector<Reading>> readings_;
  std::map<const QueryNode*, std::unique_ptr<re2::RE2>> regexes_;
};

}  // namespace vigie
