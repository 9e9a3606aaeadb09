#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <re2/re2.h>

#include "rules/fold.h"
#include "rules/plan.h"

namespace vigie {
namespace {

constexpr std::size_t kMaxRegexes = 5'000;
// What one regex may take of memory, its automata included. RE2 falls back to slower automata
// before it takes more.
constexpr std::int64_t kMaxRegexMemory = std::int64_t{1} << 20;

// One network of each way to write a handle.
constexpr std::array<std::string_view, 4> kHandleNetworks = {"", "mastodon", "bluesky",
                                                             "instagram"};

bool is_operand(QueryNode::Kind kind) {
  return kind == QueryNode::Kind::Word || kind == QueryNode::Kind::Phrase ||
         kind == QueryNode::Kind::Exact || kind == QueryNode::Kind::Near ||
         kind == QueryNode::Kind::Or;
}

// Whether the query holds of a mention of which no primary is true.
bool holds_of_nothing(const QueryNode& query) {
  switch (query.kind) {
    case QueryNode::Kind::And:
      return std::ranges::all_of(query.children, holds_of_nothing);
    case QueryNode::Kind::Or:
      return std::ranges::any_of(query.children, holds_of_nothing);
    case QueryNode::Kind::Not:
      return !holds_of_nothing(query.children.front());
    default:
      return false;
  }
}

// As what a word or entity of a query may stand in a text.
Kinds kinds_for(WordKind kind) {
  return kind == WordKind::Word ? kWordAlone : kinds_of(kind);
}

// The pieces of a phrase as operands: `par* ONEAR/0 x`.
std::string joined_by_near(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = std::min(text.find_first_not_of(' ', at), text.size());
    at = std::min(text.find(' ', begin), text.size());
    if (begin == at) break;
    if (!out.empty()) out += " ONEAR/0 ";
    out += text.substr(begin, at - begin);
  }
  return out;
}

std::size_t code_points(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

}  // namespace

std::optional<std::uint32_t> QueryCompiler::compile(const QueryNode& query,
                                                    FieldContext::Where where,
                                                    std::vector<QueryIssue>& issues) {
  where_ = where;
  issues_ = &issues;
  failed_ = false;
  if (where != FieldContext::Where::Route && holds_of_nothing(query)) {
    error(query, "this matches what has none of its words; add something it has to have");
  }
  const std::uint32_t root = node(query);
  if (failed_) return {};
  return root;
}

std::uint32_t QueryCompiler::error(const QueryNode& query, std::string message) {
  issues_->push_back({query.begin, true, std::move(message)});
  failed_ = true;
  return 0;
}

std::uint32_t QueryCompiler::add(PlanNode node) {
  plan_.nodes.push_back(node);
  return static_cast<std::uint32_t>(plan_.nodes.size() - 1);
}

std::uint32_t QueryCompiler::add_any(std::vector<std::uint32_t> alternatives) {
  if (alternatives.size() == 1) return alternatives.front();
  PlanNode any{.op = PlanNode::Op::Or};
  any.a = static_cast<std::uint32_t>(plan_.children.size());
  any.b = static_cast<std::uint32_t>(alternatives.size());
  plan_.children.insert(plan_.children.end(), alternatives.begin(), alternatives.end());
  return add(any);
}

std::uint32_t QueryCompiler::node(const QueryNode& query) {
  switch (query.kind) {
    case QueryNode::Kind::And:
      return group(query, PlanNode::Op::And);
    case QueryNode::Kind::Or:
      return group(query, PlanNode::Op::Or);
    case QueryNode::Kind::Not: {
      PlanNode negation{.op = PlanNode::Op::Not};
      negation.a = node(query.children.front());
      return add(negation);
    }
    case QueryNode::Kind::Near:
      return near(query);
    case QueryNode::Kind::Word:
      return word(query);
    case QueryNode::Kind::Phrase:
    case QueryNode::Kind::Exact:
      return quotation(query);
    case QueryNode::Kind::Regex:
      return regex(query);
    case QueryNode::Kind::Field:
    case QueryNode::Kind::Number:
      return field(query);
  }
  return 0;
}

std::uint32_t QueryCompiler::group(const QueryNode& query, PlanNode::Op op) {
  std::vector<std::uint32_t> parts;
  parts.reserve(query.children.size());
  for (const QueryNode& child : query.children) parts.push_back(node(child));
  // A part that was refused has no node; nobody reads the group it stands in.
  if (failed_) return 0;
  // What is cheap to ask is asked first; the answer does not depend on the order.
  std::ranges::sort(parts, {}, [&](std::uint32_t part) {
    switch (plan_.nodes[part].op) {
      case PlanNode::Op::Term:
        return 0;
      case PlanNode::Op::Field:
        return 1;
      case PlanNode::Op::Phrase:
        return 2;
      case PlanNode::Op::Exact:
        return 3;
      case PlanNode::Op::Near:
        return 5;
      case PlanNode::Op::Regex:
        return 6;
      default:
        return 4;
    }
  });
  PlanNode result{.op = op};
  result.a = static_cast<std::uint32_t>(plan_.children.size());
  result.b = static_cast<std::uint32_t>(parts.size());
  plan_.children.insert(plan_.children.end(), parts.begin(), parts.end());
  return add(result);
}

void QueryCompiler::check_near_operand(const QueryNode& operand) {
  if (!is_operand(operand.kind)) {
    error(operand,
          "NEAR joins words, wildcards, phrases, exact:, #, @, $ and emoji, or OR groups of these");
  } else if (operand.kind == QueryNode::Kind::Or) {
    for (const QueryNode& child : operand.children) check_near_operand(child);
  }
}

std::uint32_t QueryCompiler::near(const QueryNode& query) {
  for (const QueryNode& child : query.children) check_near_operand(child);
  PlanNode result{.op = PlanNode::Op::Near};
  result.ordered = query.ordered;
  result.distance = query.distance;
  result.a = node(query.children[0]);
  result.b = node(query.children[1]);
  return add(result);
}

std::uint32_t QueryCompiler::entity(const QueryNode& query, WordKind kind) {
  const std::string_view name = std::string_view(query.text).substr(1);
  if (name.find_first_of("*?") != std::string_view::npos) {
    return error(query, fmt::format("a wildcard stands in a word; {} has to be whole", query.text));
  }
  std::string folded;
  if (kind == WordKind::Handle) {
    const bool whole = !name.empty() &&
                       name.find_first_of("/#$,;:!\"'()[]{}<>=+&%") == std::string_view::npos &&
                       name.front() != '@' && name.back() != '@' && name.back() != '.';
    if (whole) folded = fold(name);
  } else {
    cut_.cut(query.text, "");
    const std::vector<Word>& words = cut_.words();
    if (words.size() == 1 && words[0].kind == kind && words[0].begin == 0 &&
        words[0].end == query.text.size()) {
      folded = words[0].folded;
    }
  }
  if (folded.empty()) {
    return error(query, fmt::format("\"{}\" is no {}", query.text,
                                    kind == WordKind::Handle ? "handle" : "hashtag"));
  }
  PlanNode term{.op = PlanNode::Op::Term};
  term.kinds = kinds_of(kind);
  term.a = plan_.vocabulary.add_word(folded);
  return add(term);
}

std::uint32_t QueryCompiler::word(const QueryNode& query) {
  const std::string& text = query.text;
  if (text.front() == '@') return entity(query, WordKind::Handle);
  if (text.front() == '#' && text.find_first_of("*?") != std::string::npos) {
    return entity(query, WordKind::Hashtag);
  }
  cut_.cut(text, "");
  const std::vector<Word>& words = cut_.words();
  const bool whole = words.size() == 1 && words[0].begin == 0 && words[0].end == text.size();
  // An emoji may be a keycap, which has a # or * of its own.
  if (whole && words[0].kind != WordKind::Word) {
    PlanNode term{.op = PlanNode::Op::Term};
    term.kinds = kinds_of(words[0].kind);
    term.a = plan_.vocabulary.add_word(words[0].folded);
    return add(term);
  }
  if (text.front() == '#') return entity(query, WordKind::Hashtag);
  if (text.find_first_of("*?") != std::string::npos) return wildcard(query);
  if (words.empty()) {
    return error(
        query,
        fmt::format("\"{}\" has nothing to match: expected a letter, a number or an emoji", text));
  }
  if (words.front().begin > 0 || words.back().end < text.size()) {
    issues_->push_back(
        {query.begin, false,
         fmt::format("\"{}\" is matched as \"{}\"", text,
                     text.substr(words.front().begin, words.back().end - words.front().begin))});
  }
  if (words.size() == 1) {
    PlanNode term{.op = PlanNode::Op::Term};
    term.kinds = kinds_for(words[0].kind);
    term.a = plan_.vocabulary.add_word(words[0].folded);
    return add(term);
  }
  const std::uint32_t as_phrase = phrase(query, text, false);
  cut_.cut("#" + text, "");
  const std::vector<Word>& tag = cut_.words();
  if (tag.size() != 1 || tag[0].kind != WordKind::Hashtag || tag[0].end != text.size() + 1)
    return as_phrase;
  PlanNode hashtag{.op = PlanNode::Op::Term};
  hashtag.kinds = kinds_of(WordKind::Hashtag);
  hashtag.a = plan_.vocabulary.add_word(tag[0].folded);
  return add_any({as_phrase, add(hashtag)});
}

std::uint32_t QueryCompiler::wildcard(const QueryNode& query) {
  const std::string& text = query.text;
  const std::size_t star = text.find('*');
  if (star != std::string::npos && star + 1 != text.size()) {
    return error(query, "a * stands only at the end of a word");
  }
  // A letter in the place of each ? must leave one word.
  std::string plain = text.substr(0, star);
  std::ranges::replace(plain, '?', 'a');
  cut_.cut(plain, "");
  const std::vector<Word>& words = cut_.words();
  if (words.size() != 1 || words[0].kind != WordKind::Word || words[0].begin != 0 ||
      words[0].end != plain.size()) {
    return error(query,
                 fmt::format("\"{}\": a wildcard stands in one word of letters and numbers", text));
  }
  const std::string folded = fold(text.substr(0, star));
  if (folded.empty() || folded.front() == '?') {
    return error(query, "expected a letter or number before the ?");
  }
  if (star != std::string::npos && code_points(folded) < 2) {
    return error(query, "expected two letters or numbers before the *");
  }
  PlanNode term{.op = PlanNode::Op::Term};
  term.kinds = kWordAlone;
  term.a = plan_.vocabulary.add_wildcard(star == std::string::npos ? folded : folded + "*");
  return add(term);
}

// A wildcard would be taken for punctuation, and the phrase for one that is never there.
std::uint32_t QueryCompiler::quotation(const QueryNode& query) {
  const std::string_view text = query.text;
  cut_.cut(text, "");
  const std::vector<Word>& words = cut_.words();
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::size_t end = words[i].end;
    if (words[i].kind == WordKind::Emoji || end == text.size()) continue;
    const bool next_follows = i + 1 < words.size() && words[i + 1].begin == end + 1;
    if (text[end] != '*' && !(text[end] == '?' && next_follows)) continue;
    return error(query, fmt::format("wildcards do not work inside a phrase; write {}, or NEAR/0 "
                                    "for any order",
                                    joined_by_near(text)));
  }
  return phrase(query, text, query.kind == QueryNode::Kind::Exact);
}

