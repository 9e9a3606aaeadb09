// What an erasure does to the state of one partition. Log and files forget later: erasures.h.
#include <algorithm>

#include "pipeline/core/bytes.h"
#include "pipeline/run/apply.h"
#include "state/contributions.h"
#include "state/queues.h"

namespace vigie {

Result<void> Apply::erase_author(const AuthorKey& author, Time asked_at) {
  auto keys = authors_.messages_of(partition_, author);
  if (!keys) return std::unexpected(std::move(keys.error()));
  auto erased_before = authors_.erased_at(partition_, author);
  if (!erased_before) return std::unexpected(std::move(erased_before.error()));
  // The same op again, as after it was done from the book: its proof stands.
  if (*erased_before && **erased_before >= asked_at && keys->empty()) return {};
  auto read = ledger_.prefetch(*keys);
  if (!read) return read;
  Erasure& erasure = erasures_[author];
  erasure.partition = partition_;
  erasure.author = author;
  erasure.asked_at = std::max(erasure.asked_at, asked_at);
  for (const std::string& key : *keys) {
    erase_message(key, author, asked_at, erasure);
    authors_.remove_message(partition_, author, key);
  }
  // After the take-backs, which tell the sets that named the author.
  auto stood = authors_.erase(partition_, author, asked_at);
  if (!stood) return std::unexpected(std::move(stood.error()));
  for (std::string& key : *stood) erasure.stood.emplace_back(Space::Authors, std::move(key));
  auto forgotten = forget_brand_hours(author, erasure);
  if (!forgotten) return forgotten;
  erased_until_ = std::max(erased_until_, asked_at);
  output(Topic::Authors, hex(author), std::nullopt);
  output(Topic::Authors, erased_record_key(hex(erased(author)), partition_),
         erased_json(hex(erased(author)), erasure));
  return {};
}

Result<void> Apply::erase_again(const Authors::Missing& missing) {
  if (missing.author) return erase_author(*missing.author, missing.erased.asked_at);
  auto expected = authors_.expect_erased(partition_, missing.erased);
  if (!expected) return expected;
  erased_until_ = std::max(erased_until_, missing.erased.asked_at);
  // Nothing of theirs is here, so it is done with that.
  Erasure nothing;
  nothing.partition = partition_;
  nothing.asked_at = missing.erased.asked_at;
  const std::string name = hex(missing.erased.author);
  output(Topic::Authors, erased_record_key(name, partition_), erased_json(name, nothing));
  settled_.push_back({settled_erasure_key(partition_, missing.erased.author, next_erasure_++),
                      settled_erasure_value(missing.erased.asked_at)});
  return {};
}

// Hours that are frozen stay when messages are taken back.
Result<void> Apply::forget_brand_hours(const AuthorKey& author, Erasure& erasure) {
  const KeyedHash name = erased(author);
  std::string begin = counters_of(partition_, Dimension::AuthorBrand);
  put_text(begin, hex(name));
  return store_.scan(Space::Counters, begin, prefix_end(begin),
                     [&](std::string_view key, std::string_view) {
                       forgotten_counters_.emplace_back(key);
                       erasure.stood.emplace_back(Space::Counters, std::string(key));
                       return true;
                     });
}

// Also a record that has expired, or a tombstone that names the message, may still be in the store.
void Apply::erase_message(const std::string& key, const AuthorKey& author, Time asked_at,
                          Erasure& erasure) {
  const LedgerRecord* old = ledger_.find(key, std::nullopt);
  const bool current = old != nullptr && ledger_.find(key, expiry()) != nullptr;
  Minute expires = minute_of(stream_time_ + kLedgerKept) + 1;
  if (current && old->state == LedgerRecord::State::Deleted) expires = old->expires;
  erasure.messages.push_back(key);
  erasure.stood.emplace_back(Space::Latest, latest_key(Topic::Tagged, key));
  // The index told of an earlier record; whose message this one is, is not known, or another's.
  if (current && old->state != LedgerRecord::State::Deleted && !old->is_live_of(author)) return;
  if (old != nullptr && old->state == LedgerRecord::State::Live) {
    if (current) {
      book(partition_, *old, -1, expiry(), counters_, authors_);
      ++erasure.erased_messages;
      const bool counts = old->visible() && !old->own && !old->late;
      if (counts && is_counted_as_mention(old->kind)) ++erasure.erased_mentions;
    }
    leave_queues(key, *old, asked_at, erasure);
    output(Topic::Tagged, key, std::nullopt);
    tagged_in_batch_.erase(key);
  } else if (old != nullptr && !old->conversation.empty()) {
    leave_queues(key, *old, asked_at, erasure);
  }
  if (current) {
    ledger_.put_erased(key, expires);
  } else {
    // What is past its keeping stops nothing from coming anew, whether the store still has it or
    // not.
    ledger_.erase(key);
  }
}

// Before an edit that moved it, the message may have stood in a conversation of its own, which is
// named after it.
void Apply::leave_queues(const std::string& key, const LedgerRecord& old, Time asked_at,
                         Erasure& erasure) {
  emit_withdraw(key, old, asked_at, true);
  erasure.stood.emplace_back(Space::Queues, queues_key(old.conversation));
  if (old.conversation == key) return;
  LedgerRecord alone = old;
  alone.conversation = key;
  emit_withdraw(key, alone, asked_at, true);
  erasure.stood.emplace_back(Space::Queues, queues_key(key));
}

// What was received before its author was erased, and comes again from a backup or another log,
// stays erased; what is received later is new.
Result<bool> Apply::is_erased(const Mention& mention, const std::string& key, Time seen_at) {
  if (seen_at >= erased_until_) return false;
  const AuthorKey author = keys_.of(mention.network, mention.author.id);
  auto asked_at = authors_.erased_at(partition_, author);
  if (!asked_at) return std::unexpected(std::move(asked_at.error()));
  if (!*asked_at || seen_at >= **asked_at) return false;
  ++counts_.ignored;
  note_again(mention, key);
  ledger_.put_erased(key, minute_of(stream_time_ + kLedgerKept) + 1);
  return true;
}

// A message that was erased has come again: its text is in the log once more.
void Apply::note_again(const Mention& mention, const std::string& key) {
  const AuthorKey author = keys_.of(mention.network, mention.author.id);
  Erasure& erasure = erasures_[author];
  erasure.partition = partition_;
  erasure.author = author;
  erasure.messages.push_back(key);
}

// Leaves what is still to be forgotten.
void Apply::note_erasures(std::span<const CounterBatch::Change> counters,
                          std::span<const Ledger::Change> rows, StoreBatch& state) {
  for (auto& [author, erasure] : erasures_) {
    // A bucket that has vanished may have been the author's own.
    for (const CounterBatch::Change& change : counters) {
      if (!change.bytes) erasure.stood.emplace_back(Space::Counters, change.key);
    }
    for (const Ledger::Change& row : rows) {
      if (!row.bytes) erasure.stood.emplace_back(Space::Ledger, row.key);
    }
    state.put(Space::Meta, erasure_key(erasure, next_erasure_++), encode(erasure));
  }
  erasures_.clear();
  for (const auto& [key, value] : std::exchange(settled_, {})) state.put(Space::Meta, key, value);
}

}  // namespace vigie
