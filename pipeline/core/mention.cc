#include "pipeline/core/mention.h"

#include <array>
#include <cstring>

#include <xxhash.h>

namespace vigie {
namespace {

constexpr std::array<std::string_view, 10> kOps = {
    "create", "update",      "delete",        "engagement",   "hide",
    "unhide", "hide_author", "unhide_author", "erase_author", "tick"};
constexpr std::array<std::string_view, 9> kKinds = {
    "mention", "reply", "comment", "post", "share", "reaction", "dm", "click", "conversion"};

// Feeds a sequence of values to a hash so that no two different sequences give the same bytes: each
// value is preceded by its length or presence.
class Hasher {
 public:
  void add(std::string_view text) {
    add_number(static_cast<std::int64_t>(text.size()));
    bytes_.append(text);
  }
  void add_number(std::int64_t value) {
    char raw[sizeof value];
    for (std::size_t i = 0; i < sizeof value; ++i) {
      raw[i] = static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i));
    }
    bytes_.append(raw, sizeof raw);
  }
  void add(const std::optional<double>& value) {
    std::int64_t bits = 0;
    if (value) std::memcpy(&bits, &*value, sizeof bits);
    add_number(value.has_value());
    add_number(bits);
  }
  void add(const std::optional<Time>& time) {
    add_number(time.has_value());
    add_number(time ? time->time_since_epoch().count() : 0);
  }
  void add(const Person& person) {
    add(person.id);
    add(person.handle);
  }
  void add(const std::optional<Person>& person) {
    add_number(person.has_value());
    if (person) add(*person);
  }
  template <class T>
  void add_list(const std::vector<T>& list) {
    add_number(static_cast<std::int64_t>(list.size()));
    for (const T& item : list) add(item);
  }
  template <class T>
  void add_list(const std::optional<std::vector<T>>& list) {
    add_number(list.has_value());
    if (list) add_list(*list);
  }
  void add(const Media& media) {
    add(media.type);
    add(media.url);
  }

  std::uint64_t digest() const { return XXH3_64bits(bytes_.data(), bytes_.size()); }

 private:
  std::string bytes_;
};

}  // namespace

std::string_view name(Op op) {
  return kOps[static_cast<std::size_t>(op)];
}

std::string_view name(Kind kind) {
  return kKinds[static_cast<std::size_t>(kind)];
}

std::optional<Op> parse_op(std::string_view text) {
  for (std::size_t i = 0; i < kOps.size(); ++i) {
    if (kOps[i] == text) return static_cast<Op>(i);
  }
  return std::nullopt;
}

std::optional<Kind> parse_kind(std::string_view text) {
  for (std::size_t i = 0; i < kKinds.size(); ++i) {
    if (kKinds[i] == text) return static_cast<Kind>(i);
  }
  return std::nullopt;
}

std::string key_of(const Mention& mention) {
  if (mention.op == Op::Tick) return "tick";
  std::string key;
  if (is_author_wide(mention.op)) {
    key.reserve(mention.network.size() + 2 + mention.author.id.size());
    return key.append(mention.network).append("/@").append(mention.author.id);
  }
  key.reserve(mention.network.size() + 1 + mention.id.size());
  return key.append(mention.network).append(1, '/').append(mention.id);
}

std::string conversation_key_of(const Mention& mention) {
  const std::string& id = !mention.conversation_id.empty() ? mention.conversation_id
                          : !mention.in_reply_to.empty()   ? mention.in_reply_to
                                                           : mention.id;
  std::string key;
  key.reserve(mention.network.size() + 1 + id.size());
  return key.append(mention.network).append(1, '/').append(id);
}

Time event_time(const Mention& mention, Time seen_at) {
  // An author's clock that is ahead of ours by more than this is not believed.
  constexpr std::chrono::minutes kFuture{2};
  const Time created = mention.created_at.value_or(seen_at);
  return created > seen_at + kFuture ? seen_at : created;
}

std::optional<Time> event_time(const Mention& mention) {
  if (!mention.seen_at) return mention.created_at;
  return event_time(mention, *mention.seen_at);
}

std::int64_t version_of(const Mention& mention) {
  if (mention.version) return *mention.version;
  if (mention.edited_at) return mention.edited_at->time_since_epoch().count();
  return 0;
}

std::uint64_t content_hash(const Mention& mention) {
  Hasher hash;
  hash.add(mention.network);
  hash.add(mention.id);
  hash.add_number(mention.kind ? static_cast<std::int64_t>(*mention.kind) : -1);
  hash.add(mention.conversation_id);
  hash.add(mention.in_reply_to);
  hash.add(mention.in_reply_to_author);
  hash.add(mention.author.id);
  hash.add(mention.author.handle);
  hash.add(mention.text);
  hash.add(mention.lang);
  hash.add(mention.created_at);
  hash.add(mention.edited_at);
  hash.add(mention.url);
  hash.add_list(mention.links);
  hash.add_list(mention.hashtags);
  hash.add_list(mention.mentions);
  hash.add_list(mention.media);
  hash.add_number(mention.place.has_value());
  if (mention.place) {
    hash.add(mention.place->country);
    hash.add(mention.place->city);
    hash.add(mention.place->lat);
    hash.add(mention.place->lon);
  }
  hash.add(mention.campaign);
  hash.add(mention.ambassador);
  hash.add_number(mention.conversion.has_value());
  if (mention.conversion) {
    hash.add(mention.conversion->name);
    hash.add(mention.conversion->value);
    hash.add(mention.conversion->currency);
  }
  return hash.digest();
}

}  // namespace vigie
