#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "pipeline/core/clock.h"
#include "pipeline/core/error.h"
#include "pipeline/core/ids.h"
#include "state/author_set_batch.h"
#include "state/author_sets.h"
#include "state/counters.h"
#include "state/store.h"

namespace vigie {

// An author whose messages were erased, and up to which receipt. Names nobody.
struct Erased {
  KeyedHash author{};  // erased(author key)
  Time asked_at{};
  friend bool operator==(const Erased&, const Erased&) = default;
};

// What is known of authors, under their keys: when a kept message of theirs was first seen, whether
// they are hidden, which messages are theirs, and who wrote for a series in an hour. Answers from
// its own pending changes first and turns them into one store write. One thread; `store` outlives
// it.
class Authors {
 public:
  explicit Authors(const Store& store);
  ~Authors();

  // No kept message of this author was seen yet.
  Result<bool> is_new(const AuthorKey& author) const;
  void saw(const AuthorKey& author, Time seen_at);

  Result<bool> hidden(Partition partition, const AuthorKey& author) const;
  Result<void> set_hidden(Partition partition, const AuthorKey& author, bool hidden);

  // Forgets the author for all that was received up to `asked_at`: when first seen, and the name in
  // the sets of a partition. That the author is hidden goes on under another name. What is to be
  // erased stays known by that name alone. Index and counts are taken back before, by whoever has
  // the messages. Needs what was applied before in the store. Returns the keys in Space::Authors
  // under which the author's key may have stood, or of which it is a part.
  Result<std::vector<std::string>> erase(Partition partition, const AuthorKey& author,
                                         Time asked_at);
  // What was received of these authors, in a partition that knows no message of theirs, is erased
  // when it comes.
  Result<void> expect_erased(Partition partition, const Erased& erased);
  // Those of `all` of which the partition does not know, or not as late, each with its author key
  // where the partition, or what is known of all of them, still has one.
  struct Missing {
    Erased erased;
    std::optional<AuthorKey> author;
  };
  Result<std::vector<Missing>> missing(Partition partition, std::span<const Erased> all) const;
  // Up to which receipt an author's messages are to be erased in a partition, if they are.
  Result<std::optional<Time>> erased_at(Partition partition, const AuthorKey& author) const;
  // The latest of them over all authors; the epoch when there are none.
  Result<Time> erased_until(Partition partition) const;

  // Index of messages. `messages_of` does not see pending changes: flush and write before.
  // A row vanishes some time in the week after the message's ledger record has expired;
  // `move_message` tells of a record that lives on.
  void add_message(Partition partition, const AuthorKey& author, const std::string& key,
                   Minute expires);
  void move_message(Partition partition, const AuthorKey& author, const std::string& key,
                    Minute from, Minute to);
  void remove_message(Partition partition, const AuthorKey& author, const std::string& key);
  Result<std::vector<std::string>> messages_of(Partition partition, const AuthorKey& author) const;

  // Counts `delta` messages of an author in a series and an hour.
  void count(Partition partition, const Series& series, Hour hour, const AuthorKey& author,
             int delta);

  using SetChange = AuthorSetChange;
  // Counts in the order of the calls. The sets that changed since the last call or flush, as they
  // stand in the middle of a batch: flush_sets() has them all the same. Sorted by key.
  Result<std::vector<SetChange>> set_changes();
  // Puts every set that changed since the last flush into `batch`. Sorted by key. What was flushed
  // is remembered until `settled`.
  Result<std::vector<SetChange>> flush_sets(StoreBatch& batch);
  // The stored sets of a partition, from an hour on.
  Result<void> read_sets(Partition partition, Hour from,
                         const std::function<void(const SetChange&)>& visit) const;
  // One changed row that is no set, for the changelog.
  struct Row {
    std::string key;                   // in Space::Authors
    std::optional<std::string> bytes;  // none: removed
  };
  // Puts every other change into `batch` and forgets them; returns them by key.
  std::vector<Row> flush_rows(StoreBatch& batch);
  // The batch that flushes went into is written: the store has everything. Sets that changed lately
  // are not read again.
  void settled();
  // Forgets what it remembers of the store: another may have written this partition's rows since.
  void reread(Partition partition);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// When authors were first seen, from a store. Any thread; the store outlives it.
class FirstSeenReader {
 public:
  explicit FirstSeenReader(const Store& store) : store_(store) {}

  // The receipt of each author's first kept message, in their order; none of whom nobody heard, or
  // who was erased.
  Result<std::vector<std::optional<Time>>> of(std::span<const AuthorKey> authors) const;

 private:
  const Store& store_;
};
// The row of an author in Space::Authors that it reads, for a store that folds `authors`.
std::string first_seen_key(const AuthorKey& author);
std::string first_seen_value(Time seen_at);

// All that a store knows to be erased, the latest of each author.
Result<std::vector<Erased>> stored_erasures(const Store& store);

// How an author is known in a set.
std::uint64_t author_in_sets(const AuthorKey& author);

// What the keys of an author's index begin with, in Space::Authors.
std::string author_index_of(Partition partition, const AuthorKey& author);
// A row of that index.
std::pair<std::string, std::string> author_index_row(Partition partition, const AuthorKey& author,
                                                     std::string_view message, Minute expires);
// What rows of a partition begin with that follow from its messages: index and sets.
std::vector<std::string> author_rows_of(Partition partition);
// Whether a row can be told from the ledger: a message in an author's index.
bool is_author_index(std::string_view key);
// The partition of any row but those that say when an author was first seen.
Partition partition_of_author_row(std::string_view key);
// Whether it says when an author was first seen, which a topic of its own tells.
bool is_first_seen(std::string_view key);

// Whether a stored row is past its keeping, for the store's compaction.
bool author_row_expired(std::string_view key, std::string_view value, Time stream_time);

}  // namespace vigie
