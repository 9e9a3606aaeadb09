#include "rules/case_mention.h"

#include <algorithm>
#include <array>
#include <span>

#include <fmt/format.h>

#include "pipeline/core/json.h"

namespace vigie {
namespace {

constexpr std::array<std::string_view, 10> kNumbers = {
    "followers", "likes", "replies", "shares", "views", "clicks", "version", "lat", "lon", "value"};

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789.-+eE") == std::string_view::npos;
}

void write_json(JsonWriter& json, const YamlNode& node, std::string_view key) {
  switch (node.type) {
    case YamlNode::Type::Null:
      json.null();
      return;
    case YamlNode::Type::List:
      json.begin_array();
      for (const YamlNode& item : node.items) write_json(json, item, "");
      json.end_array();
      return;
    case YamlNode::Type::Map:
      json.begin_object();
      for (const auto& [name, value] : node.entries) {
        json.key(name.text);
        write_json(json, value, name.text);
      }
      json.end_object();
      return;
    case YamlNode::Type::Scalar:
      break;
  }
  const bool bare = !node.quoted;
  if (bare && is_number(node.text) && std::ranges::find(kNumbers, key) != kNumbers.end()) {
    json.raw(node.text);
  } else if (bare && (node.text == "true" || node.text == "false")) {
    json.boolean(node.text == "true");
  } else {
    json.string(node.text);
  }
}

constexpr std::array<std::string_view, 22> kFields = {"network",     "id",
                                                      "kind",        "conversation_id",
                                                      "in_reply_to", "in_reply_to_author",
                                                      "author",      "text",
                                                      "lang",        "url",
                                                      "created_at",  "edited_at",
                                                      "seen_at",     "links",
                                                      "hashtags",    "mentions",
                                                      "media",       "place",
                                                      "engagement",  "campaign",
                                                      "ambassador",  "conversion"};
constexpr std::array<std::string_view, 2> kPersonFields = {"id", "handle"};
constexpr std::array<std::string_view, 5> kAuthorFields = {"id", "handle", "name", "followers",
                                                           "verified"};
constexpr std::array<std::string_view, 4> kPlaceFields = {"country", "city", "lat", "lon"};
constexpr std::array<std::string_view, 5> kEngagementFields = {"likes", "replies", "shares",
                                                               "views", "clicks"};
constexpr std::array<std::string_view, 3> kConversionFields = {"name", "value", "currency"};
constexpr std::array<std::string_view, 2> kMediaFields = {"type", "url"};

// What may stand in the objects of a field; empty where it holds none.
std::span<const std::string_view> fields_within(std::string_view field) {
  if (field == "author") return kAuthorFields;
  if (field == "in_reply_to_author" || field == "mentions") return kPersonFields;
  if (field == "place") return kPlaceFields;
  if (field == "engagement") return kEngagementFields;
  if (field == "conversion") return kConversionFields;
  if (field == "media") return kMediaFields;
  return {};
}

// Each unknown field is an error at its own place: the reader of mentions passes over what it does
// not know, since connectors may be newer than it, and a typo would test another mention.
class FieldCheck {
 public:
  FieldCheck(std::string_view key, Diagnostics& diagnostics)
      : key_(key), diagnostics_(diagnostics) {}

  bool mention(const YamlNode& map) {
    names(map, kFields, "");
    for (const auto& [name, value] : map.entries) {
      const std::span<const std::string_view> known = fields_within(name.text);
      if (known.empty()) continue;
      names(value, known, name.text);
      for (const YamlNode& item : value.items) names(item, known, name.text);
    }
    return good_;
  }

 private:
  void names(const YamlNode& map, std::span<const std::string_view> known,
             std::string_view within) {
    for (const auto& [name, value] : map.entries) {
      if (std::ranges::find(known, name.text) != known.end()) continue;
      good_ = false;
      const std::string_view near = nearest(name.text, {known.begin(), known.end()});
      diagnostics_.error(
          name.mark,
          fmt::format("{}: unknown field \"{}{}{}\"{}", key_, within, within.empty() ? "" : ".",
                      name.text, near.empty() ? "" : fmt::format("; did you mean \"{}\"?", near)));
    }
  }

  std::string_view key_;
  Diagnostics& diagnostics_;
  bool good_ = true;
};

}  // namespace

std::optional<Mention> case_mention(const YamlNode& node, std::string_view key,
                                    std::optional<Time> time, Diagnostics& diagnostics) {
  if (node.type != YamlNode::Type::Map && node.type != YamlNode::Type::Scalar) {
    diagnostics.error(node.mark, fmt::format("{}: expected a text or fields of a mention", key));
    return {};
  }
  if (!FieldCheck(key, diagnostics).mention(node)) return {};
  YamlNode map;
  map.type = YamlNode::Type::Map;
  if (node.type == YamlNode::Type::Map) map = node;
  const auto text = [](std::string_view value) {
    YamlNode scalar;
    scalar.type = YamlNode::Type::Scalar;
    scalar.quoted = true;
    scalar.text = value;
    return scalar;
  };
  const auto put = [&](YamlNode& into, std::string_view name, const YamlNode& value) {
    if (into.find(name) == nullptr) into.entries.push_back({text(name), value});
  };
  if (node.type == YamlNode::Type::Scalar) put(map, "text", text(node.text));
  put(map, "network", text("x"));
  put(map, "id", text("case"));
  put(map, "kind", text("mention"));
  put(map, "created_at", text(time ? format_time(*time) : "2026-01-01T00:00:00Z"));
  YamlNode author;
  author.type = YamlNode::Type::Map;
  put(map, "author", author);
  for (auto& [name, value] : map.entries) {
    if (name.text == "author" && value.type == YamlNode::Type::Map) put(value, "id", text("case"));
  }
  std::string json;
  JsonWriter writer(json);
  write_json(writer, map, "");
  Result<Mention> mention = MentionReader().read(json);
  if (mention) return std::move(*mention);
  diagnostics.error(node.mark, fmt::format("{}: {}", key, mention.error().message));
  return {};
}

}  // namespace vigie
