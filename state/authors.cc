// The grammar of the rows stands in author_rows.cc.
#include "state/authors.h"

#include <algorithm>
#include <map>
#include <utility>

#include "pipeline/core/bytes.h"
#include "state/author_rows.h"
#include "state/author_sets.h"
#include "state/cut.h"

namespace vigie {
namespace {

static_assert(AuthorSet::kNamed == Cut::kAuthors);

// How many sets are remembered beyond their batch; none is larger than 5 kB.
constexpr std::size_t kKnownSets = 2048;

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

}  // namespace

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
  struct KnownSet {
    AuthorSet set;
    Partition partition{};
    Series series;
    Hour hour = 0;
    bool is_settled = false;  // as in the store
    // Since the last flush:
    bool has_changed = false;
    bool names_changed = false;
    std::vector<std::uint64_t> changed;  // authors, some of them more than once
  };
  // Those that are not yet in the store, and of the others some that changed lately.
  std::map<std::string, KnownSet> known;

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
  Result<std::optional<ErasedRow>> erasure(Partition partition, const AuthorKey& author) const;
  SetAddition& addition(Partition partition, const Series& series, Hour hour);
  static SetChange change_of(const std::string& key, const KnownSet& known, bool names_changed) {
    return {.partition = known.partition,
            .series = known.series,
            .hour = known.hour,
            .authors = known.set.named(),
            .names_changed = names_changed,
            .key = key,
            .records = {}};
  }
  // What an addition does to a set: nothing, or whether it names others now.
  static std::optional<bool> apply(const SetAddition& addition, KnownSet& known);
  // What changed since the last flush.
  static std::vector<AuthorSetRecord> tell(const std::string& key, KnownSet& known);
  Result<void> forget_in_sets(Partition partition, std::uint64_t author);
};

