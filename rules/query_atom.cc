#include "rules/query_atom.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace vigie {
namespace {

using Type = QueryAtom::Type;
using What = Field::What;
using Part = std::pair<WordKind, std::string>;

bool stands_alone(WordKind kind) {
  return kind == WordKind::Word || kind == WordKind::Hashtag || kind == WordKind::Handle;
}

// Whatever part `a` of a phrase stands on, part `b` can stand on, too.
bool covers(const Part& b, const Part& a) {
  if (a.second != b.second) return false;
  return a.first == b.first || (b.first == WordKind::Word && stands_alone(a.first));
}

std::size_t code_point_length(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  return byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}

bool glob(std::string_view pattern, std::string_view word) {
  while (!pattern.empty() && pattern != "*") {
    if (word.empty()) return false;
    const std::size_t length = code_point_length(word[0]);
    if (pattern[0] == '?') {
      pattern.remove_prefix(1);
    } else {
      const std::string_view one = word.substr(0, length);
      if (!pattern.starts_with(one)) return false;
      pattern.remove_prefix(length);
    }
    word.remove_prefix(std::min(length, word.size()));
  }
  return !pattern.empty() || word.empty();
}

bool wildcard_covers(const QueryAtom& wildcard, const QueryAtom& other) {
  const std::string_view pattern = wildcard.words[0].second;
  if (other.type == Type::Wildcard) {
    // Only `abc*`: what begins like the other pattern begins like this one.
    const std::string_view prefix = pattern.substr(0, pattern.size() - 1);
    if (!pattern.ends_with('*') || prefix.find('?') != std::string_view::npos) return false;
    const std::string_view theirs = other.words[0].second;
    return theirs.substr(0, theirs.find_first_of("?*")).starts_with(prefix);
  }
  return std::ranges::any_of(other.words, [&](const Part& part) {
    return stands_alone(part.first) && glob(pattern, part.second);
  });
}

bool is_text(Type type) {
  return type == Type::Term || type == Type::Phrase || type == Type::Exact;
}

bool phrase_within(const QueryAtom& outer, const QueryAtom& inner) {
  return !std::ranges::search(outer.words, inner.words, [](const Part& a, const Part& b) {
            return covers(b, a);
          }).empty();
}

bool lang_within(std::string_view narrow, std::string_view wide) {
  return narrow == wide || (narrow.starts_with(wide) && narrow[wide.size()] == '-');
}

bool host_within(std::string_view narrow, std::string_view wide) {
  if (!narrow.ends_with(wide)) return false;
  return narrow.size() == wide.size() || narrow[narrow.size() - wide.size() - 1] == '.';
}

bool path_within(std::string_view narrow, std::string_view wide) {
  if (!narrow.starts_with(wide)) return false;
  return narrow.size() == wide.size() || narrow[wide.size()] == '/';
}

bool field_implies(const Field& a, const Field& b) {
  switch (b.what) {
    case What::Lang:
      return a.what == What::Lang && lang_within(a.value, b.value);
    case What::Url:
    case What::Site:
      return a.what == b.what && host_within(a.value, b.value) && path_within(a.path, b.path);
    case What::AnyTag:
      return a.what == What::Tag && a.kind == b.kind;
    case What::HasLink:
      return a.what == What::Url;
    case What::HasPlace:
      return a.what == What::Country || a.what == What::City;
    case What::IsBrand:
      return a.what == What::ToBrand;
    default:
      return false;
  }
}

bool fields_exclude(const Field& a, const Field& b) {
  if (a.what != b.what) return false;
  switch (a.what) {
    case What::AuthorHandle:
    case What::AuthorId:
    case What::ReplyTo:
    case What::Conversation:
    case What::Network:
    case What::Country:
    case What::City:
      return a.value != b.value;
    case What::IsKind:
      return a.mention_kind != b.mention_kind;
    case What::Lang:
      return !lang_within(a.value, b.value) && !lang_within(b.value, a.value);
    case What::Site:
      // A mention has one address of its own.
      return (!host_within(a.value, b.value) && !host_within(b.value, a.value)) ||
             (!path_within(a.path, b.path) && !path_within(b.path, a.path));
    default:
      return false;
  }
}

// Networks read handles in their own ways, so what such a text asks depends on more than the text.
bool may_hold_handles(std::string_view text) {
  return text.find('@') != std::string_view::npos;
}

void set_key(QueryAtom& atom) {
  constexpr std::array<std::string_view, 7> kNames = {"term", "wildcard", "phrase", "exact",
                                                      "near", "field",    "opaque"};
  atom.key = kNames[static_cast<std::size_t>(atom.type)];
  for (const auto& [kind, text] : atom.words) {
    atom.key += fmt::format(" {}:{}:{}", static_cast<int>(kind), text.size(), text);
  }
}

}  // namespace

AtomReader::AtomReader(const RuleFile& file) : file_(file), context_(context_of(file)) {}

