// Frames of Jetstream, one JSON object each.
//
//   v1      = {"did", "time_us", "kind": "commit" | "identity" | "account",
//              "commit": change, "account": status}
//   v2      = {"$type": "message", "payload": {"$type": nsid "#" kind, "seq", "did", "time",
//              "witnessedAt"?, change's fields | "account": status | "name" (of #info)}}
//           | {"$type": "error", "error", "message"?}
//   change  = {"rev", "operation": "create" | "update" | "delete", "collection", "rkey",
//              "record"? , "cid"?}            record: all but deletes
//   status  = {"active", "status"?}
#include "connectors/bluesky/decode.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <simdjson.h>

#include "connectors/bluesky/post.h"

namespace vigie {
namespace {

using simdjson::dom::object;

constexpr std::string_view kNetwork = "bluesky";
constexpr std::string_view kPost = "app.bsky.feed.post";
// What a dead letter keeps.
constexpr std::size_t kKeptBytes = std::size_t{64} * 1024;
// Years 2001 to 2286: outside of it a time is a mistake, and would spoil the cursor.
constexpr std::int64_t kFirstMicros = 1'000'000'000'000'000;
constexpr std::int64_t kLastMicros = 10'000'000'000'000'000;

std::string_view string_or_empty(object from, std::string_view key) {
  std::string_view text;
  if (from.at_key(key).get(text) != simdjson::SUCCESS) return {};
  return text;
}

std::optional<std::int64_t> whole(object from, std::string_view key) {
  std::int64_t number = 0;
  if (from.at_key(key).get(number) != simdjson::SUCCESS) return std::nullopt;
  return number;
}

std::optional<object> child(object from, std::string_view key) {
  object found;
  if (from.at_key(key).get(found) != simdjson::SUCCESS) return std::nullopt;
  return found;
}

bool plausible(Time time) {
  const std::int64_t micros = time.time_since_epoch().count();
  return micros >= kFirstMicros && micros < kLastMicros;
}

// A message, or nothing when the change is to another kind of record.
Result<std::optional<Mention>> read_change(object change, std::string_view did,
                                           std::optional<Time> seen) {
  const std::string_view collection = string_or_empty(change, "collection");
  if (collection.empty()) return fail(Code::Invalid, "collection: expected a name");
  if (collection != kPost) return std::nullopt;
  const std::string_view key = string_or_empty(change, "rkey");
  Mention mention;
  mention.network = kNetwork;
  mention.id = fmt::format("at://{}/{}/{}", did, collection, key);
  if (!parse_at_uri(mention.id).valid()) return fail(Code::Invalid, "rkey: expected a record key");
  mention.author.id = did;
  mention.url = fmt::format("https://bsky.app/profile/{}/post/{}", did, key);
  // The revision orders a message's edits alike on every instance; arrival times do not.
  mention.version = parse_tid(string_or_empty(change, "rev"));
  if (!mention.version && seen) {
    // On the scale of a TID, whose clock id takes ten bits.
    mention.version = seen->time_since_epoch().count() << 10;
  }
  const std::string_view operation = string_or_empty(change, "operation");
  if (operation == "delete") {
    mention.op = Op::Delete;
    return mention;
  }
  if (operation != "create" && operation != "update") {
    return fail(Code::Invalid, "operation: expected create, update or delete");
  }
  mention.op = operation == "create" ? Op::Create : Op::Update;
  const auto record = child(change, "record");
  if (!record) return fail(Code::Invalid, "record: expected an object");
  if (auto read = read_post(*record, mention); !read) return std::unexpected(read.error());
  if (!mention.created_at) mention.created_at = seen;
  if (mention.op == Op::Update && mention.version) {
    mention.edited_at = Time{std::chrono::microseconds{*mention.version >> 10}};
  }
  return mention;
}

// Active again shows what was hidden; deleted is for good; every other state (taken down,
// suspended, deactivated, and what a host may invent) hides until the account is active again.
Result<std::optional<Mention>> read_status(object status, std::string_view did) {
  bool active = false;
  if (status.at_key("active").get(active) != simdjson::SUCCESS) {
    return fail(Code::Invalid, "account.active: expected true or false");
  }
  Mention mention;
  mention.network = kNetwork;
  mention.author.id = did;
  mention.op = active                                           ? Op::UnhideAuthor
               : string_or_empty(status, "status") == "deleted" ? Op::EraseAuthor
                                                                : Op::HideAuthor;
  return mention;
}

Result<std::optional<Mention>> read_v1(object frame, JetstreamEvent& event) {
  const auto micros = whole(frame, "time_us");
  if (!micros || !plausible(Time{std::chrono::microseconds{*micros}})) {
    return fail(Code::Invalid, "time_us: expected microseconds since 1970");
  }
  event.time = Time{std::chrono::microseconds{*micros}};
  const std::string_view did = string_or_empty(frame, "did");
  if (!is_did(did)) return fail(Code::Invalid, "did: expected a DID");
  const std::string_view kind = string_or_empty(frame, "kind");
  if (kind.empty()) return fail(Code::Invalid, "kind: expected a string");
  if (kind != "commit" && kind != "account") return std::nullopt;
  const auto body = child(frame, kind);
  if (!body) return fail(Code::Invalid, fmt::format("{}: expected an object", kind));
  return kind == "commit" ? read_change(*body, did, event.time) : read_status(*body, did);
}

Result<std::optional<Mention>> read_v2(object frame, JetstreamEvent& event) {
  const std::string_view type = string_or_empty(frame, "$type");
  if (type == "error") {
    event.error = string_or_empty(frame, "error");
    if (event.error.empty()) event.error = "unnamed error";
    return std::nullopt;
  }
  const auto payload = child(frame, "payload");
  if (type != "message" || !payload) {
    return fail(Code::Invalid, "expected $type message with a payload, or $type error");
  }
  const std::string_view full = string_or_empty(*payload, "$type");
  const std::string_view kind = full.substr(std::min(full.size(), full.rfind('#') + 1));
  if (kind == "info") {
    event.info = string_or_empty(*payload, "name");
    return std::nullopt;
  }
  event.seq = whole(*payload, "seq");
  if (!event.seq || *event.seq < 0) {
    event.seq.reset();
    return fail(Code::Invalid, "seq: expected a whole number");
  }
  // Only the time of witnessing grows with seq; the other may be set by an operator.
  for (const std::string_view key : {"witnessedAt", "time"}) {
    event.time = parse_time(string_or_empty(*payload, key));
    if (event.time && plausible(*event.time)) break;
    event.time.reset();
  }
  const std::string_view did = string_or_empty(*payload, "did");
  if (!is_did(did)) return fail(Code::Invalid, "did: expected a DID");
  if (kind == "commit") {
    auto mention = read_change(*payload, did, event.time);
    if (mention && *mention && (*mention)->op != Op::Delete && !(*mention)->created_at) {
      return fail(Code::Invalid, "time: expected an RFC 3339 time");
    }
    return mention;
  }
  if (kind != "account") return std::nullopt;
  const auto status = child(*payload, "account");
  if (!status) return fail(Code::Invalid, "account: expected an object");
  return read_status(*status, did);
}

std::string position_of(const JetstreamEvent& event, std::string_view before) {
  if (event.seq) return fmt::format("seq {}", *event.seq);
  if (event.time) return fmt::format("time_us {}", event.time->time_since_epoch().count());
  return before.empty() ? "before the first event" : fmt::format("after {}", before);
}

}  // namespace

struct JetstreamDecoder::Impl {
  JetstreamWire wire;
  simdjson::dom::parser parser;
};

JetstreamDecoder::JetstreamDecoder(JetstreamWire wire) : impl_(std::make_unique<Impl>()) {
  impl_->wire = wire;
}

JetstreamDecoder::~JetstreamDecoder() = default;

JetstreamEvent JetstreamDecoder::decode(std::string_view frame, std::string_view before) {
  JetstreamEvent event;
  const auto refuse = [&](std::string_view reason) {
    event.item = Undecodable{fmt::format("jetstream: {}", reason), position_of(event, before),
                             std::string(frame.substr(0, kKeptBytes))};
  };
  object root;
  // The parser also refuses lone surrogates, so what it gives is Unicode text.
  const auto parsed = impl_->parser.parse(frame.data(), frame.size()).get(root);
  if (parsed != simdjson::SUCCESS) {
    refuse(simdjson::error_message(parsed));
    return event;
  }
  auto mention = impl_->wire == JetstreamWire::V1 ? read_v1(root, event) : read_v2(root, event);
  if (!mention) {
    refuse(mention.error().message);
  } else if (*mention) {
    event.item = **std::move(mention);
  }
  return event;
}

std::optional<std::int64_t> parse_tid(std::string_view text) {
  constexpr std::string_view kDigits = "234567abcdefghijklmnopqrstuvwxyz";
  // Thirteen digits of five bits are 65; the upper two are zero.
  if (text.size() != 13 || text.front() > 'j') return std::nullopt;
  std::int64_t value = 0;
  for (const char c : text) {
    const std::size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    value = value << 5 | static_cast<std::int64_t>(digit);
  }
  return value;
}

}  // namespace vigie
