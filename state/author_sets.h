#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/core/clock.h"
#include "pipeline/core/error.h"
#include "pipeline/core/ids.h"
#include "state/counters.h"
#include "state/hyperloglog.h"
#include "state/store.h"

namespace vigie {

// What their number is called beside the measures of counters.
constexpr std::string_view kAuthorsMeasure = "authors";

// How many different authors.
struct AuthorCount {
  std::int64_t authors = 0;
  bool estimate = false;  // by a sketch, else exact
  friend bool operator==(const AuthorCount&, const AuthorCount&) = default;
};

// Who wrote in one hour of a series, by the first eight bytes of their author keys. Exact, and able
// to take back, up to kExact authors; from the message on that brings one more it is a sketch,
// which takes nothing back.
class AuthorSet {
 public:
  static constexpr std::size_t kExact = 256;
  // How many of the authors of a sketch are still known by name.
  static constexpr std::size_t kNamed = 64;

  // `delta` messages of an author. True when what is stored has changed.
  bool count(std::uint64_t author, std::int64_t delta);

  // Names the author no more, also not in a sketch, whose number stays. True when it did.
  bool forget(std::uint64_t author);

  bool empty() const { return members_.empty() && !sketch_; }
  bool is_sketch() const { return sketch_ != nullptr; }
  AuthorCount size() const;
  // The authors, ascending, at most kNamed: always the same ones of a sketch, but for those that
  // are erased.
  std::vector<std::uint64_t> named() const;

  // How many messages of an author an exact set counts.
  std::int64_t messages_of(std::uint64_t author) const;
  // All authors of a set that is exact, ascending; of a sketch those it knows by name.
  std::vector<std::uint64_t> known() const;
  // Says what an exact set counts of an author, 0 for nothing. A sketch stays as it is.
  void put(std::uint64_t author, std::int64_t messages);

  // Whether these are just the authors and messages it counts; of a sketch, whether it counted all
  // of these authors, for it takes nobody back.
  bool agrees_with(const std::map<std::uint64_t, std::int64_t>& messages) const;

  std::string encode() const;
  static std::optional<AuthorSet> decode(std::string_view bytes);

 private:
  friend class AuthorUnion;

  struct Member {
    std::uint64_t author = 0;
    std::int64_t messages = 0;
  };
  std::vector<Member>::iterator place(std::uint64_t author);

  std::vector<Member> members_;          // by author; of a sketch those that it names
  std::unique_ptr<HyperLogLog> sketch_;  // null as long as the set is exact
};

// The authors of several sets together: exact while all of them are and the union has at most
// AuthorSet::kExact.
class AuthorUnion {
 public:
  void add(const AuthorSet& set);
  AuthorCount size() const;

 private:
  std::vector<std::uint64_t> authors_;  // sorted, as long as there is no sketch
  std::unique_ptr<HyperLogLog> sketch_;
};

// Where a set stands in Space::Authors.
std::string author_set_key(Partition partition, const Series& series, Hour hour);
struct AuthorSetKey {
  Partition partition{};
  Series series;
  Hour hour = 0;
};
// Nothing when the key is of another form.
std::optional<AuthorSetKey> parse_author_set_key(std::string_view key);
// How records of `counters` tell of sets, so that each may come again, and also what a compacted
// topic keeps of them tells the same:
//
//   0x02 key         stored form of a sketch, or no value: nobody is in the set
//   0x03 key author  how many messages of the author an exact set counts, or no value: none
//
// The author is a u64, the number a varint. A record of an author says nothing of a sketch. Exact
// sets are told author by author, since a whole one would be written anew with each message. No
// counter's key begins so.
constexpr char kAuthorSetRecord = '\x02';
constexpr char kAuthorRecord = '\x03';
constexpr bool tells_author_set(std::string_view record_key) {
  return record_key.starts_with(kAuthorSetRecord) || record_key.starts_with(kAuthorRecord);
}
struct AuthorSetRecord {
  std::string key;
  std::optional<std::string> value;
};
// A sketch, or that nobody is left.
AuthorSetRecord whole_set_record(std::string_view set_key, const AuthorSet& set);
AuthorSetRecord author_record(std::string_view set_key, std::uint64_t author,
                              std::int64_t messages);
// All that tells a set.
std::vector<AuthorSetRecord> records_of(std::string_view set_key, const AuthorSet& set);
// Puts what such a record says into `batch`: a set in which nobody is left may stay, empty. Corrupt
// when it is damaged, or an earlier version wrote it, which told exact sets whole.
Result<void> fold_author_set(std::string_view key, std::optional<std::string_view> value,
                             StoreBatch& batch);
// The stored form of a set after changes that fold_author_set left beside it; nothing when one of
// them is damaged. For the store.
std::optional<std::string> with_author_changes(std::optional<std::string_view> stored,
                                               std::span<const std::string_view> changes);

// What all sets of a partition begin with.
std::string author_sets_of(Partition partition);

// Which dimensions count their authors.
constexpr bool counts_authors(Dimension dimension) {
  return dimension == Dimension::Brand || dimension == Dimension::Competitor ||
         dimension == Dimension::Theme || dimension == Dimension::Campaign;
}

// Reads the sets of all partitions of a store. Any thread.
class AuthorSetReader {
 public:
  AuthorSetReader(const Store& store, std::int32_t partitions);

  // The sets of a series from hour `first` to `last`, both included: one partition's after the
  // other's, each in the order of hours.
  Result<void> series(const Series& series, Hour first, Hour last,
                      const std::function<void(Hour, const AuthorSet&)>& visit) const;

  // Every hour that is kept at `stream_time` (all, when it is empty), in the order of (dimension
  // name, id, hour), over all partitions.
  Result<void> dump(std::optional<Time> stream_time,
                    const std::function<void(const Series&, Hour, AuthorCount)>& visit) const;

 private:
  const Store& store_;
  std::int32_t partitions_;
};

}  // namespace vigie
