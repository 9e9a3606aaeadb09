#pragma once

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipeline/core/mention.h"
#include "rules/query.h"
#include "rules/words.h"

namespace vigie {

// A second opinion on queries: walks the tree as it was parsed and looks at every word of the text
// for every leaf. It shares the parser and the cutting of text with the real matcher and nothing
// else. It knows words, wildcards, phrases, exact:, entities, NEAR, AND, OR, NOT, lang:, kind: and
// followers.
class NaiveMatcher {
 public:
  using Spans = std::set<std::pair<std::uint32_t, std::uint32_t>>;

  explicit NaiveMatcher(const Mention& mention) : mention_(mention) {
    cut_.cut(mention.text, mention.network);
  }

  bool holds(const QueryNode& query) const {
    switch (query.kind) {
      case QueryNode::Kind::And:
        return std::ranges::all_of(query.children,
                                   [&](const QueryNode& child) { return holds(child); });
      case QueryNode::Kind::Or:
        return std::ranges::any_of(query.children,
                                   [&](const QueryNode& child) { return holds(child); });
      case QueryNode::Kind::Not:
        return !holds(query.children[0]);
      case QueryNode::Kind::Field:
        return field(query);
      case QueryNode::Kind::Number:
        return mention_.author.followers && *mention_.author.followers >= query.number;
      default:
        return !ways(query).empty();
    }
  }

  Spans spans(const QueryNode& query) const {
    Spans result;
    collect(query, true, result);
    return result;
  }

 private:
  using Range = std::pair<std::size_t, std::size_t>;  // words [first, last]
  // One way in which a leaf or NEAR holds: the leaf occurrences it is made of.
  using Way = std::set<Range>;

  static std::set<std::size_t> words_of(const Way& way) {
    std::set<std::size_t> result;
    for (const auto& [first, last] : way) {
      for (std::size_t i = first; i <= last; ++i) result.insert(i);
    }
    return result;
  }

  bool field(const QueryNode& query) const {
    if (query.name == "kind") return mention_.kind && name(*mention_.kind) == query.text;
    return mention_.lang == query.text || mention_.lang.starts_with(query.text + "-");
  }

  static bool is_alone(WordKind kind) {
    return kind == WordKind::Word || kind == WordKind::Hashtag || kind == WordKind::Handle;
  }

  static bool glob(std::u32string_view pattern, std::u32string_view word) {
    if (pattern.empty()) return word.empty();
    if (pattern[0] == '*') return true;
    if (word.empty() || (pattern[0] != '?' && pattern[0] != word[0])) return false;
    return glob(pattern.substr(1), word.substr(1));
  }

  static std::u32string wide(std::string_view text) {
    std::u32string result;
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      if ((byte & 0xc0) != 0x80) {
        result += byte < 0x80   ? byte
                  : byte < 0xe0 ? byte & 0x1fU
                  : byte < 0xf0 ? byte & 0x0fU
                                : byte & 0x07U;
      } else {
        result.back() = result.back() << 6 | (byte & 0x3fU);
      }
    }
    return result;
  }

  std::set<Way> phrase(const std::vector<Word>& wanted) const {
    std::set<Way> result;
    const std::vector<Word>& words = cut_.words();
    for (std::size_t at = 0; at + wanted.size() <= words.size(); ++at) {
      const bool same = std::equal(
          wanted.begin(), wanted.end(), words.begin() + static_cast<std::ptrdiff_t>(at),
          [](const Word& a, const Word& b) {
            const bool kind = a.kind == WordKind::Word ? is_alone(b.kind) : a.kind == b.kind;
            return kind && a.folded == b.folded;
          });
      if (same) result.insert(Way{Range{at, at + wanted.size() - 1}});
    }
    return result;
  }

  // `text` and the text of the mention are in NFC.
  std::set<Way> exact(const std::string& text) const {
    CutText query;
    query.cut(text, mention_.network);
    std::set<Way> result;
    const std::size_t size = query.words().size();
    for (std::size_t at = 0; at + size <= cut_.words().size(); ++at) {
      bool same = true;
      for (std::size_t i = 0; i < size; ++i) {
        same = same && written(query, i) == written(cut_, at + i);
      }
      if (same) result.insert(Way{Range{at, at + size - 1}});
    }
    return result;
  }

  static std::string_view written(const CutText& cut, std::size_t at) {
    const Word& word = cut.words()[at];
    return cut.text().substr(word.begin, word.end - word.begin);
  }

  std::set<Way> word(const std::string& text) const {
    std::set<Way> result;
    const std::vector<Word>& words = cut_.words();
    const bool wildcard = text.find_first_of("*?") != std::string::npos;
    CutText query;
    query.cut(text, mention_.network);
    if (!wildcard && (query.words().size() > 1 || query.words()[0].kind != WordKind::Word)) {
      result = phrase(query.words());
      if (query.words().size() == 1) return result;
    }
    const std::u32string folded = wide(fold(text));
    for (std::size_t i = 0; i < words.size(); ++i) {
      const bool allowed = !wildcard && query.words().size() > 1
                               ? words[i].kind == WordKind::Hashtag
                               : is_alone(words[i].kind);
      const std::u32string here = wide(words[i].folded);
      if (allowed && (wildcard ? glob(folded, here) : folded == here))
        result.insert(Way{Range{i, i}});
    }
    return result;
  }

  std::set<Way> near(const QueryNode& query) const {
    std::set<Way> result;
    for (const Way& left : ways(query.children[0])) {
      for (const Way& right : ways(query.children[1])) {
        const std::set<std::size_t> a = words_of(left);
        const std::set<std::size_t> b = words_of(right);
        if (std::ranges::any_of(a, [&](std::size_t i) { return b.contains(i); })) continue;
        const bool before = *a.rbegin() < *b.begin();
        const bool after = *b.rbegin() < *a.begin();
        const std::size_t between = before  ? *b.begin() - *a.rbegin() - 1
                                    : after ? *a.begin() - *b.rbegin() - 1
                                            : 0;
        if (between > query.distance || (query.ordered && !before)) continue;
        Way both = left;
        both.insert(right.begin(), right.end());
        result.insert(both);
      }
    }
    return result;
  }

  std::set<Way> ways(const QueryNode& query) const {
    if (query.kind == QueryNode::Kind::Near) return near(query);
    if (query.kind == QueryNode::Kind::Word) return word(query.text);
    if (query.kind == QueryNode::Kind::Exact) return exact(query.text);
    if (query.kind == QueryNode::Kind::Or) {
      std::set<Way> result;
      for (const QueryNode& child : query.children) {
        const std::set<Way> some = ways(child);
        result.insert(some.begin(), some.end());
      }
      return result;
    }
    CutText wanted;
    wanted.cut(query.text, mention_.network);
    return phrase(wanted.words());
  }

  void collect(const QueryNode& query, bool positive, Spans& out) const {
    switch (query.kind) {
      case QueryNode::Kind::And:
      case QueryNode::Kind::Or:
        for (const QueryNode& child : query.children) collect(child, positive, out);
        return;
      case QueryNode::Kind::Not:
        collect(query.children[0], !positive, out);
        return;
      case QueryNode::Kind::Field:
      case QueryNode::Kind::Number:
        return;
      default:
        if (!positive) return;
        for (const Way& way : ways(query)) {
          for (const auto& [first, last] : way) {
            out.emplace(cut_.words()[first].begin, cut_.words()[last].end);
          }
        }
    }
  }

  const Mention& mention_;
  CutText cut_;
};

}  // namespace vigie
