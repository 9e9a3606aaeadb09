#include "rules/query_compiler.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <re2/re2.h>

#include "pipeline/core/utf8.h"
#include "rules/fold.h"

namespace vigie {
namespace {

constexpr std::size_t kMaxPhraseWords = 100;
// That have the same letters before the first wildcard: a word of a text may match them all.
constexpr std::size_t kMaxWildcards = 256;
constexpr std::size_t kMaxRegexes = 10'000;
// What one regex may take of memory, its automata included. RE2 falls back to slower automata
// before it takes more.
constexpr std::int64_t kMaxRegexMemory = std::int64_t{1} << 19;

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

// An And or Or of parts; one part is itself.
std::vector<Cell> group_of(Step step, const std::vector<std::vector<Cell>>& parts) {
  if (parts.size() == 1) return parts.front();
  std::vector<Cell> cells(1);
  for (const std::vector<Cell>& part : parts) cells.insert(cells.end(), part.begin(), part.end());
  cells[0] = Cell::make(step, cells.size());
  return cells;
}

// What is cheap to ask is asked first; the answer does not depend on the order.
int cost_rank(const std::vector<Cell>& part) {
  switch (part.front().step()) {
    case Step::Term:
      return 0;
    case Step::Field:
      return 1;
    case Step::Phrase:
      return 2;
    case Step::Exact:
      return 3;
    case Step::Near:
    case Step::OrderedNear:
      return 5;
    case Step::Regex:
      return 6;
    case Step::And:
    case Step::Or:
    case Step::Not:
      break;
  }
  return 4;
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
  const Cells cells = node(query);
  if (failed_) return {};
  const auto begin = static_cast<std::uint32_t>(plan_.cells.size());
  plan_.cells.insert(plan_.cells.end(), cells.begin(), cells.end());
  return begin;
}

QueryCompiler::Cells QueryCompiler::error(const QueryNode& query, std::string message) {
  issues_->push_back({query.begin, true, std::move(message)});
  failed_ = true;
  return {};
}

QueryCompiler::Cells QueryCompiler::leaf(const QueryNode& query, Step step, std::size_t argument) {
  if (argument > Cell::kMaxArgument) {
    return error(query, fmt::format("more than {} different words, phrases' words or fields in "
                                    "the file",
                                    Cell::kMaxArgument));
  }
  return {Cell::make(step, argument)};
}

QueryCompiler::Cells QueryCompiler::term(const QueryNode& query, std::string_view folded,
                                         WordKind kind, bool only) {
  const std::uint32_t id = plan_.vocabulary.add_word(folded);
  Cells cells = leaf(query, Step::Term, id);
  if (!cells.empty()) cells[0] = Cell::term(id, kind, only);
  return cells;
}

QueryCompiler::Cells QueryCompiler::node(const QueryNode& query) {
  switch (query.kind) {
    case QueryNode::Kind::And:
    case QueryNode::Kind::Or:
      return group(query);
    case QueryNode::Kind::Not: {
      Cells cells = node(query.children.front());
      cells.insert(cells.begin(), Cell::make(Step::Not, 0));
      return cells;
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
  return {};
}

QueryCompiler::Cells QueryCompiler::group(const QueryNode& query) {
  std::vector<Cells> parts;
  parts.reserve(query.children.size());
  for (const QueryNode& child : query.children) parts.push_back(node(child));
  // A part that was refused has no cells; nobody reads the group it stands in.
  if (failed_) return {};
  std::ranges::sort(parts, {}, cost_rank);
  return group_of(query.kind == QueryNode::Kind::And ? Step::And : Step::Or, parts);
}

void QueryCompiler::check_near_operand(const QueryNode& operand) {
  if (!is_operand(operand.kind)) {
    error(operand,
          "NEAR joins words, wildcards, phrases, exact:, #, @, $ and emoji, or OR groups of these");
  } else if (operand.kind == QueryNode::Kind::Or) {
    for (const QueryNode& child : operand.children) check_near_operand(child);
  }
}

QueryCompiler::Cells QueryCompiler::near(const QueryNode& query) {
  for (const QueryNode& child : query.children) check_near_operand(child);
  const Cells left = node(query.children[0]);
  const Cells right = node(query.children[1]);
  if (failed_) return {};
  Cells cells = {Cell::make(query.ordered ? Step::OrderedNear : Step::Near, query.distance),
                 Cell{}};
  cells.insert(cells.end(), left.begin(), left.end());
  cells.insert(cells.end(), right.begin(), right.end());
  cells[1].bits = static_cast<std::uint32_t>(cells.size());
  return cells;
}

QueryCompiler::Cells QueryCompiler::entity(const QueryNode& query, WordKind kind) {
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
  return term(query, folded, kind, true);
}

QueryCompiler::Cells QueryCompiler::word(const QueryNode& query) {
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
    return term(query, words[0].folded, words[0].kind, true);
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
  if (words.size() == 1) return term(query, words[0].folded, words[0].kind, false);
  Cells as_phrase = phrase(query, text, false);
  cut_.cut("#" + text, "");
  const std::vector<Word>& tag = cut_.words();
  if (tag.size() != 1 || tag[0].kind != WordKind::Hashtag || tag[0].end != text.size() + 1)
    return as_phrase;
  return group_of(Step::Or, {as_phrase, term(query, tag[0].folded, WordKind::Hashtag, true)});
}

QueryCompiler::Cells QueryCompiler::wildcard(const QueryNode& query) {
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
  const std::size_t known = plan_.vocabulary.size();
  const std::uint32_t id =
      plan_.vocabulary.add_wildcard(star == std::string::npos ? folded : folded + "*");
  const std::string start = folded.substr(0, folded.find('?'));
  if (plan_.vocabulary.size() > known && ++wildcards_[start] > kMaxWildcards) {
    return error(query, fmt::format("more wildcards that begin with \"{}\" than the limit of {}",
                                    start, kMaxWildcards));
  }
  return leaf(query, Step::Term, id);
}

// A wildcard would be taken for punctuation, and the phrase for one that is never there.
QueryCompiler::Cells QueryCompiler::quotation(const QueryNode& query) {
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
    reading.reserve(words.size());
    for (const Word& word : words) {
      reading.push_back(
          {word.kind, text.substr(word.begin, word.end - word.begin), std::string(word.folded)});
    }
    if (std::ranges::find(result, reading) == result.end()) result.push_back(std::move(reading));
  }
  return result;
}

QueryCompiler::Cells QueryCompiler::phrase(const QueryNode& query, std::string_view text,
                                           bool exact) {
  std::vector<Cells> alternatives;
  for (const std::vector<PhraseWord>& words : readings(text)) {
    if (words.empty()) {
      return error(
          query, fmt::format("\"{}\" has nothing to match: expected a letter, a number or an emoji",
                             text));
    }
    alternatives.push_back(phrase_of(query, words, exact));
  }
  return group_of(Step::Or, alternatives);
}

QueryCompiler::Cells QueryCompiler::phrase_of(const QueryNode& query,
                                              const std::vector<PhraseWord>& words, bool exact) {
  if (words.size() == 1 && !exact) return term(query, words[0].folded, words[0].kind, false);
  if (words.size() > kMaxPhraseWords) {
    return error(query, fmt::format("a phrase of {} words is longer than the limit of {}",
                                    words.size(), kMaxPhraseWords));
  }
  Cells cells = leaf(query, exact ? Step::Exact : Step::Phrase, words.size());
  const std::size_t first_text = plan_.part_texts.size();
  for (const PhraseWord& part : words) {
    const Cells one = term(query, part.folded, part.kind, exact);
    cells.insert(cells.end(), one.begin(), one.end());
    if (exact) plan_.part_texts.push_back(nfc(part.written));
  }
  if (exact) cells.push_back({static_cast<std::uint32_t>(first_text)});
  return cells;
}

QueryCompiler::Cells QueryCompiler::regex(const QueryNode& query) {
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
  for (const std::string& atom : Atoms::needed_by(query.text, query.ignore_case)) {
    plan_.regex_atoms.push_back(plan_.atoms.add(atom));
  }
  plan_.regex_atom_begins.push_back(static_cast<std::uint32_t>(plan_.regex_atoms.size()));
  plan_.regexes.push_back(std::move(regex));
  return leaf(query, Step::Regex, plan_.regexes.size() - 1);
}

QueryCompiler::Cells QueryCompiler::field(const QueryNode& query) {
  Result<Field> compiled = compile_field(query, where_, context_);
  if (!compiled) return error(query, compiled.error().message);
  plan_.fields.push_back(std::move(*compiled));
  return leaf(query, Step::Field, plan_.fields.size() - 1);
}

}  // namespace vigie
