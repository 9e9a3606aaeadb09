// Authors: 0x01 'f' author:16                                  -> 0x01 first_seen:i64 microseconds
//          0x01 'h' partition:u16 author:16                    -> 0x01        (hidden)
//          0x01 'i' partition:u16 author:16 network/id         -> 0x01 week:u32 (index of messages)
//          0x01 'e' partition:u16 erased:16                    -> 0x01 asked:i64 microseconds
//          hidden:u8
//
// `erased` is what erased(author) says: of an erased author nothing else is kept, and that for
// ever.
//
// `week` is the one in which the message's ledger record expires, in whole weeks since the epoch: a
// record that lives on by its engagement seldom rewrites the row. Sets stand in author_sets.cc.
#include "state/author_rows.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "pipeline/core/bytes.h"
#include "state/author_sets.h"
#include "state/authors.h"
#include "state/cut.h"

namespace vigie {
namespace {

constexpr char kVersion = '\x01';
constexpr Minute kWeek = 7 * 24 * 60;

void put_author(std::string& key, const AuthorKey& author) {
  key.append(reinterpret_cast<const char*>(author.data()), author.size());
}

}  // namespace

std::string partition_prefix(char what, Partition partition) {
  std::string key{kVersion, what};
  put_fixed(key, static_cast<std::uint16_t>(number(partition)));
  return key;
}

std::string partition_key(char what, Partition partition, const AuthorKey& author) {
  std::string key = partition_prefix(what, partition);
  put_author(key, author);
  return key;
}

std::string first_seen_rows() {
  return std::string{kVersion, 'f'};
}

std::string hidden_rows() {
  return std::string{kVersion, 'h'};
}

std::string erased_rows() {
  return std::string{kVersion, 'e'};
}

std::string hidden_value() {
  return std::string(1, kVersion);
}

std::string encode(const ErasedRow& erasure) {
  std::string value(1, kVersion);
  put_fixed(value, static_cast<std::int64_t>(erasure.asked_at.time_since_epoch().count()));
  value += erasure.hidden ? '\1' : '\0';
  return value;
}

Result<ErasedRow> decode_erased_row(std::string_view value) {
  ByteReader bytes(value);
  ErasedRow erasure;
  const bool known = bytes.fixed<char>() == kVersion;
  erasure.asked_at = Time{std::chrono::microseconds{bytes.fixed<std::int64_t>()}};
  erasure.hidden = bytes.fixed<std::uint8_t>() != 0;
  if (!known || !bytes.ok() || !bytes.at_end()) {
    return fail(Code::Corrupt, "authors: an erasure is damaged");
  }
  return erasure;
}

Result<Time> parse_first_seen(std::string_view value) {
  ByteReader bytes(value);
  const bool known = bytes.fixed<char>() == kVersion;
  const Time seen_at{std::chrono::microseconds{bytes.fixed<std::int64_t>()}};
  if (!known || !bytes.ok() || !bytes.at_end()) {
    return fail(Code::Corrupt, "authors: when an author was first seen is damaged");
  }
  return seen_at;
}

std::uint32_t index_week(Minute expires) {
  return static_cast<std::uint32_t>(std::max(expires, 0) / kWeek);
}

std::string index_value(Minute expires) {
  std::string value(1, kVersion);
  put_fixed(value, index_week(expires));
  return value;
}

std::string first_seen_key(const AuthorKey& author) {
  std::string key{kVersion, 'f'};
  put_author(key, author);
  return key;
}

std::string first_seen_value(Time seen_at) {
  std::string value(1, kVersion);
  put_fixed(value, static_cast<std::int64_t>(seen_at.time_since_epoch().count()));
  return value;
}

Result<std::vector<std::optional<Time>>> FirstSeenReader::of(
    std::span<const AuthorKey> authors) const {
  std::vector<std::string> keys;
  keys.reserve(authors.size());
  for (const AuthorKey& author : authors) keys.push_back(first_seen_key(author));
  const auto stored =
      store_.get_many(Space::Authors, std::vector<std::string_view>(keys.begin(), keys.end()));
  if (!stored) return std::unexpected(stored.error());
  std::vector<std::optional<Time>> out(authors.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (!(*stored)[i]) continue;
    const auto seen_at = parse_first_seen(*(*stored)[i]);
    if (!seen_at) return std::unexpected(seen_at.error());
    out[i] = *seen_at;
  }
  return out;
}

Result<std::vector<Erased>> stored_erasures(const Store& store) {
  std::map<KeyedHash, Time> latest;
  Result<void> damaged;
  const std::string prefix = erased_rows();
  auto scanned =
      store.scan(Space::Authors, prefix, prefix_end(prefix),
                 [&](std::string_view key, std::string_view value) {
                   KeyedHash author{};
                   auto erasure = decode_erased_row(value);
                   if (erasure && key.size() == prefix.size() + 2 + author.size()) {
                     std::copy_n(key.end() - author.size(), author.size(), author.begin());
                     Time& time = latest[author];
                     time = std::max(time, erasure->asked_at);
                     return true;
                   }
                   damaged = fail(Code::Corrupt, "authors: an erasure is damaged");
                   return false;
                 });
  if (!scanned) return std::unexpected(std::move(scanned.error()));
  if (!damaged) return std::unexpected(std::move(damaged.error()));
  std::vector<Erased> out;
  for (const auto& [author, asked_at] : latest) out.push_back({author, asked_at});
  return out;
}

std::pair<std::string, std::string> author_index_row(Partition partition, const AuthorKey& author,
                                                     std::string_view message, Minute expires) {
  return {author_index_of(partition, author).append(message), index_value(expires)};
}

std::vector<std::string> author_rows_of(Partition partition) {
  return {partition_prefix('i', partition), author_sets_of(partition)};
}

bool is_author_index(std::string_view key) {
  return key.size() > 1 && key[1] == 'i';
}

Partition partition_of_author_row(std::string_view key) {
  return Partition{
      ByteReader(key.substr(std::min<std::size_t>(2, key.size()))).fixed<std::uint16_t>()};
}

bool is_first_seen(std::string_view key) {
  return key.size() > 1 && key[1] == 'f';
}

std::string author_index_of(Partition partition, const AuthorKey& author) {
  return partition_key('i', partition, author);
}

bool author_row_expired(std::string_view key, std::string_view value, Time stream_time) {
  if (key.size() < 6) return false;
  if (key[1] == 'i') {
    ByteReader bytes(value);
    const bool known = bytes.fixed<char>() == kVersion;
    const auto week = bytes.fixed<std::uint32_t>();
    return known && bytes.ok() && Time{std::chrono::weeks{week + 1}} <= stream_time;
  }
  if (key[1] != 's') return false;
  ByteReader bytes(key.substr(key.size() - 4));
  const auto hour = static_cast<Hour>(bytes.fixed<std::uint32_t>() ^ 0x80000000U);
  return hour_is_frozen(hour, stream_time);
}

}  // namespace vigie
