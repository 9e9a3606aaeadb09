#include "connectors/bluesky/post.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <simdjson.h>

namespace vigie {
namespace {

using simdjson::dom::element;

constexpr std::string_view kPost = "app.bsky.feed.post";
// The canonical form takes no longer list; a post with more is spam and keeps its first ones.
constexpr std::size_t kMaxListItems = 1000;

std::optional<std::string_view> string_at(simdjson::dom::object object, std::string_view key) {
  std::string_view text;
  if (object.at_key(key).get(text) != simdjson::SUCCESS) return std::nullopt;
  return text;
}

std::optional<simdjson::dom::object> object_at(simdjson::dom::object object, std::string_view key) {
  simdjson::dom::object found;
  if (object.at_key(key).get(found) != simdjson::SUCCESS) return std::nullopt;
  return found;
}

std::optional<simdjson::dom::array> array_at(simdjson::dom::object object, std::string_view key) {
  simdjson::dom::array found;
  if (object.at_key(key).get(found) != simdjson::SUCCESS) return std::nullopt;
  return found;
}

void add(std::optional<std::vector<std::string>>& list, std::string_view text) {
  if (text.empty()) return;
  if (!list) list.emplace();
  if (list->size() == kMaxListItems || std::ranges::find(*list, text) != list->end()) return;
  list->emplace_back(text);
}

bool is_label_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
}

// The domain name that `text` begins with, or "": labels joined by dots, the last one of letters.
std::string_view leading_domain(std::string_view text) {
  std::size_t end = 0;
  bool dotted = false;
  for (std::size_t begin = 0;;) {
    std::size_t next = begin;
    while (next < text.size() && is_label_char(text[next])) ++next;
    if (next == begin) break;
    dotted = dotted || begin > 0;
    end = next;
    if (next == text.size() || text[next] != '.') break;
    begin = next + 1;
  }
  const std::string_view domain = text.substr(0, end);
  if (!dotted) return {};
  const char first = domain[domain.rfind('.') + 1];
  return (first >= '0' && first <= '9') || first == '-' ? std::string_view{} : domain;
}

bool names_somebody(std::string_view text) {
  for (std::size_t at = text.find('@'); at != std::string_view::npos; at = text.find('@', at + 1)) {
    const bool inside_word = at > 0 && (is_label_char(text[at - 1]) || text[at - 1] == '.' ||
                                        text[at - 1] == '_' || text[at - 1] == '/');
    if (!inside_word && !leading_domain(text.substr(at + 1)).empty()) return true;
  }
  return false;
}

// Shaped like a BCP 47 tag.
bool is_language(std::string_view text) {
  return text.size() >= 2 && text.size() <= 35 && std::ranges::all_of(text, is_label_char);
}

// What the author wrote as the handle of a facet's DID: the bytes it covers, when they are one.
std::string_view handle_in(simdjson::dom::object facet, std::string_view text) {
  const auto index = object_at(facet, "index");
  if (!index) return {};
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  if (index->at_key("byteStart").get(begin) != simdjson::SUCCESS ||
      index->at_key("byteEnd").get(end) != simdjson::SUCCESS || begin >= end || end > text.size() ||
      text[begin] != '@') {
    return {};
  }
  const std::string_view inside = text.substr(begin + 1, end - begin - 1);
  return leading_domain(inside).size() == inside.size() ? inside : std::string_view{};
}

void read_feature(simdjson::dom::object feature, simdjson::dom::object facet, Mention& mention) {
  const std::string_view type = string_at(feature, "$type").value_or("");
  if (type == "app.bsky.richtext.facet#link") {
    add(mention.links, string_at(feature, "uri").value_or(""));
  } else if (type == "app.bsky.richtext.facet#tag") {
    add(mention.hashtags, string_at(feature, "tag").value_or(""));
  } else if (type == "app.bsky.richtext.facet#mention") {
    const std::string_view did = string_at(feature, "did").value_or("");
    auto& people = *mention.mentions;
    if (!is_did(did) || people.size() == kMaxListItems) return;
    if (std::ranges::find(people, did, &Person::id) != people.end()) return;
    people.push_back({std::string(did), std::string(handle_in(facet, mention.text))});
  }
}

// Posts with facets say all about their text; one without any was written by a simple client, and
// its links, tags and handles are left to be found in the text.
void read_facets(simdjson::dom::object record, Mention& mention) {
  const auto facets = array_at(record, "facets");
  if (facets && facets->size() > 0) {
    mention.links.emplace();
    mention.hashtags.emplace();
    mention.mentions.emplace();
    for (const element item : *facets) {
      simdjson::dom::object facet;
      if (item.get(facet) != simdjson::SUCCESS) continue;
      const auto features = array_at(facet, "features");
      if (!features) continue;
      for (const element entry : *features) {
        simdjson::dom::object feature;
        if (entry.get(feature) == simdjson::SUCCESS) read_feature(feature, facet, mention);
      }
    }
  }
  if (const auto tags = array_at(record, "tags")) {
    for (const element tag : *tags) {
      std::string_view text;
      if (tag.get(text) == simdjson::SUCCESS) add(mention.hashtags, text);
    }
  }
}

// The content id of a blob: {"$type":"blob","ref":{"$link":cid}}.
std::string_view blob_id(simdjson::dom::object holder, std::string_view key) {
  const auto blob = object_at(holder, key);
  if (!blob) return {};
  const auto ref = object_at(*blob, "ref");
  return ref ? string_at(*ref, "$link").value_or("") : std::string_view{};
}

void add_media(Mention& mention, std::string_view type, std::string url) {
  if (mention.media.size() < kMaxListItems) {
    mention.media.push_back({std::string(type), std::move(url)});
  }
}

void read_images(simdjson::dom::object embed, Mention& mention) {
  const auto images = array_at(embed, "images");
  if (!images) return;
  for (const element item : *images) {
    simdjson::dom::object image;
    if (item.get(image) != simdjson::SUCCESS) continue;
    const std::string_view id = blob_id(image, "image");
    if (id.empty()) continue;
    add_media(mention, "image",
              fmt::format("https://cdn.bsky.app/img/feed_fullsize/plain/{}/{}@jpeg",
                          mention.author.id, id));
  }
}

// A quoted post is a link to it, as people see it.
void read_quote(simdjson::dom::object embed, Mention& mention) {
  const auto record = object_at(embed, "record");
  if (!record) return;
  const AtUri uri = parse_at_uri(string_at(*record, "uri").value_or(""));
  if (!uri.valid() || uri.collection != kPost) return;
  add(mention.links, fmt::format("https://bsky.app/profile/{}/post/{}", uri.authority, uri.key));
}

void read_embed(simdjson::dom::object embed, Mention& mention) {
  const std::string_view type = string_at(embed, "$type").value_or("");
  if (type == "app.bsky.embed.images") return read_images(embed, mention);
  if (type == "app.bsky.embed.record") return read_quote(embed, mention);
  if (type == "app.bsky.embed.external") {
    const auto external = object_at(embed, "external");
    if (external) add(mention.links, string_at(*external, "uri").value_or(""));
  } else if (type == "app.bsky.embed.video") {
    const std::string_view id = blob_id(embed, "video");
    if (id.empty()) return;
    add_media(
        mention, "video",
        fmt::format("https://video.bsky.app/watch/{}/{}/playlist.m3u8", mention.author.id, id));
  } else if (type == "app.bsky.embed.recordWithMedia") {
    // The record inside is a whole record embed; the media is one of the other kinds.
    if (const auto quote = object_at(embed, "record")) read_quote(*quote, mention);
    const auto media = object_at(embed, "media");
    if (media && string_at(*media, "$type") != type) read_embed(*media, mention);
  }
}

Result<void> read_reply(simdjson::dom::object record, Mention& mention) {
  const auto found = record.at_key("reply");
  if (found.error() != simdjson::SUCCESS || found.value_unsafe().is_null()) return {};
  const auto reply = object_at(record, "reply");
  const auto uri_of = [&](std::string_view key) -> std::string_view {
    const auto ref = reply ? object_at(*reply, key) : std::nullopt;
    return ref ? string_at(*ref, "uri").value_or("") : std::string_view{};
  };
  const std::string_view root = uri_of("root");
  const std::string_view parent = uri_of("parent");
  if (!parse_at_uri(root).valid() || !parse_at_uri(parent).valid()) {
    return fail(Code::Invalid, "reply: expected the at:// URIs of root and parent");
  }
  mention.kind = Kind::Reply;
  mention.conversation_id = root;
  mention.in_reply_to = parent;
  mention.in_reply_to_author = Person{std::string(parse_at_uri(parent).authority), ""};
  return {};
}

}  // namespace

