#include "pipeline/core/ids.h"

#include <algorithm>
#include <cassert>

#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace vigie {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// MurmurHash2 with the seed that Kafka's Java client uses; the partition of a key depends on it.
std::uint32_t murmur2(std::string_view bytes) {
  constexpr std::uint32_t kMix = 0x5bd1e995;
  const auto byte = [&](std::size_t i) {
    return static_cast<std::uint32_t>(static_cast<std::uint8_t>(bytes[i]));
  };
  std::uint32_t hash = 0x9747b28cU ^ static_cast<std::uint32_t>(bytes.size());
  std::size_t at = 0;
  for (; at + 4 <= bytes.size(); at += 4) {
    std::uint32_t word = byte(at) | byte(at + 1) << 8 | byte(at + 2) << 16 | byte(at + 3) << 24;
    word *= kMix;
    word ^= word >> 24;
    word *= kMix;
    hash = hash * kMix ^ word;
  }
  const std::size_t rest = bytes.size() - at;
  if (rest >= 3) hash ^= byte(at + 2) << 16;
  if (rest >= 2) hash ^= byte(at + 1) << 8;
  if (rest >= 1) hash = (hash ^ byte(at)) * kMix;
  hash ^= hash >> 13;
  hash *= kMix;
  return hash ^ hash >> 15;
}

KeyedHash keyed_hash(const std::array<std::uint8_t, 32>& secret, std::string_view name) {
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(name.data()), name.size(), digest.data(), &size);
  KeyedHash hash;
  std::copy_n(digest.begin(), hash.size(), hash.begin());
  return hash;
}

}  // namespace

bool is_network_name(std::string_view text) {
  if (text.empty() || text.size() > 32 || !is_lower(text[0])) return false;
  return std::ranges::all_of(text, [](char c) { return is_lower(c) || is_digit(c) || c == '_'; });
}

bool is_rule_id(std::string_view text) {
  if (text.empty() || text.size() > 128) return false;
  return std::ranges::all_of(text, [](char c) {
    return is_lower(c) || is_digit(c) || (c >= 'A' && c <= 'Z') || c == '_' || c == '.' || c == '-';
  });
}

Partition partition_of(std::string_view key, std::int32_t partitions) {
  assert(partitions > 0);
  return Partition{static_cast<std::int32_t>(murmur2(key) & 0x7fffffffU) % partitions};
}

AuthorKey AuthorKeys::of(std::string_view network, std::string_view author_id) const {
  std::string name;
  name.reserve(network.size() + 1 + author_id.size());
  name.append(network).append(1, '/').append(author_id);
  return keyed_hash(secret_, name);
}

// No network's name begins so: a message and an author of the same name have different hashes.
KeyedHash AuthorKeys::of_message(std::string_view key) const {
  std::string name(1, '\x01');
  name.append(key);
  return keyed_hash(secret_, name);
}

KeyedHash erased(const AuthorKey& author) {
  std::string name = "erased/";
  name.append(reinterpret_cast<const char*>(author.data()), author.size());
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_Digest(name.data(), name.size(), digest.data(), &size, EVP_sha256(), nullptr);
  KeyedHash hash;
  std::copy_n(digest.begin(), hash.size(), hash.begin());
  return hash;
}

std::string hex(const std::uint8_t* bytes, std::size_t size) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(size * 2);
  for (std::size_t i = 0; i < size; ++i) {
    out += kDigits[bytes[i] >> 4];
    out += kDigits[bytes[i] & 15];
  }
  return out;
}

std::optional<std::string> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string out;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = hex_value(text[i]);
    const int low = hex_value(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
  }
  return out;
}

std::optional<AuthorKey> parse_author_key(std::string_view hex_text) {
  const std::optional<std::string> bytes = from_hex(hex_text);
  AuthorKey key{};
  if (!bytes || bytes->size() != key.size()) return std::nullopt;
  std::ranges::copy(*bytes, key.begin());
  return key;
}

}  // namespace vigie
