#include "tests/rules/naive_text.h"

#include <algorithm>
#include <string>

#include <re2/re2.h>

#include "rules/fold.h"

namespace vigie {
namespace {

using NodeKind = QueryNode::Kind;

constexpr std::size_t kMaxWays = 4096;

std::u32string widened(std::string_view text) {
  std::u32string result;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xc0) != 0x80) {
      result += byte < 0x80   ? byte
                : byte < 0xe0 ? byte & 0x1fU
                : byte < 0xf0 ? byte & 0x0fU
                              : byte & 0x07U;
    } else if (!result.empty()) {
      result.back() = result.back() << 6 | (byte & 0x3fU);
    }
  }
  return result;
}

bool is_alone(WordKind kind) {
  return kind == WordKind::Word || kind == WordKind::Hashtag || kind == WordKind::Handle;
}

bool glob(std::u32string_view pattern, std::u32string_view word) {
  if (pattern.empty()) return word.empty();
  if (pattern[0] == '*') return true;
  if (word.empty() || (pattern[0] != '?' && pattern[0] != word[0])) return false;
  return glob(pattern.substr(1), word.substr(1));
}

std::set<std::size_t> words_of(const NaiveText::Way& way) {
  std::set<std::size_t> result;
  for (const auto& [first, last] : way) {
    for (std::size_t i = first; i <= last; ++i) result.insert(i);
  }
  return result;
}

}  // namespace

NaiveText::NaiveText() = default;
NaiveText::~NaiveText() = default;

std::vector<OwnWord> own_words(std::string_view text, std::string_view network) {
  CutText cut;
  cut.cut(text, network);
  std::vector<OwnWord> words;
  for (const Word& word : cut.words()) {
    words.push_back({word.kind, std::string(word.folded),
                     nfc(text.substr(word.begin, word.end - word.begin)), widened(word.folded),
                     word.begin, word.end});
  }
  return words;
}

void NaiveText::start(const Mention& mention) {
  mention_ = &mention;
  words_ = own_words(mention.text, mention.network);
  whole_ = true;
}

// A query is for every network, so what is a handle on one of them is meant as a handle.
const std::vector<NaiveText::Reading>& NaiveText::readings(const QueryNode& query) {
  const auto [at, is_new] = readings_.try_emplace(&query);
  if (!is_new) return at->second;
  const auto handles = [](const Reading& reading) {
    return std::ranges::count(reading, WordKind::Handle, &OwnWord::kind);
  };
  std::map<std::ptrdiff_t, std::vector<Reading>> by_handles;
  for (const std::string_view network : {"x", "mastodon", "bluesky", "instagram"}) {
    Reading reading = own_words(query.text, network);
    by_handles[handles(reading)].push_back(std::move(reading));
  }
  at->second = std::move(by_handles.rbegin()->second);
  return at->second;
}

const re2::RE2& NaiveText::regex(const QueryNode& query) {
  std::unique_ptr<re2::RE2>& found = regexes_[&query];
  if (!found) {
    re2::RE2::Options options;
    options.set_case_sensitive(!query.ignore_case);
    found = std::make_unique<re2::RE2>(query.text, options);
  }
  return *found;
}

template <class Fits>
NaiveText::Ways NaiveText::single(Fits fits) const {
  Ways result;
  for (std::size_t i = 0; i < words_.size(); ++i) {
    if (fits(words_[i])) result.insert(Way{Range{i, i}});
  }
  return result;
}

// Where the words of one of the readings follow each other.
template <class Same>
NaiveText::Ways NaiveText::any_of(const std::vector<Reading>& readings, Same same) const {
  Ways result;
  for (const Reading& parts : readings) {
    for (std::size_t at = 0; at + parts.size() <= words_.size(); ++at) {
      bool all = true;
      for (std::size_t i = 0; i < parts.size() && all; ++i) all = same(parts[i], words_[at + i]);
      if (all) result.insert(Way{Range{at, at + parts.size() - 1}});
    }
  }
  return result;
}

NaiveText::Ways NaiveText::phrase(const std::vector<Reading>& readings) const {
  return any_of(readings, [](const OwnWord& part, const OwnWord& word) {
    const bool kind = part.kind == WordKind::Word ? is_alone(word.kind) : part.kind == word.kind;
    return kind && part.folded == word.folded;
  });
}

NaiveText::Ways NaiveText::exact(const std::vector<Reading>& readings) const {
  return any_of(readings, [](const OwnWord& part, const OwnWord& word) {
    return part.kind == word.kind && part.written == word.written;
  });
}

NaiveText::Ways NaiveText::word(const QueryNode& query) {
  const std::string& text = query.text;
  if (text[0] == '@') {
    return single([&, name = fold(std::string_view(text).substr(1))](const OwnWord& one) {
      return one.kind == WordKind::Handle && one.folded == name;
    });
  }
  const Reading& parts = readings(query)[0];
  const bool entity =
      parts.size() == 1 && parts[0].kind != WordKind::Word && parts[0].end == text.size();
  if (!entity && text.find_first_of("*?") != std::string::npos) {
    return single([pattern = widened(fold(text))](const OwnWord& one) {
      return is_alone(one.kind) && glob(pattern, one.wide);
    });
  }
  Ways result = phrase(readings(query));
  if (parts.size() > 1) {
    result.merge(single([whole = fold(text)](const OwnWord& one) {
      return one.kind == WordKind::Hashtag && one.folded == whole;
    }));
  }
  return result;
}

NaiveText::Ways NaiveText::near(const QueryNode& query) {
  Ways result;
  const Ways lefts = ways(query.children[0]);
  const Ways rights = ways(query.children[1]);
  if (lefts.size() > kMaxWays || rights.size() > kMaxWays) {
    whole_ = false;
    return result;
  }
  for (const Way& left : lefts) {
    const std::set<std::size_t> a = words_of(left);
    for (const Way& right : rights) {
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
      if (result.size() > kMaxWays) {
        whole_ = false;
        return result;
      }
    }
  }
  return result;
}

NaiveText::Ways NaiveText::ways(const QueryNode& query) {
  switch (query.kind) {
    case NodeKind::Near:
      return near(query);
    case NodeKind::Word:
      return word(query);
    case NodeKind::Phrase:
      return phrase(readings(query));
    case NodeKind::Exact:
      return exact(readings(query));
    default: {
      Ways result;
      for (const QueryNode& child : query.children) result.merge(ways(child));
      return result;
    }
  }
}

bool NaiveText::holds(const QueryNode& query) {
  if (query.kind == NodeKind::Regex) return re2::RE2::PartialMatch(mention_->text, regex(query));
  return !ways(query).empty();
}

void NaiveText::mark(const QueryNode& query, std::set<Marked>& out) {
  if (query.kind != NodeKind::Regex) {
    for (const Way& way : ways(query)) {
      for (const auto& [first, last] : way) out.emplace(words_[first].begin, words_[last].end);
    }
    return;
  }
  const re2::StringPiece text(mention_->text);
  re2::StringPiece found;
  for (std::size_t at = 0; at <= text.size();) {
    if (!regex(query).Match(text, at, text.size(), re2::RE2::UNANCHORED, &found, 1)) return;
    const auto begin = static_cast<std::size_t>(found.data() - text.data());
    at = begin + std::max<std::size_t>(found.size(), 1);
    if (!found.empty()) out.emplace(begin, begin + found.size());
  }
}

}  // namespace vigie
