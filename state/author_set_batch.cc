#include "state/author_set_batch.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "pipeline/core/bytes.h"
#include "state/cut.h"

namespace vigie {
namespace {

static_assert(AuthorSet::kNamed == Cut::kAuthors);

// How many sets are remembered beyond their batch; none is larger than 8 kB.
constexpr std::size_t kKnownSets = 2048;

// What a set counts of the authors of some messages, each once, ascending.
std::vector<std::pair<std::uint64_t, std::int64_t>> counted(
    const AuthorSet& set, const std::vector<std::pair<std::uint64_t, std::int64_t>>& deltas) {
  std::vector<std::pair<std::uint64_t, std::int64_t>> out;
  out.reserve(deltas.size());
  for (const auto& [author, delta] : deltas) out.emplace_back(author, set.messages_of(author));
  std::ranges::sort(out);
  const auto repeated = std::ranges::unique(out);
  out.erase(repeated.begin(), repeated.end());
  return out;
}

}  // namespace

AuthorSetBatch::Addition& AuthorSetBatch::addition(Partition partition, const Series& series,
                                                   Hour hour) {
  Addition& addition = additions_[author_set_key(partition, series, hour)];
  addition.partition = partition;
  addition.series = series;
  addition.hour = hour;
  return addition;
}

void AuthorSetBatch::count(Partition partition, const Series& series, Hour hour,
                           std::uint64_t author, int delta) {
  addition(partition, series, hour).deltas.emplace_back(author, delta);
}

// Sketches keep names of authors whose messages were taken back, so every set is looked at.
Result<void> AuthorSetBatch::forget(Partition partition, std::uint64_t author) {
  std::string bytes;
  put_fixed(bytes, author);
  const std::string prefix = author_sets_of(partition);
  return store_.scan(Space::Authors, prefix, prefix_end(prefix),
                     [&](std::string_view key, std::string_view value) {
                       if (!value.contains(bytes)) return true;
                       const auto parsed = parse_author_set_key(key);
                       if (parsed) {
                         addition(partition, parsed->series, parsed->hour).forgotten = author;
                       }
                       return true;
                     });
}

std::vector<std::string> AuthorSetBatch::keys() const {
  std::vector<std::string> out;
  for (const auto& [key, addition] : additions_) out.push_back(key);
  return out;
}

void AuthorSetBatch::settled() {
  if (known_.size() > kKnownSets) {
    std::erase_if(known_, [](const auto& entry) { return entry.second.is_settled; });
  }
  if (known_.size() > kKnownSets) known_.clear();
  for (auto& [key, known] : known_) known.is_settled = true;
}

void AuthorSetBatch::reread(Partition partition) {
  std::erase_if(known_, [&](const auto& entry) { return entry.second.partition == partition; });
}

AuthorSetChange AuthorSetBatch::change_of(const std::string& key, const Known& known,
                                          bool names_changed) {
  return {.partition = known.partition,
          .series = known.series,
          .hour = known.hour,
          .authors = known.set.named(),
          .names_changed = names_changed,
          .key = key,
          .records = {}};
}

std::optional<bool> AuthorSetBatch::apply(const Addition& addition, Known& known) {
  AuthorSet& set = known.set;
  const bool was_sketch = set.is_sketch();
  std::vector<std::uint64_t> all;
  std::vector<std::pair<std::uint64_t, std::int64_t>> before;
  if (!was_sketch) {
    before = counted(set, addition.deltas);
    const bool may_grow_over =
        static_cast<std::size_t>(set.size().authors) + before.size() > AuthorSet::kExact;
    if (may_grow_over) all = set.known();
  }
  bool has_changed = false;
  for (const auto& [author, delta] : addition.deltas) {
    has_changed = set.count(author, delta) || has_changed;
  }
  const bool forgot = addition.forgotten && set.forget(*addition.forgotten);
  if (!was_sketch && set.is_sketch()) {
    // Of none of them is there anything to tell any more.
    known.changed.insert(known.changed.end(), all.begin(), all.end());
    for (const auto& [author, messages] : before) known.changed.push_back(author);
  } else if (!was_sketch) {
    // An edit takes back what it counts again.
    has_changed = false;
    for (const auto& [author, messages] : before) {
      if (set.messages_of(author) == messages) continue;
      known.changed.push_back(author);
      has_changed = true;
    }
    if (forgot) known.changed.push_back(*addition.forgotten);
  }
  if (!has_changed && !forgot) return std::nullopt;
  const bool names_changed = !was_sketch || forgot;
  known.has_changed = true;
  known.names_changed = known.names_changed || names_changed;
  return names_changed;
}

Result<std::vector<AuthorSetChange>> AuthorSetBatch::changes() {
  std::vector<std::string_view> keys;
  for (const auto& [key, addition] : additions_) {
    if (!known_.contains(key)) keys.push_back(key);
  }
  auto stored = store_.get_many(Space::Authors, keys);
  if (!stored) return std::unexpected(std::move(stored.error()));
  std::vector<AuthorSetChange> changes;
  std::size_t index = 0;
  for (const auto& [key, addition] : additions_) {
    const auto [found, first] = known_.try_emplace(key);
    Known& known = found->second;
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
    const std::optional<bool> names_changed = apply(addition, known);
    if (names_changed) changes.push_back(change_of(key, known, *names_changed));
  }
  additions_.clear();
  return changes;
}

std::vector<AuthorSetRecord> AuthorSetBatch::tell(const std::string& key, Known& known) {
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

Result<std::vector<AuthorSetChange>> AuthorSetBatch::flush(StoreBatch& batch) {
  auto since = changes();
  if (!since) return since;
  std::vector<AuthorSetChange> all;
  for (auto& [key, known] : known_) {
    if (!std::exchange(known.has_changed, false)) continue;
    AuthorSetChange& change =
        all.emplace_back(change_of(key, known, std::exchange(known.names_changed, false)));
    change.records = tell(key, known);
    for (const AuthorSetRecord& record : change.records) {
      auto folded = fold_author_set(record.key, record.value, batch);
      if (!folded) return std::unexpected(std::move(folded.error()));
    }
  }
  return all;
}

}  // namespace vigie