// The ways to cut a phrase. A text is cut as its network writes handles; a query is for every
// network, so each way that differs is one more. Where a way finds fewer handles than another, an @
// is no sign of anything to it, and it would take what is no handle: it is left out.
std::vector<std::vector<QueryCompiler::PhraseWord>> QueryCompiler::readings(std::string_view text) {
  std::vector<std::vector<PhraseWord>> result;
  std::ptrdiff_t most = 0;
  for (const std::string_view network : kHandleNetworks) {
    cut_.cut(text, network);
    const std::vector<Word>& words = cut_.words();
    const std::ptrdiff_t handles = std::ranges::count(words, WordKind::Handle, &Word::kind);
    if (handles < most) continue;
    if (handles > most) result.clear();
    most = handles;
    std::vector<PhraseWord> reading;
    for (const Word& word : words) {
      reading.push_back(
          {word.kind, text.substr(word.begin, word.end - word.begin), std::string(word.folded)});
    }
    if (std::ranges::find(result, reading) == result.end()) result.push_back(std::move(reading));
  }
  return result;
}

std::uint32_t QueryCompiler::phrase(const QueryNode& query, std::string_view text, bool exact) {
  std::vector<std::uint32_t> alternatives;
  for (const std::vector<PhraseWord>& words : readings(text)) {
    if (words.empty()) {
      return error(
          query, fmt::format("\"{}\" has nothing to match: expected a letter, a number or an emoji",
                             text));
    }
    alternatives.push_back(phrase_of(words, exact));
  }
  return add_any(std::move(alternatives));
}

