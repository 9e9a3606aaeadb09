// Ledger: 0x01 partition:u16 'm' network/id          -> 0x01 record
//         0x01 partition:u16 'u' xxh128(network/id)  -> version:i64 event_minute:u32 content:u32
//         0x01 partition:u16 'e' hash:16             -> 0x01 expires:signed   ; an erased message,
//         under AuthorKeys::of_message
// The row of an unmatched message has no version byte, to stay at 16; its key has one. `record` is
// that of ledger.cc.
#include <cassert>
#include <unordered_map>

#include <xxhash.h>

#include "pipeline/core/bytes.h"
#include "state/ledger.h"

namespace vigie {
namespace {

constexpr char kVersion = '\x01';

std::string row_stem(Partition partition, char what) {
  std::string key(1, kVersion);
  put_fixed(key, static_cast<std::uint16_t>(number(partition)));
  key += what;
  return key;
}

std::string message_key(Partition partition, std::string_view key) {
  return row_stem(partition, 'm').append(key);
}

std::string unmatched_key(Partition partition, std::string_view key) {
  const XXH128_hash_t hash = XXH3_128bits(key.data(), key.size());
  std::string out = row_stem(partition, 'u');
  put_fixed(out, hash.high64);
  put_fixed(out, hash.low64);
  return out;
}

std::string erased_key(Partition partition, const KeyedHash& hash) {
  return row_stem(partition, 'e').append(reinterpret_cast<const char*>(hash.data()), hash.size());
}

std::string encode_erased(Minute expires) {
  std::string bytes(1, kVersion);
  put_signed(bytes, expires);
  return bytes;
}

std::optional<Minute> decode_erased(std::string_view value) {
  ByteReader bytes(value);
  const bool known = bytes.fixed<char>() == kVersion;
  const auto expires = static_cast<Minute>(bytes.signed_varint());
  if (!known || !bytes.ok() || !bytes.at_end()) return std::nullopt;
  return expires;
}

std::string encode(const UnmatchedRow& row) {
  std::string bytes;
  put_fixed(bytes, row.version);
  put_fixed(bytes, row.event_minute);
  put_fixed(bytes, row.content);
  return bytes;
}

std::optional<UnmatchedRow> decode_unmatched(std::string_view value) {
  ByteReader bytes(value);
  UnmatchedRow row;
  row.version = bytes.fixed<std::int64_t>();
  row.event_minute = bytes.fixed<Minute>();
  row.content = bytes.fixed<std::uint32_t>();
  if (!bytes.ok() || !bytes.at_end()) return std::nullopt;
  return row;
}

}  // namespace

struct Ledger::Impl {
  // One message's rows: as stored, then as changed.
  struct Rows {
    std::optional<LedgerRecord> record;
    std::optional<UnmatchedRow> unmatched;
    std::optional<LedgerRecord> erased;  // the tombstone of an erased message
    bool record_changed = false;
    bool unmatched_changed = false;
    bool erased_changed = false;
  };

  const Store& store;
  Partition partition;
  const AuthorKeys* keys;
  std::optional<bool> has_erased{};  // whether there is any such tombstone; unknown at first
  std::unordered_map<std::string, Rows> rows;
  std::vector<std::string> changed;  // keys in the order of their first change

  Rows& change(const std::string& key) {
    Rows& row = rows[key];
    if (!row.record_changed && !row.unmatched_changed) changed.push_back(key);
    return row;
  }
  Result<void> look_for_erased();
  Result<void> prefetch_erased(std::span<const std::string* const> wanted);
};

// Where nobody was ever erased, nobody pays for it.
Result<void> Ledger::Impl::look_for_erased() {
  if (has_erased) return {};
  has_erased = false;
  if (keys == nullptr) return {};
  const std::string prefix = row_stem(partition, 'e');
  return store.scan(Space::Ledger, prefix, prefix_end(prefix),
                    [&](std::string_view, std::string_view) {
                      has_erased = true;
                      return false;
                    });
}

Result<void> Ledger::Impl::prefetch_erased(std::span<const std::string* const> wanted) {
  auto looked = look_for_erased();
  if (!looked || !*has_erased) return looked;
  std::vector<std::string> stored_keys;
  stored_keys.reserve(wanted.size());
  for (const std::string* key : wanted) {
    stored_keys.push_back(erased_key(partition, keys->of_message(*key)));
  }
  const std::vector<std::string_view> views(stored_keys.begin(), stored_keys.end());
  auto values = store.get_many(Space::Ledger, views);
  if (!values) return std::unexpected(std::move(values.error()));
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (!(*values)[i]) continue;
    const auto expires = decode_erased(*(*values)[i]);
    if (!expires) return fail(Code::Corrupt, "ledger: an erased message's tombstone is damaged");
    LedgerRecord& tombstone = rows[*wanted[i]].erased.emplace();
    tombstone.state = LedgerRecord::State::Deleted;
    tombstone.expires = *expires;
  }
  return {};
}

