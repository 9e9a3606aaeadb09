#include "rules/case_line.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "pipeline/core/ids.h"
#include "rules/suggest.h"

namespace vigie {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

// Each sets a field; what is wrong with the value otherwise, empty where nothing is.
std::string set_number(std::optional<std::int64_t>& out, std::string_view value) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc{} || end != value.data() + value.size() || number < 0)
    return "expected a whole number from 0";
  out = number;
  return {};
}

std::string set_degrees(std::optional<double>& out, std::string_view value) {
  double degrees = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), degrees);
  if (error != std::errc{} || end != value.data() + value.size() || !std::isfinite(degrees))
    return "expected a number of degrees";
  out = degrees;
  return {};
}

template <class Flag>
std::string set_flag(Flag& out, std::string_view value) {
  if (value != "true" && value != "false") return "expected true or false";
  out = value == "true";
  return {};
}

std::string set_time(std::optional<Time>& out, std::string_view value) {
  out = parse_time(value);
  return out ? "" : "expected a time such as 2026-06-01T00:00:00Z";
}

std::string set_kind(std::optional<Kind>& out, std::string_view value) {
  out = parse_kind(value);
  if (out) return {};
  return unknown_value(
      "kind", value,
      {"mention", "reply", "comment", "post", "share", "reaction", "dm", "click", "conversion"});
}

std::string set_network(std::string& out, const std::string& value) {
  out = value;
  return is_network_name(value) ? "" : "expected the name of a network, such as x";
}

std::string set_text(std::string& out, const std::string& value) {
  out = value;
  return {};
}

template <class Item>
std::string add(std::vector<Item>& list, Item item) {
  list.push_back(std::move(item));
  return {};
}

Place& place(Mention& mention) {
  if (!mention.place) mention.place = Place{};
  return *mention.place;
}

Person& parent(Mention& mention) {
  if (!mention.in_reply_to_author) mention.in_reply_to_author = Person{};
  return *mention.in_reply_to_author;
}

template <class List>
List& list(std::optional<List>& value) {
  if (!value) value.emplace();
  return *value;
}

using Value = const std::string&;

struct FieldEntry {
  std::string_view key;
  std::string (*set)(Mention& mention, Value value);  // what is wrong; empty where nothing is
};

// A key that is a list in a mention may stand several times.
constexpr std::array kFields = {
    FieldEntry{"at", [](Mention& m, Value v) { return set_time(m.created_at, v); }},
    FieldEntry{"author", [](Mention& m, Value v) { return set_text(m.author.handle, v); }},
    FieldEntry{"author_id", [](Mention& m, Value v) { return set_text(m.author.id, v); }},
    FieldEntry{"campaign", [](Mention& m, Value v) { return set_text(m.campaign, v); }},
    FieldEntry{"city", [](Mention& m, Value v) { return set_text(place(m).city, v); }},
    FieldEntry{"clicks", [](Mention& m, Value v) { return set_number(m.engagement.clicks, v); }},
    FieldEntry{"conversation", [](Mention& m, Value v) { return set_text(m.conversation_id, v); }},
    FieldEntry{"country", [](Mention& m, Value v) { return set_text(place(m).country, v); }},
    FieldEntry{"followers", [](Mention& m, Value v) { return set_number(m.author.followers, v); }},
    FieldEntry{"hashtag", [](Mention& m, Value v) { return add(list(m.hashtags), v); }},
    FieldEntry{"kind", [](Mention& m, Value v) { return set_kind(m.kind, v); }},
    FieldEntry{"lang", [](Mention& m, Value v) { return set_text(m.lang, v); }},
    FieldEntry{"lat", [](Mention& m, Value v) { return set_degrees(place(m).lat, v); }},
    FieldEntry{"likes", [](Mention& m, Value v) { return set_number(m.engagement.likes, v); }},
    FieldEntry{"link", [](Mention& m, Value v) { return add(list(m.links), v); }},
    FieldEntry{"lon", [](Mention& m, Value v) { return set_degrees(place(m).lon, v); }},
    FieldEntry{"media", [](Mention& m, Value v) { return add(m.media, Media{v, ""}); }},
    FieldEntry{"mentions",
               [](Mention& m, Value v) { return add(list(m.mentions), Person{"person", v}); }},
    FieldEntry{"network", [](Mention& m, Value v) { return set_network(m.network, v); }},
    FieldEntry{"replies", [](Mention& m, Value v) { return set_number(m.engagement.replies, v); }},
    FieldEntry{"reply_to", [](Mention& m, Value v) { return set_text(parent(m).handle, v); }},
    FieldEntry{"reply_to_id", [](Mention& m, Value v) { return set_text(parent(m).id, v); }},
    FieldEntry{"seen", [](Mention& m, Value v) { return set_time(m.seen_at, v); }},
    FieldEntry{"shares", [](Mention& m, Value v) { return set_number(m.engagement.shares, v); }},
    FieldEntry{"url", [](Mention& m, Value v) { return set_text(m.url, v); }},
    FieldEntry{"verified", [](Mention& m, Value v) { return set_flag(m.author.verified, v); }},
    FieldEntry{"views", [](Mention& m, Value v) { return set_number(m.engagement.views, v); }},
};

