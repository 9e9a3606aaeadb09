#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vigie {

// A string that cannot be mistaken for another kind of string.
template <class Tag>
class Id {
 public:
  Id() = default;
  explicit Id(std::string text) : text_(std::move(text)) {}
  const std::string& str() const { return text_; }
  bool empty() const { return text_.empty(); }
  friend auto operator<=>(const Id&, const Id&) = default;

 private:
  std::string text_;
};

// Number of a partition, from 0.
enum class Partition : std::int32_t {};
constexpr std::int32_t number(Partition partition) {
  return static_cast<std::int32_t>(partition);
}

// Position of a record in a partition, from 0; "next offset" is the first one not read yet.
using Offset = std::int64_t;

// `[a-z][a-z0-9_]{0,31}`
bool is_network_name(std::string_view text);
// `[A-Za-z0-9_.-]+`, at most 128 bytes: themes, campaigns, routes, competitors, lists.
bool is_rule_id(std::string_view text);

// The partition of a key among `partitions`: Kafka's own default (murmur2 of the key's bytes, sign
// bit cleared, modulo), so that a mention which another program produces lands beside ours.
Partition partition_of(std::string_view key, std::int32_t partitions);

// HMAC-SHA-256 of `network/author id`, cut to 16 bytes: who wrote something, without saying who.
using AuthorKey = std::array<std::uint8_t, 16>;

// A keyed hash of something whose name must not be kept.
using KeyedHash = std::array<std::uint8_t, 16>;

// Makes author keys under one secret. Any thread may call it.
class AuthorKeys {
 public:
  explicit AuthorKeys(const std::array<std::uint8_t, 32>& secret) : secret_(secret) {}
  AuthorKey of(std::string_view network, std::string_view author_id) const;
  // What stands for `network/id` of an erased message.
  KeyedHash of_message(std::string_view key) const;

 private:
  std::array<std::uint8_t, 32> secret_;
};

// What stands for an erased author: told from the author key, which cannot be told from it.
KeyedHash erased(const AuthorKey& author);

std::string hex(const std::uint8_t* bytes, std::size_t size);
inline std::string hex(const AuthorKey& key) {
  return hex(key.data(), key.size());
}
// Bytes from their hex form, in small letters; empty when it is none.
std::optional<std::string> from_hex(std::string_view text);
std::optional<AuthorKey> parse_author_key(std::string_view hex_text);

}  // namespace vigie
