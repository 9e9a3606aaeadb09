// The grammar of the rows stands in author_rows.cc.
#include "state/authors.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "pipeline/core/bytes.h"
#include "state/author_rows.h"
#include "state/author_sets.h"

namespace vigie {
namespace {

// How many hidden authors of a partition are remembered, if there are no more.
constexpr std::size_t kKnownHidden = 10'000;

}  // namespace

std::uint64_t author_in_sets(const AuthorKey& author) {
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < 8; ++i) out = out << 8 | author[i];
  return out;
}

struct Authors::Impl {
  const Store& store;
  std::map<std::string, std::optional<std::string>> pending;  // key -> value, or removed
  AuthorSetBatch sets;

  mutable std::optional<bool> has_erasures{};  // whether anybody was ever erased; unknown at first
  // All hidden authors, ascending; nothing when there are too many to remember.
  using Hidden = std::optional<std::vector<AuthorKey>>;
  mutable std::map<Partition, Hidden> hidden_authors;

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
  Result<const Hidden*> hidden_of(Partition partition) const;
  Result<bool> is_hidden(Partition partition, const AuthorKey& author) const;
  Result<void> put_hidden(Partition partition, const AuthorKey& author, bool hidden);
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

Result<const Authors::Impl::Hidden*> Authors::Impl::hidden_of(Partition partition) const {
  const auto [found, first] = hidden_authors.try_emplace(partition);
  if (!first) return &found->second;
  std::vector<AuthorKey>& all = found->second.emplace();
  const std::string prefix = partition_prefix('h', partition);
  auto scanned = store.scan(Space::Authors, prefix, prefix_end(prefix),
                            [&](std::string_view key, std::string_view) {
                              key.remove_prefix(prefix.size());
                              AuthorKey author{};
                              if (key.size() == author.size()) {
                                std::ranges::copy(key, author.begin());
                                all.push_back(author);
                              }
                              return all.size() <= kKnownHidden;
                            });
  if (!scanned) {
    hidden_authors.erase(found);
    return std::unexpected(std::move(scanned.error()));
  }
  if (all.size() > kKnownHidden) found->second.reset();
  return &found->second;
}

Result<bool> Authors::Impl::is_hidden(Partition partition, const AuthorKey& author) const {
  auto all = hidden_of(partition);
  if (!all) return std::unexpected(std::move(all.error()));
  if (!**all) return has(partition_key('h', partition, author));
  return std::ranges::binary_search(***all, author);
}

Result<void> Authors::Impl::put_hidden(Partition partition, const AuthorKey& author, bool hidden) {
  auto all = hidden_of(partition);
  if (!all) return std::unexpected(std::move(all.error()));
  auto& value = pending[partition_key('h', partition, author)];
  value.reset();
  if (hidden) value = hidden_value();
  Hidden& known = hidden_authors[partition];
  if (!known) return {};
  const auto at = std::ranges::lower_bound(*known, author);
  const bool is_known = at != known->end() && *at == author;
  if (hidden && !is_known) known->insert(at, author);
  if (!hidden && is_known) known->erase(at);
  if (known->size() > kKnownHidden) known.reset();
  return {};
}

Authors::Authors(const Store& store) : impl_(new Impl{store, {}, AuthorSetBatch(store), {}, {}}) {}
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
  auto known = impl_->is_hidden(partition, author);
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
  return impl_->put_hidden(partition, author, hidden);
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
  auto shown = impl_->put_hidden(partition, author, false);
  if (!shown) return std::unexpected(std::move(shown.error()));
  impl_->pending[partition_key('e', partition, erased(author))] = encode(erasure);
  impl_->has_erasures = true;
  auto forgotten = impl_->sets.forget(partition, author_in_sets(author));
  if (!forgotten) return std::unexpected(std::move(forgotten.error()));
  std::vector<std::string> stood = {first_seen_key(author), partition_key('h', partition, author)};
  std::ranges::move(impl_->sets.keys(), std::back_inserter(stood));
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
  impl_->sets.count(partition, series, hour, author_in_sets(author), delta);
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
  impl_->sets.settled();
}

void Authors::reread(Partition partition) {
  impl_->has_erasures.reset();
  impl_->hidden_authors.erase(partition);
  impl_->sets.reread(partition);
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

Result<std::vector<Authors::SetChange>> Authors::set_changes() {
  return impl_->sets.changes();
}

Result<std::vector<Authors::SetChange>> Authors::flush_sets(StoreBatch& batch) {
  return impl_->sets.flush(batch);
}

}  // namespace vigie
