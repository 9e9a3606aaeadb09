// Meta : 0x01 'E' partition:u16 erased:16 number:u64 -> 0x01 asked:i64 author:16
//                                     count:varint key:text* count:varint (space:u8 key:text)*
// Meta : 0x01 'D' partition:u16 erased:16 number:u64 -> 0x01 asked:i64
//        ; what 'E' becomes once log and files have forgotten, but for Meta itself
#include "pipeline/run/erasure.h"

#include <algorithm>

#include <fmt/format.h>

#include "pipeline/core/bytes.h"
#include "pipeline/core/json.h"

namespace vigie {

std::string erasures_of(Partition partition) {
  std::string key{'\x01', 'E'};
  put_fixed(key, static_cast<std::uint16_t>(vigie::number(partition)));
  return key;
}

std::string erasure_key(const Erasure& erasure, std::uint64_t number) {
  std::string key = erasures_of(erasure.partition);
  const KeyedHash hash = erased(erasure.author);
  key.append(reinterpret_cast<const char*>(hash.data()), hash.size());
  put_fixed(key, number);
  return key;
}

std::string settled_erasure_key(Partition partition, const KeyedHash& erased,
                                std::uint64_t number) {
  std::string key{'\x01', 'D'};
  put_fixed(key, static_cast<std::uint16_t>(vigie::number(partition)));
  key.append(reinterpret_cast<const char*>(erased.data()), erased.size());
  put_fixed(key, number);
  return key;
}

std::string settled_erasure_value(Time asked_at) {
  std::string value(1, '\x01');
  put_fixed(value, static_cast<std::int64_t>(asked_at.time_since_epoch().count()));
  return value;
}

std::string encode(const Erasure& erasure) {
  std::string out(1, '\x01');
  put_fixed(out, static_cast<std::int64_t>(erasure.asked_at.time_since_epoch().count()));
  out.append(reinterpret_cast<const char*>(erasure.author.data()), erasure.author.size());
  put_varint(out, erasure.messages.size());
  for (const std::string& key : erasure.messages) put_text(out, key);
  put_varint(out, erasure.stood.size());
  for (const auto& [space, key] : erasure.stood) {
    out += static_cast<char>(space);
    put_text(out, key);
  }
  return out;
}

Result<Erasure> decode_erasure(std::string_view key, std::string_view value) {
  ByteReader name(key);
  ByteReader in(value);
  Erasure out;
  name.fixed<std::uint16_t>();
  out.partition = Partition{name.fixed<std::uint16_t>()};
  const bool known = in.fixed<char>() == '\x01';
  out.asked_at = Time{std::chrono::microseconds{in.fixed<std::int64_t>()}};
  for (std::uint8_t& byte : out.author) byte = in.fixed<std::uint8_t>();
  for (std::uint64_t n = in.varint(); n > 0 && in.ok(); --n) out.messages.emplace_back(in.text());
  for (std::uint64_t n = in.varint(); n > 0 && in.ok(); --n) {
    const auto space = in.fixed<std::uint8_t>();
    const std::string_view stood = in.text();
    if (space >= kSpaces) return fail(Code::Corrupt, "erasure: a stored one is damaged");
    out.stood.emplace_back(static_cast<Space>(space), stood);
  }
  if (!known || !name.ok() || !in.ok() || !in.at_end()) {
    return fail(Code::Corrupt, "erasure: a stored one is damaged");
  }
  return out;
}

std::string erased_record_key(std::string_view erased_hex, std::optional<Partition> partition) {
  if (!partition) return fmt::format("erased/{}", erased_hex);
  return fmt::format("erased/{}/{}", erased_hex, number(*partition));
}

std::string erased_json(std::string_view erased_hex, const Erasure& erasure) {
  std::string out;
  JsonWriter json(out);
  json.begin_object().field("v", std::int64_t{1}).field("erased", erased_hex);
  json.field("partition", std::int64_t{number(erasure.partition)});
  json.field("asked_at", format_time(erasure.asked_at));
  json.field("messages", erasure.erased_messages).field("mentions", erasure.erased_mentions);
  json.end_object();
  return out;
}

}  // namespace vigie