Ledger::Ledger(const Store& store, Partition partition, const AuthorKeys* keys)
    : impl_(new Impl{store, partition, keys, {}, {}, {}}) {}
Ledger::~Ledger() = default;
Ledger::Ledger(Ledger&&) noexcept = default;
Ledger& Ledger::operator=(Ledger&&) noexcept = default;

Result<void> Ledger::prefetch(std::span<const std::string> keys) {
  std::vector<const std::string*> wanted;
  std::vector<std::string> stored_keys;
  for (const std::string& key : keys) {
    if (!impl_->rows.try_emplace(key).second) continue;
    wanted.push_back(&key);
    stored_keys.push_back(message_key(impl_->partition, key));
  }
  for (const std::string* key : wanted)
    stored_keys.push_back(unmatched_key(impl_->partition, *key));
  const std::vector<std::string_view> views(stored_keys.begin(), stored_keys.end());
  auto values = impl_->store.get_many(Space::Ledger, views);
  if (!values) return std::unexpected(std::move(values.error()));
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    Impl::Rows& rows = impl_->rows[*wanted[i]];
    if (const auto& value = (*values)[i]) {
      auto record = decode_ledger(*value);
      if (!record) return std::unexpected(std::move(record.error()));
      rows.record = std::move(*record);
    }
    if (const auto& value = (*values)[wanted.size() + i]) {
      rows.unmatched = decode_unmatched(*value);
      if (!rows.unmatched) return fail(Code::Corrupt, "ledger: an unmatched row is damaged");
    }
  }
  return impl_->prefetch_erased(wanted);
}

const LedgerRecord* Ledger::find(const std::string& key, std::optional<Time> stream_time) const {
  const auto it = impl_->rows.find(key);
  if (it == impl_->rows.end()) return nullptr;
  const Impl::Rows& rows = it->second;
  if (!rows.record && !rows.erased) return nullptr;
  const LedgerRecord& record = rows.record ? *rows.record : *rows.erased;
  if (stream_time && start_of_minute(record.expires) <= *stream_time) return nullptr;
  return &record;
}

bool Ledger::is_erased(const std::string& key, std::optional<Time> stream_time) const {
  const auto it = impl_->rows.find(key);
  return it != impl_->rows.end() && it->second.erased && find(key, stream_time) != nullptr;
}

const UnmatchedRow* Ledger::find_unmatched(const std::string& key,
                                           std::optional<Time> stream_time) const {
  const auto it = impl_->rows.find(key);
  if (it == impl_->rows.end() || !it->second.unmatched) return nullptr;
  const UnmatchedRow& row = *it->second.unmatched;
  if (stream_time && unmatched_expired(row.event_minute, *stream_time)) return nullptr;
  return &row;
}

void Ledger::put(const std::string& key, LedgerRecord record) {
  Impl::Rows& rows = impl_->change(key);
  rows.record = std::move(record);
  rows.record_changed = true;
}

void Ledger::put_unmatched(const std::string& key, const UnmatchedRow& row) {
  Impl::Rows& rows = impl_->change(key);
  rows.unmatched = row;
  rows.unmatched_changed = true;
}

void Ledger::erase_unmatched(const std::string& key) {
  Impl::Rows& rows = impl_->change(key);
  rows.unmatched.reset();
  rows.unmatched_changed = true;
}

void Ledger::erase(const std::string& key) {
  Impl::Rows& rows = impl_->change(key);
  rows.record.reset();
  rows.record_changed = true;
}