bool is_did(std::string_view text) {
  if (!text.starts_with("did:") || text.size() > 256) return false;
  const std::size_t colon = text.find(':', 4);
  if (colon == std::string_view::npos || colon == 4 || colon + 1 == text.size()) return false;
  return std::ranges::all_of(text.substr(4), [](char c) {
    return is_label_char(c) || c == '.' || c == '_' || c == ':' || c == '%';
  });
}

AtUri parse_at_uri(std::string_view text) {
  constexpr std::string_view kScheme = "at://";
  if (!text.starts_with(kScheme) || text.size() > 512) return {};
  text.remove_prefix(kScheme.size());
  const std::size_t first = text.find('/');
  if (first == std::string_view::npos) return {};
  const std::size_t second = text.find('/', first + 1);
  if (second == std::string_view::npos) return {};
  const AtUri uri{text.substr(0, first), text.substr(first + 1, second - first - 1),
                  text.substr(second + 1)};
  const auto plain = [](std::string_view part) {
    return !part.empty() && std::ranges::all_of(part, [](char c) {
      return is_label_char(c) || c == '.' || c == '_' || c == ':' || c == '~' || c == '%';
    });
  };
  if (!is_did(uri.authority) || !plain(uri.collection) || !plain(uri.key)) return {};
  return uri;
}

Result<void> read_post(const simdjson::dom::object& record, Mention& mention) {
  const auto text = string_at(record, "text");
  if (!text) return fail(Code::Invalid, "text: expected a string");
  mention.text = *text;
  if (auto read = read_reply(record, mention); !read) return read;
  read_facets(record, mention);
  if (const auto embed = object_at(record, "embed")) read_embed(*embed, mention);
  if (const auto langs = array_at(record, "langs")) {
    std::string_view lang;
    if (langs->at(0).get(lang) == simdjson::SUCCESS && is_language(lang)) mention.lang = lang;
  }
  mention.created_at = parse_time(string_at(record, "createdAt").value_or(""));
  if (!mention.kind) {
    const bool named = (mention.mentions && !mention.mentions->empty()) || names_somebody(*text);
    mention.kind = named ? Kind::Mention : Kind::Post;
  }
  return {};
}

}  // namespace vigie
