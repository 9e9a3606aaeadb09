#include "rules/suggest.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "pipeline/core/yaml.h"

namespace vigie {
namespace {

// The names of fields in other query languages, and what asks the same here.
constexpr std::array<std::pair<std::string_view, std::string_view>, 22> kElsewhere = {{
    {"at_mentions", "mentions:@handle"},
    {"authorname", "author:@handle"},
    {"conversation_id", "conversation:ID"},
    {"domain", "site:host"},
    {"exactmessage", "exact:\"...\""},
    {"followers_count", "followers>=1000"},
    {"from", "author:@handle"},
    {"hashtag", "#tag"},
    {"hashtags", "#tag"},
    {"in_reply_to", "reply_to:@handle"},
    {"language", "lang:fr"},
    {"links", "url:\"host/path\""},
    {"message", "the words alone"},
    {"place_country", "country:FR"},
    {"raw", "exact:\"...\""},
    {"source", "network:x"},
    {"sourcetype", "network:x"},
    {"text", "the words alone"},
    {"type", "kind:reply"},
    {"url_contains", "url:\"host/path\""},
    {"user", "author:@handle"},
    {"username", "author:@handle"},
}};

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  return out;
}

// The nearest of `known`; of those that differ in case alone, that one.
std::string_view nearest_in_any_case(std::string_view value,
                                     const std::vector<std::string_view>& known) {
  const std::string lower = lower_case(value);
  for (const std::string_view one : known) {
    if (lower_case(one) == lower) return one;
  }
  const std::string_view near = nearest(value, known);
  return near.empty() ? nearest(lower, known) : near;
}

bool is_distance(std::string_view text) {
  return text.size() > 1 && text[0] == '~' &&
         text.find_first_not_of("0123456789", 1) == std::string_view::npos;
}

}  // namespace

std::string unknown_value(std::string_view what, std::string_view value,
                          const std::vector<std::string_view>& known) {
  const std::string_view near = nearest_in_any_case(value, known);
  if (!near.empty())
    return fmt::format("unknown {} \"{}\"; did you mean \"{}\"?", what, value, near);
  if (known.empty()) return fmt::format("unknown {} \"{}\"; the file has none", what, value);
  constexpr std::size_t kShown = 12;
  const std::vector<std::string_view> shown(
      known.begin(), known.begin() + static_cast<std::ptrdiff_t>(std::min(kShown, known.size())));
  return fmt::format("unknown {} \"{}\"; expected one of {}{}", what, value, fmt::join(shown, ", "),
                     known.size() > kShown ? ", ..." : "");
}

std::string unknown_name(std::string_view what, std::string_view name,
                         const std::vector<std::string_view>& known) {
  const std::string lower = lower_case(name);
  for (const auto& [theirs, ours] : kElsewhere) {
    if (theirs == lower) return fmt::format("unknown {} \"{}\"; write {}", what, name, ours);
  }
  const std::string_view near = nearest_in_any_case(name, known);
  if (!near.empty())
    return fmt::format("unknown {} \"{}\"; did you mean \"{}\"?", what, name, near);
  return fmt::format("unknown {} \"{}\"; expected one of {}, or quotes around text", what, name,
                     fmt::join(known, ", "));
}

// Lower-case operators are words; whoever writes one most likely meant the operator.
std::string doubt_about_word(std::string_view word) {
  std::string lower(word);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  if (lower == "and" || lower == "or" || lower == "not") {
    std::string upper(lower);
    for (char& c : upper) c = static_cast<char>(c - 32);
    return fmt::format("\"{}\" is a word here; the operator is written {}", word, upper);
  }
  if (lower.starts_with("near/") || lower.starts_with("onear/")) {
    return fmt::format("\"{}\" is a word here; operators are upper case", word);
  }
  if (is_distance(word)) {
    return fmt::format("\"{}\" is a word here; words that stand near each other are a NEAR/{} b",
                       word, word.substr(1));
  }
  if (word == "&&" || word == "||" || word == "|" || word == "&" || word == "!") {
    return fmt::format("\"{}\" is no operator; they are written AND, OR and NOT", word);
  }
  if (word.starts_with("\u201c") || word.starts_with("\u00ab")) {
    return "typographic quotes do not make a phrase; write \"\"";
  }
  return {};
}

}  // namespace vigie
