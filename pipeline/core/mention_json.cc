// The canonical mention as JSON. Writing follows the order of the struct; reading accepts any
// order.
#include <algorithm>
#include <limits>

#include <fmt/format.h>
#include <simdjson.h>

#include "pipeline/core/ids.h"
#include "pipeline/core/json.h"
#include "pipeline/core/mention.h"

namespace vigie {
namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;

constexpr std::size_t kMaxIdBytes = 512;
constexpr std::int64_t kMaxCount = std::int64_t{1} << 53;
// Text and names are bounded by the record; lists are bounded so that one mention cannot fan out
// into unbounded counters.
constexpr std::size_t kMaxListItems = 1000;
constexpr std::int64_t kFormat = 1;

std::string_view type_name(element_type type) {
  switch (type) {
    case element_type::ARRAY:
      return "a list";
    case element_type::OBJECT:
      return "an object";
    case element_type::INT64:
    case element_type::UINT64:
    case element_type::DOUBLE:
      return "a number";
    case element_type::STRING:
      return "a string";
    case element_type::BOOL:
      return "true or false";
    case element_type::NULL_VALUE:
      return "null";
  }
  return "something else";
}

// Collects the first thing that is wrong while fields are read, so that reading code stays
// straight.
class Fields {
 public:
  bool ok() const { return error_.empty(); }
  const std::string& error() const { return error_; }

  void expect(std::string_view field, std::string_view wanted, element found) {
    say(fmt::format("{}: expected {}, found {}", field, wanted, type_name(found.type())));
  }
  void say(std::string message) {
    if (error_.empty()) error_ = std::move(message);
  }

  void string(std::string_view field, element value, std::string& out) {
    if (value.is_null()) return;
    std::string_view text;
    if (value.get(text) != simdjson::SUCCESS) return expect(field, "a string", value);
    // JSON's \u escapes can spell a lone surrogate, which is no UTF-8.
    if (text.find('\xed') != std::string_view::npos &&
        !simdjson::validate_utf8(text.data(), text.size())) {
      return say(fmt::format("{}: expected Unicode text, found a lone surrogate", field));
    }
    out.assign(text);
  }

  void count(std::string_view field, element value, std::optional<std::int64_t>& out) {
    integer(field, value, 0, kMaxCount, "a whole number from 0", out);
  }

  void integer(std::string_view field, element value, std::int64_t low, std::int64_t high,
               std::string_view wanted, std::optional<std::int64_t>& out) {
    if (value.is_null()) return;
    std::int64_t number = 0;
    if (value.get(number) != simdjson::SUCCESS) return expect(field, wanted, value);
    if (number < low || number > high) {
      return say(fmt::format("{}: expected {}, found {}", field, wanted, number));
    }
    out = number;
  }

  void real(std::string_view field, element value, std::optional<double>& out) {
    if (value.is_null()) return;
    double number = 0;
    if (value.get(number) != simdjson::SUCCESS) return expect(field, "a number", value);
    // Minus zero has no form of its own in what is written, so it must not have one here.
    out = number + 0.0;
  }

  void time(std::string_view field, element value, std::optional<Time>& out) {
    if (value.is_null()) return;
    std::string_view text;
    if (value.get(text) != simdjson::SUCCESS) return expect(field, "an RFC 3339 time", value);
    out = parse_time(text);
    if (!out) {
      say(fmt::format("{}: expected an RFC 3339 time with offset, found \"{}\"", field,
                      text.substr(0, 64)));
    }
  }

  template <class Read>
  void object(std::string_view field, element value, Read read) {
    if (value.is_null()) return;
    simdjson::dom::object members;
    if (value.get(members) != simdjson::SUCCESS) return expect(field, "an object", value);
    for (const auto& [key, member] : members) read(key, member);
  }

  template <class T, class Read>
  void list(std::string_view field, element value, std::vector<T>& out, Read read) {
    simdjson::dom::array items;
    if (value.get(items) != simdjson::SUCCESS) return expect(field, "a list", value);
    out.clear();
    for (const element item : items) {
      if (out.size() == kMaxListItems) {
        return say(fmt::format("{}: expected at most {} items", field, kMaxListItems));
      }
      read(item, out.emplace_back());
    }
  }

