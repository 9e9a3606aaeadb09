#include "pipeline/log/kafka_commit.h"

#include <xxhash.h>

#include "pipeline/core/bytes.h"

namespace vigie {
namespace {

constexpr char kVersion = '\x01';
constexpr std::uint64_t kMostRows = 1000;

}  // namespace

std::string encode(const KafkaCommit& commit) {
  std::string out(1, kVersion);
  put_fixed(out, static_cast<std::uint64_t>(commit.next));
  put_fixed(out, commit.sequence);
  put_fixed(out, commit.records);
  put_fixed(out, commit.checksum);
  put_fixed(out, static_cast<std::int64_t>(commit.stream_time.time_since_epoch().count()));
  put_text(out, commit.rules);
  put_varint(out, commit.rows.size());
  for (const auto& [key, value] : commit.rows) {
    put_text(out, key);
    put_text(out, value);
  }
  return out;
}

std::optional<KafkaCommit> decode_commit(std::string_view bytes) {
  ByteReader in(bytes);
  KafkaCommit out;
  if (in.fixed<char>() != kVersion) return std::nullopt;
  out.next = static_cast<Offset>(in.fixed<std::uint64_t>());
  out.sequence = in.fixed<std::uint64_t>();
  out.records = in.fixed<std::uint32_t>();
  out.checksum = in.fixed<std::uint64_t>();
  out.stream_time = Time{std::chrono::microseconds{in.fixed<std::int64_t>()}};
  out.rules = in.text();
  const std::uint64_t rows = in.varint();
  if (rows > kMostRows) return std::nullopt;
  for (std::uint64_t i = 0; i < rows && in.ok(); ++i) {
    std::string key(in.text());
    out.rows.emplace_back(std::move(key), in.text());
  }
  if (!in.ok() || !in.at_end()) return std::nullopt;
  return out;
}

void CommitChecksum::add(std::string_view key, std::optional<std::string_view> value) {
  ++records_;
  // A chain, so that the order counts; a tombstone is not an empty value.
  value_ = XXH3_64bits_withSeed(key.data(), key.size(), value_);
  const std::string_view text = value.value_or("");
  value_ = XXH3_64bits_withSeed(text.data(), text.size(), value_ + (value ? 1 : 2));
}

}  // namespace vigie
