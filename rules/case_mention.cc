#include "rules/case_mention.h"

#include <algorithm>
#include <array>

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

}  // namespace

Result<Mention> case_mention(const YamlNode& node, std::optional<Time> time) {
  if (node.type != YamlNode::Type::Map && node.type != YamlNode::Type::Scalar) {
    return fail(Code::Invalid, "expected a text or fields of a mention");
  }
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
  const auto put = [&](YamlNode& into, std::string_view key, const YamlNode& value) {
    if (into.find(key) == nullptr) into.entries.push_back({text(key), value});
  };
  for (const auto& [key, value] : map.entries) {
    static constexpr std::array<std::string_view, 22> kFields = {
        "network",     "id",
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
    if (std::ranges::find(kFields, key.text) != kFields.end()) continue;
    const std::vector<std::string_view> known(kFields.begin(), kFields.end());
    const std::string_view near = nearest(key.text, known);
    return fail(Code::Invalid,
                "unknown field \"" + key.text + "\"" +
                    (near.empty() ? "" : "; did you mean \"" + std::string(near) + "\"?"));
  }
  if (node.type == YamlNode::Type::Scalar) put(map, "text", text(node.text));
  put(map, "network", text("x"));
  put(map, "id", text("case"));
  put(map, "kind", text("mention"));
  put(map, "created_at", text(time ? format_time(*time) : "2026-01-01T00:00:00Z"));
  YamlNode author;
  author.type = YamlNode::Type::Map;
  put(map, "author", author);
  for (auto& [key, value] : map.entries) {
    if (key.text == "author" && value.type == YamlNode::Type::Map) put(value, "id", text("case"));
  }
  std::string json;
  JsonWriter writer(json);
  write_json(writer, map, "");
  return MentionReader().read(json);
}

}  // namespace vigie