std::uint32_t QueryCompiler::phrase_of(const std::vector<PhraseWord>& words, bool exact) {
  if (words.size() == 1 && !exact) {
    PlanNode term{.op = PlanNode::Op::Term};
    term.kinds = kinds_for(words[0].kind);
    term.a = plan_.vocabulary.add_word(words[0].folded);
    return add(term);
  }
  PlanNode result{.op = exact ? PlanNode::Op::Exact : PlanNode::Op::Phrase};
  result.a = static_cast<std::uint32_t>(plan_.parts.size());
  result.b = static_cast<std::uint32_t>(words.size());
  for (const PhraseWord& part : words) {
    if (exact) {
      plan_.part_texts[static_cast<std::uint32_t>(plan_.parts.size())] = nfc(part.written);
    }
    plan_.parts.push_back({plan_.vocabulary.add_word(part.folded),
                           exact ? kinds_of(part.kind) : kinds_for(part.kind)});
  }
  return add(result);
}

std::uint32_t QueryCompiler::regex(const QueryNode& query) {
  if (plan_.regexes.size() == kMaxRegexes) {
    return error(query, fmt::format("more regexes than the limit of {}", kMaxRegexes));
  }
  re2::RE2::Options options;
  options.set_max_mem(kMaxRegexMemory);
  options.set_log_errors(false);
  options.set_case_sensitive(!query.ignore_case);
  auto regex = std::make_unique<re2::RE2>(query.text, options);
  if (regex->error_code() == re2::RE2::ErrorPatternTooLarge) {
    return error(query, fmt::format("the regex needs more memory than the limit of {} bytes",
                                    kMaxRegexMemory));
  }
  if (!regex->ok()) return error(query, fmt::format("no valid regex: {}", regex->error()));
  if (re2::RE2::PartialMatch("", *regex)) return error(query, "the regex matches the empty text");
  PlanNode result{.op = PlanNode::Op::Regex};
  result.a = static_cast<std::uint32_t>(plan_.regexes.size());
  plan_.regexes.push_back(std::move(regex));
  return add(result);
}

std::uint32_t QueryCompiler::field(const QueryNode& query) {
  Result<Field> compiled = compile_field(query, where_, context_);
  if (!compiled) return error(query, compiled.error().message);
  PlanNode result{.op = PlanNode::Op::Field};
  result.a = static_cast<std::uint32_t>(plan_.fields.size());
  plan_.fields.push_back(std::move(*compiled));
  return add(result);
}

}  // namespace vigie