 private:
  std::string error_;
};

void read_person(Fields& fields, std::string_view field, element value, Person& person) {
  fields.object(field, value, [&](std::string_view key, element member) {
    if (key == "id") fields.string("id of a person", member, person.id);
    if (key == "handle") fields.string("handle of a person", member, person.handle);
  });
}

void read_author(Fields& fields, element value, Author& author) {
  fields.object("author", value, [&](std::string_view key, element member) {
    if (key == "id") fields.string("author.id", member, author.id);
    if (key == "handle") fields.string("author.handle", member, author.handle);
    if (key == "name") fields.string("author.name", member, author.name);
    if (key == "followers") fields.count("author.followers", member, author.followers);
    if (key == "verified" && !member.is_null()) {
      bool verified = false;
      if (member.get(verified) != simdjson::SUCCESS) {
        return fields.expect("author.verified", "true or false", member);
      }
      author.verified = verified;
    }
  });
}

void read_engagement(Fields& fields, element value, Engagement& engagement) {
  fields.object("engagement", value, [&](std::string_view key, element member) {
    if (key == "likes") fields.count("engagement.likes", member, engagement.likes);
    if (key == "replies") fields.count("engagement.replies", member, engagement.replies);
    if (key == "shares") fields.count("engagement.shares", member, engagement.shares);
    if (key == "views") fields.count("engagement.views", member, engagement.views);
    if (key == "clicks") fields.count("engagement.clicks", member, engagement.clicks);
  });
}

void read_place(Fields& fields, element value, std::optional<Place>& place) {
  if (value.is_null()) return;
  place.emplace();
  fields.object("place", value, [&](std::string_view key, element member) {
    if (key == "country") fields.string("place.country", member, place->country);
    if (key == "city") fields.string("place.city", member, place->city);
    if (key == "lat") fields.real("place.lat", member, place->lat);
    if (key == "lon") fields.real("place.lon", member, place->lon);
  });
}

void read_conversion(Fields& fields, element value, std::optional<Conversion>& conversion) {
  if (value.is_null()) return;
  conversion.emplace();
  fields.object("conversion", value, [&](std::string_view key, element member) {
    if (key == "name") fields.string("conversion.name", member, conversion->name);
    if (key == "value") fields.real("conversion.value", member, conversion->value);
    if (key == "currency") fields.string("conversion.currency", member, conversion->currency);
  });
}

void read_strings(Fields& fields, std::string_view field, element value,
                  std::optional<std::vector<std::string>>& out) {
  if (value.is_null()) return;
  fields.list(field, value, out.emplace(), [&](element item, std::string& text) {
    if (item.is_null()) return fields.expect(field, "a list of strings", item);
    fields.string(field, item, text);
  });
}

void read_media(Fields& fields, element value, std::vector<Media>& out) {
  if (value.is_null()) return;
  fields.list("media", value, out, [&](element item, Media& media) {
    if (item.type() == element_type::STRING) return fields.string("media", item, media.url);
    fields.object("media", item, [&](std::string_view key, element member) {
      if (key == "type") fields.string("media type", member, media.type);
      if (key == "url") fields.string("media url", member, media.url);
    });
  });
}

template <class Enum, class Parse>
void read_enum(Fields& fields, std::string_view field, element value, Parse parse, Enum& out) {
  if (value.is_null()) return;
  std::string_view text;
  if (value.get(text) != simdjson::SUCCESS) return fields.expect(field, "a string", value);
  const auto parsed = parse(text);
  if (!parsed) return fields.say(fmt::format("{}: unknown \"{}\"", field, text.substr(0, 64)));
  // NOLINTNEXTLINE(bugprone-optional-value-conversion): only some fields are optional
  out = *parsed;
}

void read_field(Fields& fields, std::string_view key, element value, Mention& mention) {
  constexpr std::int64_t kLowest = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t kHighest = std::numeric_limits<std::int64_t>::max();
  if (key == "network") return fields.string(key, value, mention.network);
  if (key == "id") return fields.string(key, value, mention.id);
  if (key == "op") return read_enum(fields, key, value, parse_op, mention.op);
  if (key == "kind") return read_enum(fields, key, value, parse_kind, mention.kind);
  if (key == "conversation_id") return fields.string(key, value, mention.conversation_id);
  if (key == "in_reply_to") return fields.string(key, value, mention.in_reply_to);
  if (key == "in_reply_to_author") {
    if (!value.is_null()) {
      read_person(fields, key, value, mention.in_reply_to_author.emplace());
    }
    return;
  }
  if (key == "author") return read_author(fields, value, mention.author);
  if (key == "text") return fields.string(key, value, mention.text);
  if (key == "lang") return fields.string(key, value, mention.lang);
  if (key == "created_at") return fields.time(key, value, mention.created_at);
  if (key == "edited_at") return fields.time(key, value, mention.edited_at);
  if (key == "seen_at") return fields.time(key, value, mention.seen_at);
  if (key == "version") {
    return fields.integer(key, value, kLowest, kHighest, "a whole number", mention.version);
  }
  if (key == "url") return fields.string(key, value, mention.url);
  if (key == "links") return read_strings(fields, key, value, mention.links);
  if (key == "hashtags") return read_strings(fields, key, value, mention.hashtags);
  if (key == "mentions" && !value.is_null()) {
    return fields.list(key, value, mention.mentions.emplace(), [&](element item, Person& person) {
      if (item.is_null()) return fields.expect("mentions", "a list of {id, handle}", item);
      read_person(fields, "mentions", item, person);
    });
  }
  if (key == "media") return read_media(fields, value, mention.media);
  if (key == "place") return read_place(fields, value, mention.place);
  if (key == "engagement") return read_engagement(fields, value, mention.engagement);
  if (key == "connector") return fields.string(key, value, mention.connector);
  if (key == "campaign") return fields.string(key, value, mention.campaign);
  if (key == "ambassador") return fields.string(key, value, mention.ambassador);
  if (key == "conversion") return read_conversion(fields, value, mention.conversion);
  if (key == "v") {
    std::optional<std::int64_t> format;
    return fields.integer(key, value, kFormat, kFormat, "format version 1", format);
  }
}

// What each op cannot do without.
void check_required(Fields& fields, const Mention& mention) {
  if (mention.op == Op::Tick) {
    if (!mention.seen_at) fields.say("seen_at: required for a tick");
    return;
  }
  if (mention.network.empty()) fields.say("network: required");
  if (!is_network_name(mention.network)) {
    fields.say(fmt::format("network: expected [a-z][a-z0-9_]{{0,31}}, found \"{}\"",
                           std::string_view(mention.network).substr(0, 64)));
  }
  if (is_author_wide(mention.op)) {
    if (mention.author.id.empty()) fields.say("author.id: required for an author-wide op");
    return;
  }
  if (mention.id.empty()) fields.say("id: required");
  if (mention.id.size() > kMaxIdBytes) {
    fields.say(
        fmt::format("id: expected at most {} bytes, found {}", kMaxIdBytes, mention.id.size()));
  }
  if (!brings_message(mention)) return;
  if (!mention.kind) fields.say(fmt::format("kind: required for {}", name(mention.op)));
  if (!mention.created_at) fields.say(fmt::format("created_at: required for {}", name(mention.op)));
  if (mention.author.id.empty())
    fields.say(fmt::format("author.id: required for {}", name(mention.op)));
}

// Writes the fields that are there.
class FieldWriter {
 public:
  explicit FieldWriter(std::string& out) : json_(out) {}

