#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/core/clock.h"
#include "pipeline/core/error.h"
#include "pipeline/core/ids.h"
#include "pipeline/core/mention.h"
#include "state/authors.h"
#include "state/counters.h"
#include "state/store.h"

namespace vigie {

// The five counts a snapshot of engagement has, in the order of Engagement.
constexpr std::size_t kEngagementCounts = 5;
using EngagementCounts = std::array<std::int64_t, kEngagementCounts>;

// What was booked in one minute.
struct JournalEntry {
  Minute minute = 0;
  EngagementCounts deltas{};
  friend bool operator==(const JournalEntry&, const JournalEntry&) = default;
};
constexpr std::size_t kJournalEntries = 32;

constexpr std::chrono::hours kLedgerKept{35 * 24};
constexpr std::chrono::hours kUnmatchedKept{7 * 24};
constexpr std::chrono::hours kUnknownKept{24};

// Everything that is needed to take a message's contributions back from a bare `delete`.
struct LedgerRecord {
  enum class State : std::uint8_t {
    Live,
    Deleted,  // a tombstone: every op on the id is ignored
    Awaited,  // hidden before it was ever seen: a create finds the hidden flag
  };

  State state = State::Live;
  bool kept = true;   // false: an edit left no tag, so it counts as an unmatched one
  bool late = false;  // too far behind its record time for any bucket
  bool hidden = false;
  bool hidden_author = false;
  bool question = false;
  bool own = false;         // written by a brand account
  bool reply = false;       // by a brand account or an ambassador, with a conversation
  bool author_new = false;  // decided when it was first kept
  bool by_ambassador = false;
  bool of_members = false;  // counts in the dimensions of members; records from before them do not
  bool once_kept = false;   // `kept` now or before an edit; records from before this do not say

  std::int64_t version = 0;
  std::uint64_t content = 0;
  Minute event_minute = 0;
  Minute expires = 0;  // stream time at which the record is as if it had never been
  Kind kind = Kind::Mention;
  std::string network;
  std::string conversation;
  std::string brand;  // the brand's id where its query matched
  std::vector<std::string> competitors;
  std::vector<std::string> themes;
  std::vector<std::string> campaigns;
  std::vector<std::string> hashtags;
  std::vector<std::string> links;
  std::string country;
  std::string city;
  std::string ambassador;
  std::string conversion;
  std::string queue;  // "social", "community", "none"
  std::string route;
  std::string priority;
  std::string rules;  // version
  AuthorKey author{};
  // Accounts of the rules: the one that wrote it comes first if `by_ambassador`, then those that it
  // answers or names.
  std::vector<std::string> ambassadors;
  std::optional<KeyedHash> answered;  // erased(author) of whom an ambassador answers

  std::optional<Time> snapshot_at;  // seen_at of the last engagement snapshot
  std::array<std::optional<std::int64_t>, kEngagementCounts> snapshot;
  std::vector<JournalEntry> journal;  // by minute, at most one a minute

  bool was_kept() const { return kept || once_kept; }
  bool is_live_of(const AuthorKey& writer) const {
    return state == State::Live && author == writer;
  }
  bool visible() const { return state == State::Live && !hidden && !hidden_author; }
  bool queued() const { return queue == "social" || queue == "community"; }
  friend bool operator==(const LedgerRecord&, const LedgerRecord&) = default;
};

std::string encode(const LedgerRecord& record);
Result<LedgerRecord> decode_ledger(std::string_view bytes);

// What is known of a message that no rule wanted: 16 bytes under a hash of its key.
struct UnmatchedRow {
  std::int64_t version = 0;
  Minute event_minute = 0;
  std::uint32_t content = 0;  // low half of the content hash
  friend bool operator==(const UnmatchedRow&, const UnmatchedRow&) = default;
};

// Whether such a row is past its keeping at `stream_time`. One that is at most kUnmatchedKept
// behind is not.
bool unmatched_expired(Minute event_minute, Time stream_time);

// Clicks, conversions and reactions are no mentions.
bool is_counted_as_mention(Kind kind);

// Takes a snapshot of engagement with record time `seen_at` into the record: moves each count that
// is told by its difference to the last snapshot, in the journal at the minute of `seen_at`. A
// snapshot older than the last changes nothing. Counters are not touched: take the record back
// before and book it after. Returns whether anything changed.
bool take_snapshot(LedgerRecord& record, const Engagement& engagement, Time seen_at,
                   std::optional<Time> stream_time);

// The messages that one worker's batch touches, of one partition. Reads ahead, answers from the
// batch's own changes first, and turns them into one store write. One thread; `store` outlives it.
class Ledger {
 public:
  // `keys` finds tombstones of erased messages and outlives this; without it there are none.
  Ledger(const Store& store, Partition partition, const AuthorKeys* keys = nullptr);
  ~Ledger();
  Ledger(Ledger&&) noexcept;
  Ledger& operator=(Ledger&&) noexcept;

  // Reads the records of these `network/id` keys, so that `find` need not ask the store for each.
  Result<void> prefetch(std::span<const std::string> keys);

  // The record of a prefetched key that has not expired at `stream_time`; nullptr when there is
  // none. An erased message has a tombstone. Valid until the next put, erase or prefetch. Change it
  // through put.
  const LedgerRecord* find(const std::string& key, std::optional<Time> stream_time) const;
  // Whether the message of a prefetched key was erased, and its tombstone is still there.
  bool is_erased(const std::string& key, std::optional<Time> stream_time) const;
  const UnmatchedRow* find_unmatched(const std::string& key, std::optional<Time> stream_time) const;

  void put(const std::string& key, LedgerRecord record);
  void put_unmatched(const std::string& key, const UnmatchedRow& row);
  void erase_unmatched(const std::string& key);
  // Forgets the record of a message.
  void erase(const std::string& key);
  // Forgets all that is known of a message and leaves a tombstone that does not name it.
  void put_erased(const std::string& key, Minute expires);

  // One changed row, for the changelog.
  struct Change {
    std::string key;                   // in Space::Ledger
    std::optional<std::string> bytes;  // none: removed
  };
  // Puts every change into `batch` and forgets what was read and changed. In the order of first
  // change.
  std::vector<Change> flush(StoreBatch& batch);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// What a key in Space::Ledger says; nothing when it has another form.
struct LedgerKey {
  Partition partition{};
  bool is_unmatched = false;  // an UnmatchedRow's
  bool is_erased = false;     // the tombstone of an erased message; else a LedgerRecord's
  std::string_view message;   // `network/id`, of a LedgerRecord
};
std::optional<LedgerKey> parse_ledger_key(std::string_view key);

// What all keys of a partition begin with.
std::string ledger_of(Partition partition);

// Calls `visit` for each stored row of a partition, with one of the two, until it returns false.
Result<void> scan_ledger(
    const StoreSnapshot& store, Partition partition,
    const std::function<bool(const LedgerRecord* record, const UnmatchedRow* row)>& visit);

// Whether a stored row is past its keeping at `stream_time`, for the store's compaction.
bool ledger_expired(std::string_view key, std::string_view value, Time stream_time);

}  // namespace vigie
