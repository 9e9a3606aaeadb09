#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/core/clock.h"
#include "pipeline/core/error.h"

namespace vigie {

// What happened to a message.
enum class Op : std::uint8_t {
  Create,
  Update,
  Delete,
  Engagement,
  Hide,
  Unhide,
  HideAuthor,
  UnhideAuthor,
  EraseAuthor,
  Tick,
};

enum class Kind : std::uint8_t {
  Mention,
  Reply,
  Comment,
  Post,
  Share,
  Reaction,
  Dm,
  Click,
  Conversion,
};

std::string_view name(Op op);
std::string_view name(Kind kind);
std::optional<Op> parse_op(std::string_view text);
std::optional<Kind> parse_kind(std::string_view text);

constexpr bool is_author_wide(Op op) {
  return op == Op::HideAuthor || op == Op::UnhideAuthor || op == Op::EraseAuthor;
}

struct Person {
  std::string id;
  std::string handle;
  friend bool operator==(const Person&, const Person&) = default;
};

struct Author {
  std::string id;
  std::string handle;
  std::string name;
  std::optional<std::int64_t> followers;
  std::optional<bool> verified;
  friend bool operator==(const Author&, const Author&) = default;
};

struct Media {
  std::string type;
  std::string url;
  friend bool operator==(const Media&, const Media&) = default;
};

struct Place {
  std::string country;
  std::string city;
  std::optional<double> lat;
  std::optional<double> lon;
  friend bool operator==(const Place&, const Place&) = default;
};

// Absolute counts as of the record's `seen_at`; a count that the source does not tell is empty.
struct Engagement {
  std::optional<std::int64_t> likes;
  std::optional<std::int64_t> replies;
  std::optional<std::int64_t> shares;
  std::optional<std::int64_t> views;
  std::optional<std::int64_t> clicks;
  friend bool operator==(const Engagement&, const Engagement&) = default;
};

struct Conversion {
  std::string name;
  std::optional<double> value;
  std::string currency;
  friend bool operator==(const Conversion&, const Conversion&) = default;
};

// The canonical mention: what every connector makes of what its network says, and what every later
// station reads. An empty string is a field the source does not tell. Lists that are empty
// optionals are to be extracted from `text`; an empty list says there are none.
struct Mention {
  std::string network;
  std::string id;
  Op op = Op::Create;
  std::optional<Kind> kind;
  std::string conversation_id;
  std::string in_reply_to;
  std::optional<Person> in_reply_to_author;
  Author author;
  std::string text;
  std::string lang;
  std::optional<Time> created_at;
  std::optional<Time> edited_at;
  std::optional<Time> seen_at;
  std::optional<std::int64_t> version;
  std::string url;
  std::optional<std::vector<std::string>> links;
  std::optional<std::vector<std::string>> hashtags;
  std::optional<std::vector<Person>> mentions;
  std::vector<Media> media;
  std::optional<Place> place;
  Engagement engagement;
  std::string connector;
  std::string campaign;
  std::string ambassador;
  std::optional<Conversion> conversion;

  friend bool operator==(const Mention&, const Mention&) = default;
};

// Whether it brings a message or a new version of one. What else happens to messages is neither
// matched nor queued.
inline bool brings_message(const Mention& mention) {
  return mention.op == Op::Create || mention.op == Op::Update;
}

// `network/id`: the identity of a message everywhere, and its partition key. Of an author-wide op,
// which has no id, `network/@author id`; of a tick, "tick".
std::string key_of(const Mention& mention);

// `network/` + (conversation_id, else in_reply_to, else id): the key of its queue item.
std::string conversation_key_of(const Mention& mention);

// Orders the edits of one message: `version`, else `edited_at` in microseconds, else 0.
std::int64_t version_of(const Mention& mention);

// What counters and windows go by: `created_at`, or the receipt where that is more than two minutes
// earlier or the author's time is not told.
Time event_time(const Mention& mention, Time seen_at);

// The same of a mention that may not have been received yet: nothing where neither is told.
std::optional<Time> event_time(const Mention& mention);

// Same content, same number: every field but op, version, engagement, seen_at, connector and the
// author's name, followers and verified. XXH3 of the fields; stable over machines and builds.
std::uint64_t content_hash(const Mention& mention);

// The largest JSON text that may be a mention, and the largest with what was decided about it.
constexpr std::size_t kMaxMentionBytes = std::size_t{512} * 1024;
constexpr std::size_t kMaxStoredMentionBytes = std::size_t{1024} * 1024;

// Appends the mention as one JSON object without a line end, first its format version (`"v":1`).
// Fields that are not told are left out.
void append_json(std::string& out, const Mention& mention);

// Reads canonical mentions from JSON. Keeps its buffers from one call to the next; one thread.
class MentionReader {
 public:
  MentionReader();
  ~MentionReader();
  MentionReader(MentionReader&&) noexcept;
  MentionReader& operator=(MentionReader&&) noexcept;

  // Fails with Invalid and a message that names the field and what was expected (or where the JSON
  // breaks). Unknown fields are dropped. Checks the whole text: JSON, UTF-8, types, ranges,
  // required fields of the op. Texts over `max_bytes` are refused, and a format version (`"v"`)
  // other than 1; none at all is the first.
  Result<Mention> read(std::string_view json, std::size_t max_bytes = kMaxMentionBytes);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace vigie