  JsonWriter& json() { return json_; }
  void text(std::string_view field, const std::string& value) {
    if (!value.empty()) json_.field(field, value);
  }
  void count(std::string_view field, const std::optional<std::int64_t>& value) {
    if (value) json_.field(field, *value);
  }
  void real(std::string_view field, const std::optional<double>& value) {
    if (value) json_.key(field).number(*value);
  }
  void time(std::string_view field, const std::optional<Time>& value) {
    if (!value) return;
    scratch_.clear();
    append_time(scratch_, *value);
    json_.field(field, scratch_);
  }
  void person(const Person& person) {
    json_.begin_object();
    text("id", person.id);
    text("handle", person.handle);
    json_.end_object();
  }
  void strings(std::string_view field, const std::optional<std::vector<std::string>>& list) {
    if (!list) return;
    json_.key(field).begin_array();
    for (const std::string& item : *list) json_.string(item);
    json_.end_array();
  }

 private:
  JsonWriter json_;
  std::string scratch_;
};

void append_author(FieldWriter& fields, const Author& author) {
  if (author == Author{}) return;
  fields.json().key("author").begin_object();
  fields.text("id", author.id);
  fields.text("handle", author.handle);
  fields.text("name", author.name);
  fields.count("followers", author.followers);
  if (author.verified) fields.json().field("verified", *author.verified);
  fields.json().end_object();
}

void append_lists(FieldWriter& fields, const Mention& mention) {
  fields.strings("links", mention.links);
  fields.strings("hashtags", mention.hashtags);
  if (mention.mentions) {
    fields.json().key("mentions").begin_array();
    for (const Person& person : *mention.mentions) fields.person(person);
    fields.json().end_array();
  }
  if (mention.media.empty()) return;
  fields.json().key("media").begin_array();
  for (const Media& media : mention.media) {
    fields.json().begin_object();
    fields.text("type", media.type);
    fields.text("url", media.url);
    fields.json().end_object();
  }
  fields.json().end_array();
}

void append_place(FieldWriter& fields, const std::optional<Place>& place) {
  if (!place) return;
  fields.json().key("place").begin_object();
  fields.text("country", place->country);
  fields.text("city", place->city);
  fields.real("lat", place->lat);
  fields.real("lon", place->lon);
  fields.json().end_object();
}

void append_engagement(FieldWriter& fields, const Engagement& engagement) {
  if (engagement == Engagement{}) return;
  fields.json().key("engagement").begin_object();
  fields.count("likes", engagement.likes);
  fields.count("replies", engagement.replies);
  fields.count("shares", engagement.shares);
  fields.count("views", engagement.views);
  fields.count("clicks", engagement.clicks);
  fields.json().end_object();
}

void append_conversion(FieldWriter& fields, const std::optional<Conversion>& conversion) {
  if (!conversion) return;
  fields.json().key("conversion").begin_object();
  fields.text("name", conversion->name);
  fields.real("value", conversion->value);
  fields.text("currency", conversion->currency);
  fields.json().end_object();
}

}  // namespace