void Ledger::put_erased(const std::string& key, Minute expires) {
  assert(impl_->keys != nullptr);
  Impl::Rows& rows = impl_->change(key);
  rows.record.reset();
  rows.record_changed = true;
  rows.unmatched.reset();
  rows.unmatched_changed = true;
  LedgerRecord& tombstone = rows.erased.emplace();
  tombstone.state = LedgerRecord::State::Deleted;
  tombstone.expires = expires;
  rows.erased_changed = true;
  impl_->has_erased = true;
}

std::vector<Ledger::Change> Ledger::flush(StoreBatch& batch) {
  std::vector<Change> changes;
  for (const std::string& key : impl_->changed) {
    const Impl::Rows& rows = impl_->rows.at(key);
    if (rows.record_changed) {
      Change& change = changes.emplace_back();
      change.key = message_key(impl_->partition, key);
      if (rows.record) change.bytes = vigie::encode(*rows.record);
    }
    if (rows.erased_changed) {
      changes.push_back({erased_key(impl_->partition, impl_->keys->of_message(key)),
                         encode_erased(rows.erased->expires)});
    }
    if (rows.unmatched_changed) {
      Change& change = changes.emplace_back();
      change.key = unmatched_key(impl_->partition, key);
      if (rows.unmatched) change.bytes = encode(*rows.unmatched);
    }
  }
  for (const Change& change : changes) {
    if (change.bytes) {
      batch.put(Space::Ledger, change.key, *change.bytes);
    } else {
      batch.erase(Space::Ledger, change.key);
    }
  }
  impl_->rows.clear();
  impl_->changed.clear();
  return changes;
}

std::optional<LedgerKey> parse_ledger_key(std::string_view key) {
  ByteReader bytes(key);
  if (bytes.fixed<char>() != kVersion) return std::nullopt;
  LedgerKey parsed;
  parsed.partition = Partition{bytes.fixed<std::uint16_t>()};
  const char what = bytes.fixed<char>();
  if (!bytes.ok() || (what != 'm' && what != 'u' && what != 'e')) return std::nullopt;
  parsed.is_unmatched = what == 'u';
  parsed.is_erased = what == 'e';
  if (what == 'm') parsed.message = key.substr(row_stem(parsed.partition, what).size());
  return parsed;
}

std::string ledger_of(Partition partition) {
  std::string prefix(1, kVersion);
  put_fixed(prefix, static_cast<std::uint16_t>(number(partition)));
  return prefix;
}

Result<void> scan_ledger(
    const StoreSnapshot& store, Partition partition,
    const std::function<bool(const LedgerRecord*, const UnmatchedRow*)>& visit) {
  const std::string prefix = ledger_of(partition);
  Result<void> whole;
  auto scanned = store.scan(
      Space::Ledger, prefix, prefix_end(prefix), [&](std::string_view key, std::string_view value) {
        const char what = key.size() > prefix.size() ? key[prefix.size()] : '\0';
        if (what == 'u') {
          const auto row = decode_unmatched(value);
          if (row) return visit(nullptr, &*row);
          whole = fail(Code::Corrupt, "ledger: an unmatched row is damaged");
          return false;
        }
        if (what != 'm') return true;
        const auto record = decode_ledger(value);
        if (record) return visit(&*record, nullptr);
        whole = std::unexpected(record.error());
        return false;
      });
  if (!scanned) return scanned;
  return whole;
}

bool ledger_expired(std::string_view key, std::string_view value, Time stream_time) {
  if (key.size() < 4) return false;
  if (key[3] == 'u') {
    const auto row = decode_unmatched(value);
    return row && unmatched_expired(row->event_minute, stream_time);
  }
  if (key[3] == 'e') {
    const auto erased_until = decode_erased(value);
    return erased_until && start_of_minute(*erased_until) <= stream_time;
  }
  if (key[3] != 'm') return false;
  ByteReader bytes(value);
  bytes.fixed<char>();
  bytes.varint();
  bytes.fixed<std::uint16_t>();
  bytes.signed_varint();
  bytes.fixed<std::uint64_t>();
  bytes.signed_varint();
  const auto expires = static_cast<Minute>(bytes.signed_varint());
  return bytes.ok() && start_of_minute(expires) <= stream_time;
}

}  // namespace vigie