// Where nobody was ever erased, nobody pays for it.
Result<std::optional<ErasedRow>> Authors::Impl::erasure(Partition partition,
                                                        const AuthorKey& author) const {
  if (!has_erasures) {
    bool any = false;
    const std::string prefix = erased_rows();
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
  auto decoded = decode_erased_row(**value);
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
  if (hidden) value = hidden_value();
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
  ErasedRow erasure{asked_at, *hides};
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

Result<void> Authors::expect_erased(Partition partition, const Erased& erased) {
  const std::string key = partition_key('e', partition, erased.author);
  auto stored = impl_->get(key);
  if (!stored) return std::unexpected(std::move(stored.error()));
  ErasedRow row;
  if (*stored) {
    auto known = decode_erased_row(**stored);
    if (!known) return std::unexpected(std::move(known.error()));
    row = *known;
  }
  row.asked_at = std::max(row.asked_at, erased.asked_at);
  impl_->pending[key] = encode(row);
  impl_->has_erasures = true;
  return {};
}

Result<std::vector<Authors::Missing>> Authors::missing(Partition partition,
                                                       std::span<const Erased> all) const {
  std::map<KeyedHash, Missing> found;
  for (const Erased& one : all) {
    auto stored = impl_->get(partition_key('e', partition, one.author));
    if (!stored) return std::unexpected(std::move(stored.error()));
    if (*stored) {
      auto known = decode_erased_row(**stored);
      if (!known) return std::unexpected(std::move(known.error()));
      if (known->asked_at >= one.asked_at) continue;
    }
    found[one.author] = {one, std::nullopt};
  }
  const auto look = [&](const std::string& prefix) {
    AuthorKey before{};
    return impl_->store.scan(Space::Authors, prefix, prefix_end(prefix),
                             [&](std::string_view key, std::string_view) {
                               AuthorKey author{};
                               key.remove_prefix(prefix.size());
                               if (key.size() < author.size()) return true;
                               std::copy_n(key.begin(), author.size(), author.begin());
                               if (author == before) return true;
                               before = author;
                               const auto it = found.find(vigie::erased(author));
                               if (it != found.end()) it->second.author = author;
                               return true;
                             });
  };
  if (!found.empty()) {
    for (const std::string& prefix :
         {first_seen_rows(), partition_prefix('h', partition), partition_prefix('i', partition)}) {
      auto scanned = look(prefix);
      if (!scanned) return std::unexpected(std::move(scanned.error()));
    }
  }
  std::vector<Missing> out;
  for (const auto& [author, one] : found) out.push_back(one);
  return out;
}

Result<Time> Authors::erased_until(Partition partition) const {
  const std::string prefix = partition_prefix('e', partition);
  Time latest{};
  Result<void> damaged;
  auto scanned = impl_->store.scan(Space::Authors, prefix, prefix_end(prefix),
                                   [&](std::string_view, std::string_view value) {
                                     auto erasure = decode_erased_row(value);
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
  impl_->pending[partition_key('i', partition, author).append(key)] = index_value(expires);
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
  auto& known = impl_->known;
  if (known.size() > kKnownSets) {
    std::erase_if(known, [](const auto& entry) { return entry.second.is_settled; });
  }
  if (known.size() > kKnownSets) known.clear();
  for (auto& [key, set] : known) set.is_settled = true;
}

void Authors::leave(Partition partition) {
  std::erase_if(impl_->known, [&](const auto& one) { return one.second.partition == partition; });
}

std::vector<Authors::Row> Authors::flush_rows(StoreBatch& batch) {
  std::vector<Row> rows;
  rows.reserve(impl_->pending.size());
  for (auto& [key, value] : impl_->pending) {
    if (value) {
      batch.put(Space::Authors, key, *value);
    } else {
      batch.erase(Space::Authors, key);
    }
    rows.push_back({key, std::move(value)});
  }
  impl_->pending.clear();
  return rows;
}

std::optional<bool> Authors::Impl::apply(const SetAddition& addition, KnownSet& known) {
  AuthorSet& set = known.set;
  const bool was_sketch = set.is_sketch();
  std::vector<std::uint64_t> before;
  const bool may_grow_over =
      !was_sketch &&
      static_cast<std::size_t>(set.size().authors) + addition.deltas.size() > AuthorSet::kExact;
  if (may_grow_over) before = set.known();
  bool has_changed = false;
  for (const auto& [author, delta] : addition.deltas) {
    has_changed = set.count(author, delta) || has_changed;
  }
  // Most of what is counted is taken back and counted again, as when only a like was added.
  if (!set.is_sketch()) has_changed = !cancel_out(addition.deltas);
  const bool forgot = addition.forgotten && set.forget(*addition.forgotten);
  if (has_changed && !was_sketch) {
    for (const auto& [author, delta] : addition.deltas) known.changed.push_back(author);
    // Their records have nothing to say of a sketch.
    if (set.is_sketch()) known.changed.insert(known.changed.end(), before.begin(), before.end());
  }
  if (forgot && !was_sketch) known.changed.push_back(*addition.forgotten);
  if (!has_changed && !forgot) return std::nullopt;
  const bool names_changed = !was_sketch || forgot;
  known.has_changed = true;
  known.names_changed = known.names_changed || names_changed;
  return names_changed;
}

Result<std::vector<Authors::SetChange>> Authors::set_changes() {
  std::vector<std::string_view> keys;
  for (const auto& [key, addition] : impl_->sets) {
    if (!impl_->known.contains(key)) keys.push_back(key);
  }
  auto stored = impl_->store.get_many(Space::Authors, keys);
  if (!stored) return std::unexpected(std::move(stored.error()));
  std::vector<SetChange> changes;
  std::size_t index = 0;
  for (const auto& [key, addition] : impl_->sets) {
    const auto [found, first] = impl_->known.try_emplace(key);
    Impl::KnownSet& known = found->second;
    if (first) {
      known.partition = addition.partition;
      known.series = addition.series;
      known.hour = addition.hour;
      if (const auto& value = (*stored)[index++]) {
        auto old = AuthorSet::decode(*value);
        if (!old) return fail(Code::Corrupt, "authors: a stored set is damaged");
        known.set = std::move(*old);
      }
    }
    known.is_settled = false;
    const std::optional<bool> names_changed = Impl::apply(addition, known);
    if (names_changed) changes.push_back(Impl::change_of(key, known, *names_changed));
  }
  impl_->sets.clear();
  return changes;
}

std::vector<AuthorSetRecord> Authors::Impl::tell(const std::string& key, KnownSet& known) {
  std::vector<AuthorSetRecord> records;
  std::vector<std::uint64_t> changed = std::exchange(known.changed, {});
  const bool is_sketch = known.set.is_sketch();
  std::ranges::sort(changed);
  const auto repeated = std::ranges::unique(changed);
  changed.erase(repeated.begin(), repeated.end());
  for (const std::uint64_t author : changed) {
    records.push_back(author_record(key, author, is_sketch ? 0 : known.set.messages_of(author)));
  }
  // After them, since it says how the set stands now.
  if (is_sketch || known.set.empty()) records.push_back(whole_set_record(key, known.set));
  return records;
}

Result<std::vector<Authors::SetChange>> Authors::flush_sets(StoreBatch& batch) {
  auto since = set_changes();
  if (!since) return since;
  std::vector<SetChange> all;
  for (auto& [key, known] : impl_->known) {
    if (!std::exchange(known.has_changed, false)) continue;
    SetChange& change =
        all.emplace_back(Impl::change_of(key, known, std::exchange(known.names_changed, false)));
    change.records = Impl::tell(key, known);
    for (const AuthorSetRecord& record : change.records) {
      auto folded = fold_author_set(record.key, record.value, batch);
      if (!folded) return std::unexpected(std::move(folded.error()));
    }
  }
  return all;
}

}  // namespace vigie
