#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/core/clock.h"
#include "pipeline/core/error.h"
#include "pipeline/core/ids.h"
#include "state/author_sets.h"
#include "state/counter_key.h"
#include "state/store.h"

namespace vigie {

// A set that changed.
struct AuthorSetChange {
  Partition partition{};
  Series series;
  Hour hour = 0;
  std::vector<std::uint64_t> authors;  // AuthorSet::named()
  bool names_changed = true;           // false where a sketch names whom it named before
  std::string key;                     // in Space::Authors
  // What of the set changed since the last flush, for a fold elsewhere; of flush_sets().
  std::vector<AuthorSetRecord> records;
};

// Private to this folder: what Authors promises of sets. Adds up what one batch changes in sets of
// authors and turns it into one store write. One thread; `store` outlives it.
class AuthorSetBatch {
 public:
  explicit AuthorSetBatch(const Store& store) : store_(store) {}

  // `delta` messages of an author.
  void count(Partition partition, const Series& series, Hour hour, std::uint64_t author, int delta);
  // Names the author in no stored set of the partition any more, after what is counted.
  Result<void> forget(Partition partition, std::uint64_t author);
  // Of the sets to which something was added since the last call of changes() or flush().
  std::vector<std::string> keys() const;

  Result<std::vector<AuthorSetChange>> changes();
  Result<std::vector<AuthorSetChange>> flush(StoreBatch& batch);
  void settled();
  void reread(Partition partition);

 private:
  struct Addition {
    Partition partition{};
    Series series;
    Hour hour = 0;
    // In the order of the records: whether a set grows too large may depend on it.
    std::vector<std::pair<std::uint64_t, std::int64_t>> deltas;
    std::optional<std::uint64_t> forgotten;  // after the deltas
  };
  struct Known {
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

  Addition& addition(Partition partition, const Series& series, Hour hour);
  static AuthorSetChange change_of(const std::string& key, const Known& known, bool names_changed);
  // What an addition does to a set: nothing, or whether it names others now.
  static std::optional<bool> apply(const Addition& addition, Known& known);
  // What changed since the last flush.
  static std::vector<AuthorSetRecord> tell(const std::string& key, Known& known);

  const Store& store_;
  std::map<std::string, Addition> additions_;
  // Those that are not yet in the store, and of the others some that changed lately.
  std::map<std::string, Known> known_;
};

}  // namespace vigie
