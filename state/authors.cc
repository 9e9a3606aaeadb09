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
#include "state/authors.h"

#include <algorithm>
#include <map>
#include <utility>

#include "pipeline/core/bytes.h"
#include "state/author_sets.h"
#include "state/cut.h"

namespace vigie {
namespace {

constexpr char kVersion = '\x01';
static_assert(AuthorSet::kNamed == Cut::kAuthors);

void put_author(std::string& key, const AuthorKey& author) {
  key.append(reinterpret_cast<const char*>(author.data()), author.size());
}

std::string partition_key(char what, Partition partition, const AuthorKey& author) {
  std::string key{kVersion, what};
  put_fixed(key, static_cast<std::uint16_t>(number(partition)));
  put_author(key, author);
  return key;
}

// Whether each author's messages add up to none.
bool cancel_out(std::vector<std::pair<std::uint64_t, std::int64_t>> deltas) {
  std::ranges::sort(deltas);
  for (std::size_t i = 0; i < deltas.size();) {
    std::int64_t sum = 0;
    const std::uint64_t author = deltas[i].first;
    for (; i < deltas.size() && deltas[i].first == author; ++i) sum += deltas[i].second;
    if (sum != 0) return false;
  }
  return true;
}

// Of an author whose messages were erased.
struct Erasure {
  Time asked_at{};
  bool hidden = false;
};

std::string encode(const Erasure& erasure) {
  std::string value(1, kVersion);
  put_fixed(value, static_cast<std::int64_t>(erasure.asked_at.time_since_epoch().count()));
  value += erasure.hidden ? '\1' : '\0';
  return value;
}

Result<Erasure> decode_erasure(std::string_view value) {
  ByteReader bytes(value);
  Erasure erasure;
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

constexpr Minute kWeek = 7 * 24 * 60;

std::uint32_t index_week(Minute expires) {
  return static_cast<std::uint32_t>(std::max(expires, 0) / kWeek);
}

}  // namespace

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

std::uint64_t author_in_sets(const AuthorKey& author) {
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < 8; ++i) out = out << 8 | author[i];
  return out;
}

struct Authors::Impl {
  struct SetAddition {
    Partition partition{};
    Series series;
    Hour hour = 0;
    // In the order of the records: whether a set grows too large may depend on it.
    std::vector<std::pair<std::uint64_t, std::int64_t>> deltas;
    std::optional<std::uint64_t> forgotten;  // after the deltas
  };

  const Store& store;
  std::map<std::string, std::optional<std::string>> pending;  // key -> value, or removed
  std::map<std::string, SetAddition> sets;
  std::map<std::string, AuthorSet>
      unsettled;  // sets that were flushed and are not yet in the store

  mutable std::optional<bool> has_erasures{};  // whether anybody was ever erased; unknown at first