QueryAtom AtomReader::words_of(const QueryNode& query) {
  QueryAtom atom;
  const std::string& text = query.text;
  if (query.kind == QueryNode::Kind::Word && text.front() == '@') {
    atom.type = Type::Term;
    atom.words.emplace_back(WordKind::Handle, fold(std::string_view(text).substr(1)));
    return atom;
  }
  if (may_hold_handles(text)) return atom;
  cut_.cut(text, "");
  const std::vector<Word>& words = cut_.words();
  const bool entity = words.size() == 1 && words[0].kind != WordKind::Word;
  if (query.kind == QueryNode::Kind::Word && !entity &&
      text.find_first_of("*?") != std::string::npos) {
    const std::size_t star = text.find('*');
    atom.type = Type::Wildcard;
    atom.words.emplace_back(WordKind::Word,
                            fold(text.substr(0, star)) + (star == std::string::npos ? "" : "*"));
    return atom;
  }
  // A word that cuts into several is a phrase or a whole hashtag.
  if (words.empty() || (query.kind == QueryNode::Kind::Word && words.size() > 1)) return atom;
  atom.type = query.kind == QueryNode::Kind::Exact ? Type::Exact
              : words.size() == 1                  ? Type::Term
                                                   : Type::Phrase;
  for (const Word& word : words) atom.words.emplace_back(word.kind, std::string(word.folded));
  return atom;
}

QueryAtom AtomReader::leaf(const QueryNode& query) {
  QueryAtom atom;
  switch (query.kind) {
    case QueryNode::Kind::Word:
    case QueryNode::Kind::Phrase:
    case QueryNode::Kind::Exact:
      atom = words_of(query);
      set_key(atom);
      if (atom.type == Type::Opaque || atom.type == Type::Exact) atom.key += print_query(query);
      break;
    case QueryNode::Kind::Field:
    case QueryNode::Kind::Number:
      if (Result<Field> field = compile_field(query, FieldContext::Where::Route, context_)) {
        atom.type = Type::Field;
        atom.field = std::move(*field);
        set_key(atom);
        atom.key +=
            fmt::format("{} {}:{} {}:{} {} {} {} {} {}", static_cast<int>(atom.field.what),
                        atom.field.value.size(), atom.field.value, atom.field.path.size(),
                        atom.field.path, atom.field.index, static_cast<int>(atom.field.kind),
                        static_cast<int>(atom.field.mention_kind),
                        static_cast<int>(atom.field.compare), atom.field.number);
        break;
      }
      [[fallthrough]];
    default:
      set_key(atom);
      atom.key += print_query(query);
  }
  atom.shown = print_query(query);
  return atom;
}

QueryAtom AtomReader::near(const QueryNode& query, std::string left, std::string right) {
  QueryAtom atom;
  atom.type = Type::Near;
  atom.distance = query.distance;
  atom.ordered = query.ordered;
  if (!query.ordered && right < left) std::swap(left, right);
  atom.words = {{WordKind::Word, std::move(left)}, {WordKind::Word, std::move(right)}};
  set_key(atom);
  atom.key += fmt::format(" {}{}", query.ordered ? "o" : "", query.distance);
  atom.shown = print_query(query);
  return atom;
}

std::string AtomReader::impossible(const QueryAtom& atom) const {
  if (atom.type != Type::Field) return {};
  const auto none_of = [&](RuleKind kind) {
    return std::ranges::none_of(file_.rules,
                                [&](const RuleSource& rule) { return rule.kind == kind; });
  };
  switch (atom.field.what) {
    case What::AuthorBrand:
    case What::ToBrand:
      return file_.accounts.empty() ? "the brand has no accounts" : "";
    case What::IsBrand:
      return file_.accounts.empty() && none_of(RuleKind::Brand) ? "the file has no brand" : "";
    case What::AuthorAmbassador:
      return file_.ambassadors.empty() ? "the brand has no ambassadors" : "";
    case What::AuthorList:
      for (const auto& [name, accounts] : file_.lists) {
        if (atom.shown == "author:list:" + name && accounts.empty())
          return fmt::format("the list {} is empty", name);
      }
      return {};
    case What::AnyTag:
      if (!none_of(atom.field.kind)) return {};
      return fmt::format("the file has no {}s",
                         atom.shown.substr(0, std::min(atom.shown.find(':'), atom.shown.size())));
    default:
      return {};
  }
}

bool implies(const QueryAtom& a, const QueryAtom& b) {
  if (a.key == b.key) return true;
  switch (b.type) {
    case Type::Term:
      return is_text(a.type) && std::ranges::any_of(a.words, [&](const Part& part) {
               return covers(b.words[0], part);
             });
    case Type::Wildcard:
      return (is_text(a.type) || a.type == Type::Wildcard) && wildcard_covers(b, a);
    case Type::Phrase:
      return (a.type == Type::Phrase || a.type == Type::Exact) && phrase_within(a, b);
    case Type::Near: {
      if (a.type != Type::Near || a.nested || b.nested || a.distance > b.distance) return false;
      if (b.ordered) return a.ordered && a.words == b.words;
      return a.words == b.words || (a.words[0] == b.words[1] && a.words[1] == b.words[0]);
    }
    case Type::Field:
      return a.type == Type::Field && field_implies(a.field, b.field);
    default:
      return false;
  }
}

bool exclude_each_other(const QueryAtom& a, const QueryAtom& b) {
  return a.type == Type::Field && b.type == Type::Field && fields_exclude(a.field, b.field);
}

}  // namespace vigie