struct MentionReader::Impl {
  simdjson::dom::parser parser;
};

MentionReader::MentionReader() : impl_(std::make_unique<Impl>()) {}
MentionReader::~MentionReader() = default;
MentionReader::MentionReader(MentionReader&&) noexcept = default;
MentionReader& MentionReader::operator=(MentionReader&&) noexcept = default;

Result<Mention> MentionReader::read(std::string_view json, std::size_t max_bytes) {
  if (json.size() > max_bytes) {
    return fail(Code::Invalid,
                fmt::format("expected at most {} bytes, found {}", max_bytes, json.size()));
  }
  element root;
  // The parser copies the text into a padded buffer of its own.
  const simdjson::error_code code = impl_->parser.parse(json.data(), json.size(), true).get(root);
  if (code == simdjson::UTF8_ERROR) return fail(Code::Invalid, "expected UTF-8");
  if (code != simdjson::SUCCESS) {
    return fail(Code::Invalid,
                fmt::format("expected one JSON object: {}", simdjson::error_message(code)));
  }
  simdjson::dom::object object;
  if (root.get(object) != simdjson::SUCCESS) {
    return fail(Code::Invalid,
                fmt::format("expected a JSON object, found {}", type_name(root.type())));
  }
  Mention mention;
  Fields fields;
  for (const auto& [key, value] : object) {
    read_field(fields, key, value, mention);
    if (!fields.ok()) return fail(Code::Invalid, fields.error());
  }
  check_required(fields, mention);
  if (!fields.ok()) return fail(Code::Invalid, fields.error());
  return mention;
}

void append_json(std::string& out, const Mention& mention) {
  FieldWriter fields(out);
  fields.json().begin_object().field("v", kFormat);
  fields.text("network", mention.network);
  fields.text("id", mention.id);
  if (mention.op != Op::Create) fields.json().field("op", name(mention.op));
  if (mention.kind) fields.json().field("kind", name(*mention.kind));
  fields.text("conversation_id", mention.conversation_id);
  fields.text("in_reply_to", mention.in_reply_to);
  if (mention.in_reply_to_author) {
    fields.json().key("in_reply_to_author");
    fields.person(*mention.in_reply_to_author);
  }
  append_author(fields, mention.author);
  fields.text("text", mention.text);
  fields.text("lang", mention.lang);
  fields.time("created_at", mention.created_at);
  fields.time("edited_at", mention.edited_at);
  fields.time("seen_at", mention.seen_at);
  fields.count("version", mention.version);
  fields.text("url", mention.url);
  append_lists(fields, mention);
  append_place(fields, mention.place);
  append_engagement(fields, mention.engagement);
  fields.text("connector", mention.connector);
  fields.text("campaign", mention.campaign);
  fields.text("ambassador", mention.ambassador);
  append_conversion(fields, mention.conversion);
  fields.json().end_object();
}

}  // namespace vigie