  Result<std::optional<std::string>> get(const std::string& key) const {
    const auto it = pending.find(key);
    if (it != pending.end()) return it->second;
    return store.get(Space::Authors, key);
  }
  Result<bool> has(const std::string& key) const {
    auto value = get(key);
    if (!value) return std::unexpected(std::move(value.error()));
    return value->has_value();
  }
  Result<std::optional<Erasure>> erasure(Partition partition, const AuthorKey& author) const;
  SetAddition& addition(Partition partition, const Series& series, Hour hour);
  Result<void> forget_in_sets(Partition partition, std::uint64_t author);
};

// Where nobody was ever erased, nobody pays for it.
Result<std::optional<Erasure>> Authors::Impl::erasure(Partition partition,
                                                      const AuthorKey& author) const {
  if (!has_erasures) {
    bool any = false;
    const std::string prefix{kVersion, 'e'};
    auto scanned = store.scan(Space::Authors, prefix, prefix_end(prefix),
                              [&](std::string_view, std::string_view) {
                                any = true;
                                return false;
                              });
    if (!scanned) return std::unexpected(std::move(scanned.error()));
    has_erasures = any;
  }
  if (!*has_erasures) return std::nullopt;
  auto value = get(partition_key('e', partition, erased(author)));
  if (!value) return std::unexpected(std::move(value.error()));
  if (!*value) return std::nullopt;
  auto decoded = decode_erasure(**value);
  if (!decoded) return std::unexpected(std::move(decoded.error()));
  return *decoded;
}

Authors::Impl::SetAddition& Authors::Impl::addition(Partition partition, const Series& series,
                                                    Hour hour) {
  SetAddition& addition = sets[author_set_key(partition, series, hour)];
  addition.partition = partition;
  addition.series = series;
  addition.hour = hour;
  return addition;
}

// Sketches keep names of authors whose messages were taken back, so every set is looked at.
Result<void> Authors::Impl::forget_in_sets(Partition partition, std::uint64_t author) {
  std::string bytes;
  put_fixed(bytes, author);
  const std::string prefix = author_sets_of(partition);
  return store.scan(Space::Authors, prefix, prefix_end(prefix),
                    [&](std::string_view key, std::string_view value) {
                      if (!value.contains(bytes)) return true;
                      const auto parsed = parse_author_set_key(key);
                      if (parsed) {
                        addition(partition, parsed->series, parsed->hour).forgotten = author;
                      }
                      return true;
                    });
}

Authors::Authors(const Store& store) : impl_(new Impl{store, {}, {}, {}}) {}
Authors::~Authors() = default;

Result<bool> Authors::is_new(const AuthorKey& author) const {
  auto known = impl_->has(first_seen_key(author));
  if (!known) return known;
  return !*known;
}

void Authors::saw(const AuthorKey& author, Time seen_at) {
  impl_->pending[first_seen_key(author)] = first_seen_value(seen_at);
}

Result<bool> Authors::hidden(Partition partition, const AuthorKey& author) const {
  auto known = impl_->has(partition_key('h', partition, author));
  if (!known || *known) return known;
  auto erasure = impl_->erasure(partition, author);
  if (!erasure) return std::unexpected(std::move(erasure.error()));
  return *erasure && (*erasure)->hidden;
}

Result<void> Authors::set_hidden(Partition partition, const AuthorKey& author, bool hidden) {
  auto erasure = impl_->erasure(partition, author);
  if (!erasure) return std::unexpected(std::move(erasure.error()));
  if (*erasure && (*erasure)->hidden) {
    (*erasure)->hidden = false;
    impl_->pending[partition_key('e', partition, vigie::erased(author))] = encode(**erasure);
  }
  auto& value = impl_->pending[partition_key('h', partition, author)];
  value.reset();
  if (hidden) value = std::string(1, kVersion);
  return {};
}

Result<std::vector<std::string>> Authors::erase(Partition partition, const AuthorKey& author,
                                                Time asked_at) {
  auto hides = hidden(partition, author);
  if (!hides) return std::unexpected(std::move(hides.error()));
  auto before = impl_->erasure(partition, author);
  if (!before) return std::unexpected(std::move(before.error()));
  // Another partition may have passed the erasure before, and seen what the author wrote since.
  auto first = impl_->get(first_seen_key(author));
  if (!first) return std::unexpected(std::move(first.error()));
  if (*first) {
    const auto first_seen = parse_first_seen(**first);
    if (!first_seen) return std::unexpected(first_seen.error());
    if (*first_seen <= asked_at) impl_->pending[first_seen_key(author)] = std::nullopt;
  }
  Erasure erasure{asked_at, *hides};
  if (*before) erasure.asked_at = std::max(asked_at, (*before)->asked_at);
  impl_->pending[partition_key('h', partition, author)] = std::nullopt;
  impl_->pending[partition_key('e', partition, erased(author))] = encode(erasure);
  impl_->has_erasures = true;
  auto forgotten = impl_->forget_in_sets(partition, author_in_sets(author));
  if (!forgotten) return std::unexpected(std::move(forgotten.error()));
  std::vector<std::string> stood = {first_seen_key(author), partition_key('h', partition, author)};
  for (const auto& [key, addition] : impl_->sets) stood.push_back(key);
  const std::string index = partition_key('i', partition, author);
  for (const auto& [key, value] : impl_->pending) {
    if (key.starts_with(index)) stood.push_back(key);
  }
  return stood;
}

Result<Time> Authors::erased_until(Partition partition) const {
  std::string prefix{kVersion, 'e'};
  put_fixed(prefix, static_cast<std::uint16_t>(number(partition)));
  Time latest{};
  Result<void> damaged;
  auto scanned = impl_->store.scan(Space::Authors, prefix, prefix_end(prefix),
                                   [&](std::string_view, std::string_view value) {
                                     auto erasure = decode_erasure(value);
                                     if (!erasure) {
                                       damaged = std::unexpected(std::move(erasure.error()));
                                       return false;
                                     }
                                     latest = std::max(latest, erasure->asked_at);
                                     return true;
                                   });
  if (!scanned) return std::unexpected(std::move(scanned.error()));
  if (!damaged) return std::unexpected(std::move(damaged.error()));
  return latest;
}

Result<std::optional<Time>> Authors::erased_at(Partition partition, const AuthorKey& author) const {
  auto erasure = impl_->erasure(partition, author);
  if (!erasure) return std::unexpected(std::move(erasure.error()));
  if (!*erasure) return std::nullopt;
  return (*erasure)->asked_at;
}

void Authors::add_message(Partition partition, const AuthorKey& author, const std::string& key,
                          Minute expires) {
  std::string value(1, kVersion);
  put_fixed(value, index_week(expires));
  impl_->pending[partition_key('i', partition, author).append(key)] = std::move(value);
}

void Authors::move_message(Partition partition, const AuthorKey& author, const std::string& key,
                           Minute from, Minute to) {
  if (index_week(from) != index_week(to)) add_message(partition, author, key, to);
}

void Authors::remove_message(Partition partition, const AuthorKey& author, const std::string& key) {
  impl_->pending[partition_key('i', partition, author).append(key)] = std::nullopt;
}

Result<std::vector<std::string>> Authors::messages_of(Partition partition,
                                                      const AuthorKey& author) const {
  const std::string prefix = partition_key('i', partition, author);
  std::vector<std::string> keys;
  auto scanned = impl_->store.scan(Space::Authors, prefix, prefix_end(prefix),
                                   [&](std::string_view key, std::string_view) {
                                     keys.emplace_back(key.substr(prefix.size()));
                                     return true;
                                   });
  if (!scanned) return std::unexpected(std::move(scanned.error()));
  return keys;
}

void Authors::count(Partition partition, const Series& series, Hour hour, const AuthorKey& author,
                    int delta) {
  impl_->addition(partition, series, hour).deltas.emplace_back(author_in_sets(author), delta);
}

Result<void> Authors::read_sets(Partition partition, Hour from,
                                const std::function<void(const SetChange&)>& visit) const {
  const std::string prefix = author_sets_of(partition);
  bool is_whole = true;
  auto scanned = impl_->store.scan(Space::Authors, prefix, prefix_end(prefix),
                                   [&](std::string_view key, std::string_view value) {
                                     const auto parsed = parse_author_set_key(key);
                                     if (parsed && parsed->hour < from) return true;
                                     const auto set = AuthorSet::decode(value);
                                     is_whole = parsed && set;
                                     if (!is_whole) return false;
                                     SetChange read;
                                     read.partition = partition;
                                     read.series = parsed->series;
                                     read.hour = parsed->hour;
                                     read.authors = set->named();
                                     visit(read);
                                     return true;
                                   });
  if (!scanned) return scanned;
  if (!is_whole) return fail(Code::Corrupt, "authors: a stored set is damaged");
  return {};
}

void Authors::settled() {
  impl_->unsettled.clear();
}

void Authors::flush_rows(StoreBatch& batch) {
  for (const auto& [key, value] : impl_->pending) {
    if (value) {
      batch.put(Space::Authors, key, *value);
    } else {
      batch.erase(Space::Authors, key);
    }
  }
  impl_->pending.clear();
}

Result<std::vector<Authors::SetChange>> Authors::flush_sets(StoreBatch& batch) {
  std::vector<std::string_view> keys;
  for (const auto& [key, addition] : impl_->sets) keys.push_back(key);
  auto stored = impl_->store.get_many(Space::Authors, keys);
  if (!stored) return std::unexpected(std::move(stored.error()));
  std::vector<SetChange> changes;
  std::size_t index = 0;
  for (const auto& [key, addition] : impl_->sets) {
    AuthorSet set;
    const auto& value = (*stored)[index++];
    if (const auto it = impl_->unsettled.find(key); it != impl_->unsettled.end()) {
      set = std::move(it->second);
    } else if (value) {
      auto old = AuthorSet::decode(*value);
      if (!old) return fail(Code::Corrupt, "authors: a stored set is damaged");
      set = std::move(*old);
    }
    const bool was_sketch = set.is_sketch();
    bool has_changed = false;
    for (const auto& [author, delta] : addition.deltas) {
      has_changed = set.count(author, delta) || has_changed;
    }
    // Most of what is counted is taken back and counted again, as when only a like was added.
    if (!set.is_sketch()) has_changed = !cancel_out(addition.deltas);
    const bool forgot = addition.forgotten && set.forget(*addition.forgotten);
    if (has_changed || forgot) {
      SetChange& change = changes.emplace_back();
      change.partition = addition.partition;
      change.series = addition.series;
      change.hour = addition.hour;
      change.authors = set.named();
      change.names_changed = !was_sketch || forgot;
      change.key = key;
      if (set.empty()) {
        batch.erase(Space::Authors, key);
      } else {
        change.bytes = set.encode();
        batch.put(Space::Authors, key, *change.bytes);
      }
    }
    impl_->unsettled[key] = std::move(set);
  }
  impl_->sets.clear();
  return changes;
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