void set_field(CaseMention& out, CaseLine& line) {
  const CaseLine::Field field = line.field();
  if (line.error()) return;
  const auto found = std::ranges::find(kFields, field.key, &FieldEntry::key);
  if (found == kFields.end() && field.key != "new") {
    std::vector<std::string_view> known = {"new"};
    for (const FieldEntry& entry : kFields) known.push_back(entry.key);
    return line.fail(field.offset, unknown_value("field", field.key, known));
  }
  const std::string wrong = field.key == "new" ? set_flag(out.is_new_author, field.value)
                                               : found->set(out.mention, field.value);
  if (!wrong.empty()) line.fail(field.value_offset, fmt::format("{}: {}", field.key, wrong));
}

}  // namespace

void CaseLine::fail(std::size_t offset, std::string message) {
  if (!error_) error_ = CaseLineError{offset, std::move(message)};
  at_ = text_.size();
}

std::size_t CaseLine::offset() {
  while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
  return at_;
}

bool CaseLine::starts_with(std::string_view text) {
  return text_.substr(offset()).starts_with(text);
}

std::string_view CaseLine::word(std::string_view what) {
  const std::size_t begin = offset();
  while (at_ < text_.size() && !is_blank(text_[at_])) ++at_;
  if (begin == at_) fail(begin, fmt::format("expected {}", what));
  return text_.substr(begin, at_ - begin);
}

std::string_view CaseLine::rest(std::string_view what) {
  if (at_end()) {
    fail(at_, fmt::format("expected {}", what));
    return {};
  }
  std::size_t end = text_.size();
  while (is_blank(text_[end - 1])) --end;
  const std::string_view result = text_.substr(at_, end - at_);
  at_ = text_.size();
  return result;
}

std::string CaseLine::quoted() {
  const std::size_t open = offset();
  std::string out;
  if (!starts_with("\"")) {
    fail(open, "expected a text in quotation marks");
    return out;
  }
  for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
    if (text_[at_] != '\\') {
      out += text_[at_];
      continue;
    }
    const char escaped = at_ + 1 < text_.size() ? text_[at_ + 1] : ' ';
    if (escaped != 'n' && escaped != '"' && escaped != '\\') {
      fail(at_, "expected \\n, \\\" or \\\\ after a backslash");
      return out;
    }
    out += escaped == 'n' ? '\n' : escaped;
    ++at_;
  }
  if (at_ == text_.size()) {
    fail(open, "the text that starts here has no closing '\"'");
  } else {
    ++at_;
  }
  return out;
}

CaseLine::Field CaseLine::field() {
  Field field;
  field.offset = offset();
  while (at_ < text_.size() && !is_blank(text_[at_]) && text_[at_] != '=' && text_[at_] != '"')
    ++at_;
  field.key = text_.substr(field.offset, at_ - field.offset);
  if (field.key.empty() || at_ == text_.size() || text_[at_] != '=') {
    fail(field.offset, "expected KEY=VALUE or a text in quotation marks");
    return field;
  }
  field.value_offset = ++at_;
  if (at_ < text_.size() && text_[at_] == '"') {
    field.value = quoted();
    return field;
  }
  while (at_ < text_.size() && !is_blank(text_[at_])) ++at_;
  field.value = text_.substr(field.value_offset, at_ - field.value_offset);
  return field;
}

void CaseLine::skip(std::string_view text, std::string_view what) {
  if (starts_with(text)) {
    at_ += text.size();
  } else {
    fail(at_, fmt::format("expected {}", what));
  }
}

CaseMention read_case_mention(CaseLine& line) {
  CaseMention out;
  Mention& mention = out.mention;
  mention.network = "x";
  mention.id = "case";
  mention.kind = Kind::Mention;
  mention.created_at = parse_time("2026-01-01T00:00:00Z");
  while (!line.error() && !line.starts_with("\"")) set_field(out, line);
  mention.text = line.quoted();
  if (mention.author.id.empty()) mention.author.id = "case";
  if (mention.in_reply_to_author && mention.in_reply_to_author->id.empty())
    mention.in_reply_to_author->id = "parent";
  return out;
}

}  // namespace vigie
