#include "pipeline/run/apply.h"

#include <algorithm>

#include "pipeline/core/bytes.h"
#include "pipeline/route/route.h"
#include "pipeline/run/records.h"
#include "state/contributions.h"
#include "state/stream_time.h"

namespace vigie {
namespace {

Minute expires_after(Time stream_time, std::chrono::hours kept) {
  return minute_of(stream_time + kept) + 1;
}

std::vector<std::string> ids_of(const RuleSet& rules, const std::vector<std::uint32_t>& indices) {
  std::vector<std::string> ids;
  ids.reserve(indices.size());
  for (const std::uint32_t index : indices) ids.emplace_back(rules.rules()[index].id);
  return ids;
}

}  // namespace

Apply::Apply(Partition partition, const Store& store, Authors& authors, const AuthorKeys& keys,
             const EventLog& log, ApplyOptions options)
    : partition_(partition),
      store_(store),
      authors_(authors),
      keys_(keys),
      log_(log),
      options_(options),
      ledger_(store, partition, &keys),
      counters_(store, partition) {}

Result<void> Apply::load() {
  auto stored = store_.get(Space::Meta, stream_time_key(partition_));
  if (!stored) return std::unexpected(std::move(stored.error()));
  if (*stored) {
    const std::optional<Time> time = parse_stream_time(**stored);
    if (!time) return fail(Code::Corrupt, "worker: a partition's stream time is damaged");
    stream_time_ = *time;
  }
  auto until = authors_.erased_until(partition_);
  if (!until) return std::unexpected(std::move(until.error()));
  erased_until_ = *until;
  const std::string erasures = erasures_of(partition_);
  return store_.scan(
      Space::Meta, erasures, prefix_end(erasures), [&](std::string_view key, std::string_view) {
        const auto number = ByteReader(key.substr(key.size() - 8)).fixed<std::uint64_t>();
        next_erasure_ = std::max(next_erasure_, number + 1);
        return true;
      });
}

std::optional<Time> Apply::expiry() const {
  if (options_.keep) return std::nullopt;
  return stream_time_;
}

Result<void> Apply::begin(std::span<const std::string> keys) {
  return ledger_.prefetch(keys);
}

Result<void> Apply::record(const Mention& mention, const RuleSet& rules, Matcher& matcher) {
  // What another program logged without a receipt counts at the stream's own time.
  const Time seen_at = mention.seen_at.value_or(stream_time_);
  if (seen_at > stream_time_) {
    stream_time_ = seen_at;
    stream_moved_ = true;
  }
  ++counts_.ops[mention.op];
  const std::string key = key_of(mention);
  switch (mention.op) {
    case Op::Tick:
      return {};
    case Op::Create:
    case Op::Update:
      return create_or_update(mention, key, seen_at, rules, matcher);
    case Op::Engagement: {
      const LedgerRecord* old = ledger_.find(key, expiry());
      if (old == nullptr || old->state != LedgerRecord::State::Live) {
        ++counts_.ignored;
        return {};
      }
      take_engagement(mention, key, seen_at, *old);
      return {};
    }
    case Op::Delete:
      remove(mention, key, seen_at);
      return {};
    case Op::Hide:
    case Op::Unhide:
      return set_hidden(mention, key, seen_at, mention.op == Op::Hide, rules);
    case Op::HideAuthor:
    case Op::UnhideAuthor:
    case Op::EraseAuthor:
      return author_wide(mention, seen_at, rules);
  }
  return {};
}

Result<void> Apply::create_or_update(const Mention& mention, const std::string& key, Time seen_at,
                                     const RuleSet& rules, Matcher& matcher) {
  const LedgerRecord* old = ledger_.find(key, expiry());
  if (old != nullptr && old->state == LedgerRecord::State::Deleted) {
    ++counts_.ignored;
    if (ledger_.is_erased(key, expiry())) note_again(mention, key);
    return {};
  }
  const bool live = old != nullptr && old->state == LedgerRecord::State::Live;
  const UnmatchedRow* row = live ? nullptr : ledger_.find_unmatched(key, expiry());
  if (!live && row == nullptr) {
    auto gone = is_erased(mention, key, seen_at);
    if (!gone) return std::unexpected(std::move(gone.error()));
    if (*gone) return {};
    return judge(mention, key, seen_at, old, nullptr, rules, matcher);
  }

  const std::int64_t version = version_of(mention);
  const std::uint64_t content = content_hash(mention);
  const std::int64_t known_version = live ? old->version : row->version;
  // Of a row, and of what became of it when it was hidden, half of the hash is known.
  const bool is_half = !live || (old->author == AuthorKey{} && !old->kept);
  const std::uint64_t known_content = live ? old->content : row->content;
  const bool same_content =
      known_content == (is_half ? static_cast<std::uint32_t>(content) : content);
  const bool duplicate = version == known_version && same_content;
  const bool stale = version < known_version ||
                     (version == known_version && !same_content && mention.op == Op::Create);
  if (!duplicate && !stale) return judge(mention, key, seen_at, old, row, rules, matcher);
  ++(duplicate ? counts_.duplicates : counts_.stale);
  if (live) take_engagement(mention, key, seen_at, *old);
  return {};
}

Result<void> Apply::judge(const Mention& mention, const std::string& key, Time seen_at,
                          const LedgerRecord* old, const UnmatchedRow* row, const RuleSet& rules,
                          Matcher& matcher) {
  const bool live = old != nullptr && old->state == LedgerRecord::State::Live;
  if (!live && row == nullptr && event_time(mention, seen_at) != mention.created_at) {
    ++counts_.clamped;
  }
  std::optional<Error> broken;
  std::optional<AuthorKey> author;
  const auto author_key = [&] {
    if (!author) author = keys_.of(mention.network, mention.author.id);
    return *author;
  };
  Matcher::Options options;
  options.is_new_author = [&](const Mention&) {
    if (live && old->was_kept()) return old->author_new;
    auto fresh = authors_.is_new(author_key());
    if (!fresh) broken = fresh.error();
    return fresh && *fresh;
  };
  const Verdict& verdict = matcher.match(rules, mention, options);
  if (broken) return std::unexpected(*broken);

  if (!is_kept(mention, verdict) && old == nullptr) {
    const Kind kind = mention.kind.value_or(Kind::Post);
    const Time event = event_time(mention, seen_at);
    // A row that is past its keeping when it is made would not stop the mention from counting
    // again.
    const bool gone = expiry() && unmatched_expired(minute_of(event), *expiry());
    if (row == nullptr && (event < seen_at - kUnmatchedKept || gone)) {
      ++counts_.late;
      return {};
    }
    // Kinds that are no mentions contribute nothing, so nothing has to be remembered of them.
    if (!is_counted_as_mention(kind)) return {};
    const Minute minute = row != nullptr ? row->event_minute : minute_of(event);
    if (row == nullptr) book_unmatched(mention.network, kind, minute, 1, expiry(), counters_);
    ledger_.put_unmatched(key, {.version = version_of(mention),
                                .event_minute = minute,
                                .content = static_cast<std::uint32_t>(content_hash(mention))});
    return {};
  }

  auto made = judged_record(mention, seen_at, old, row, rules, verdict, author_key());
  if (!made) return std::unexpected(std::move(made.error()));
  const LedgerRecord record = std::move(*made);
  if (row != nullptr) {
    book_unmatched(mention.network, Kind::Post, row->event_minute, -1, expiry(), counters_);
    ledger_.erase_unmatched(key);
  }
  // `old` is no longer valid after the replacement.
  std::optional<LedgerRecord> before;
  if (live) before = *old;
  for (const std::string& id : record.themes) ++counts_.tags["theme:" + id];
  for (const std::string& id : record.campaigns) ++counts_.tags["campaign:" + id];
  for (const std::string& id : record.competitors) ++counts_.tags["competitor:" + id];
  if (!record.brand.empty()) ++counts_.tags["brand:" + record.brand];
  if (record.late) ++counts_.late;
  replace(key, before ? &*before : nullptr, record);
  // What never matched has no text in `tagged`; what no longer does has, until it is deleted.
  if (record.kept || before) emit_tagged(key, mention, record);
  if (record.queued() && record.visible()) ++counts_.routed[{record.queue, record.priority}];
  emit_conversation(key, mention, before ? &*before : nullptr, record, seen_at, rules);
  return {};
}

Result<LedgerRecord> Apply::judged_record(const Mention& mention, Time seen_at,
                                          const LedgerRecord* old, const UnmatchedRow* row,
                                          const RuleSet& rules, const Verdict& verdict,
                                          const AuthorKey& author) {
  const bool live = old != nullptr && old->state == LedgerRecord::State::Live;
  LedgerRecord record;
  if (old != nullptr) {
    record.hidden = old->hidden;
    record.hidden_author = old->hidden_author;
  }
  if (live) {
    record.event_minute = old->event_minute;
    record.late = old->late;
    record.snapshot_at = old->snapshot_at;
    record.snapshot = old->snapshot;
    record.journal = old->journal;
    record.author_new = old->author_new;
  } else if (row != nullptr) {
    // Of the last days, so never late, whatever the edit says of when it was written.
    record.event_minute = row->event_minute;
  } else {
    const Time event = event_time(mention, seen_at);
    record.event_minute = minute_of(event);
    record.late = event < seen_at - kHoursKept;
  }
  record.kept = is_kept(mention, verdict);
  const bool was_kept = live && old->was_kept();
  record.once_kept = record.kept || was_kept;
  if (record.kept && !(was_kept && old->author == author)) {
    auto fresh = authors_.is_new(author);
    if (!fresh) return std::unexpected(std::move(fresh.error()));
    // Decided once for each message, also if an edit makes it another's.
    if (!was_kept) record.author_new = *fresh;
    if (*fresh) {
      authors_.saw(author, seen_at);
      output(Topic::Authors, hex(author), first_seen_json(seen_at));
    }
  }
  const Minute expires = expires_after(stream_time_, kLedgerKept);
  // A row that was hidden before it matched knows no author.
  if (!live || !old->kept || old->author != author) {
    auto hidden = authors_.hidden(partition_, author);
    if (!hidden) return std::unexpected(std::move(hidden.error()));
    record.hidden_author = *hidden;
    if (live) authors_.remove_message(partition_, old->author, key_of(mention));
    authors_.add_message(partition_, author, key_of(mention), expires);
  } else {
    authors_.move_message(partition_, author, key_of(mention), old->expires, expires);
  }
  const Decision decision = decide(rules, mention, verdict);
  record.version = version_of(mention);
  record.content = content_hash(mention);
  record.expires = expires;
  record.kind = mention.kind.value_or(Kind::Post);
  record.network = mention.network;
  record.conversation = conversation_key_of(mention);
  record.question = verdict.question;
  record.own = verdict.by_brand;
  record.by_ambassador = verdict.by_ambassador;
  record.reply = (verdict.by_brand || verdict.by_ambassador) &&
                 (!mention.conversation_id.empty() || !mention.in_reply_to.empty());
  record.of_members = true;
  record.ambassadors = verdict.ambassadors;
  // Who goes on with what they wrote themselves answers nobody.
  if (verdict.by_ambassador && mention.in_reply_to_author &&
      !mention.in_reply_to_author->id.empty() &&
      mention.in_reply_to_author->id != mention.author.id) {
    record.answered = erased(keys_.of(mention.network, mention.in_reply_to_author->id));
  }
  if (verdict.brand) record.brand = rules.brand_id();
  record.competitors = ids_of(rules, verdict.competitors);
  record.themes = ids_of(rules, verdict.themes);
  record.campaigns = ids_of(rules, verdict.campaigns);
  record.hashtags = verdict.hashtags;
  record.links = verdict.links;
  if (mention.place) {
    record.country = mention.place->country;
    record.city = mention.place->city;
  }
  record.ambassador = mention.ambassador;
  if (mention.conversion) record.conversion = mention.conversion->name;
  record.queue = std::string(name(decision.queue));
  record.route = decision.route.value_or("");
  if (decision.priority) record.priority = std::string(name(*decision.priority));
  record.rules = rules.version();
  record.author = author;
  counts_.uncounted += limit_counted(record);
  take_snapshot(record, mention.engagement, seen_at, expiry());
  return record;
}

// Counters follow the ledger: what the old record contributed goes, what the new one does comes.
void Apply::replace(const std::string& key, const LedgerRecord* old, LedgerRecord record) {
  if (old != nullptr) {
    rebook(partition_, *old, record, expiry(), counters_, authors_);
  } else {
    book(partition_, record, 1, expiry(), counters_, authors_);
  }
  ledger_.put(key, std::move(record));
}

void Apply::take_engagement(const Mention& mention, const std::string& key, Time seen_at,
                            const LedgerRecord& old) {
  LedgerRecord record = old;
  if (!take_snapshot(record, mention.engagement, seen_at, expiry())) return;
  keep_on(key, record);
  // `old` is no longer valid after the replacement.
  // NOLINTNEXTLINE(performance-unnecessary-copy-initialization)
  const LedgerRecord before = old;
  replace(key, &before, std::move(record));
}

// For the time after this booking.
void Apply::keep_on(const std::string& key, LedgerRecord& record) {
  if (record.state != LedgerRecord::State::Live) return;
  const Minute before = record.expires;
  record.expires = std::max(before, expires_after(stream_time_, kLedgerKept));
  // A row that was hidden before it matched knows no author.
  if (record.author != AuthorKey{}) {
    authors_.move_message(partition_, record.author, key, before, record.expires);
  }
}

void Apply::remove(const Mention& mention, const std::string& key, Time seen_at) {
  LedgerRecord tombstone;
  tombstone.state = LedgerRecord::State::Deleted;
  tombstone.network = mention.network;
  tombstone.expires = expires_after(stream_time_, kLedgerKept);
  const LedgerRecord* old = ledger_.find(key, expiry());
  if (old != nullptr && old->state == LedgerRecord::State::Deleted) {
    ++counts_.ignored;
    return;
  }
  if (old != nullptr && old->state == LedgerRecord::State::Live) {
    const LedgerRecord before = *old;
    // The index goes on with the tombstone, which is to be found when its author is erased.
    if (before.author != AuthorKey{}) {
      authors_.add_message(partition_, before.author, key, tombstone.expires);
    }
    tombstone.author = before.author;
    tombstone.conversation = before.conversation;
    tombstone.queue = before.queue;
    tombstone.reply = before.reply;
    emit_withdraw(key, before, seen_at, false);
    output(Topic::Tagged, key, std::nullopt);
    tagged_in_batch_.erase(key);
    replace(key, &before, std::move(tombstone));
    return;
  }
  if (const UnmatchedRow* row = ledger_.find_unmatched(key, expiry())) {
    book_unmatched(mention.network, Kind::Post, row->event_minute, -1, expiry(), counters_);
    ledger_.erase_unmatched(key);
  } else if (old == nullptr || old->state == LedgerRecord::State::Awaited) {
    tombstone.expires = expires_after(stream_time_, kUnknownKept);
  }
  ledger_.put(key, std::move(tombstone));
}

Result<void> Apply::set_hidden(const Mention& mention, const std::string& key, Time seen_at,
                               bool hidden, const RuleSet& rules) {
  const LedgerRecord* old = ledger_.find(key, expiry());
  if (old != nullptr && old->state == LedgerRecord::State::Deleted) {
    ++counts_.ignored;
    return {};
  }
  if (old != nullptr && old->state == LedgerRecord::State::Awaited) {
    if (hidden) {
      LedgerRecord record = *old;
      record.expires = std::max(record.expires, expires_after(stream_time_, kUnknownKept));
      ledger_.put(key, std::move(record));
    } else {
      ledger_.erase(key);
    }
    return {};
  }
  if (old != nullptr) {
    LedgerRecord record = *old;
    record.hidden = hidden;
    const LedgerRecord before = *old;
    if (hidden != before.hidden) keep_on(key, record);
    return change_visibility(key, before, record, seen_at, rules);
  }
  if (!hidden) {
    ++counts_.ignored;
    return {};
  }
  LedgerRecord record;
  record.network = mention.network;
  record.hidden = true;
  if (const UnmatchedRow* row = ledger_.find_unmatched(key, expiry())) {
    book_unmatched(mention.network, Kind::Post, row->event_minute, -1, expiry(), counters_);
    record.kept = false;
    record.kind = Kind::Post;
    record.version = row->version;
    record.content = row->content;
    record.event_minute = row->event_minute;
    record.expires = expires_after(stream_time_, kLedgerKept);
    ledger_.erase_unmatched(key);
  } else {
    record.state = LedgerRecord::State::Awaited;
    record.expires = expires_after(stream_time_, kUnknownKept);
  }
  ledger_.put(key, std::move(record));
  return {};
}

Result<void> Apply::change_visibility(const std::string& key, const LedgerRecord& old,
                                      const LedgerRecord& record, Time seen_at,
                                      const RuleSet& rules) {
  if (record == old) return {};
  const bool was_visible = old.visible();
  replace(key, &old, record);
  if (record.state != LedgerRecord::State::Live || was_visible == record.visible()) return {};
  if (was_visible) emit_withdraw(key, old, seen_at, false);
  auto value = tagged_value(key);
  if (!value) return std::unexpected(std::move(value.error()));
  if (!*value) return {};
  auto mention = MentionReader().read(**value, kMaxStoredMentionBytes);
  if (!mention) {
    return fail(Code::Corrupt, "tagged: a stored record is damaged: " + mention.error().message);
  }
  emit_tagged(key, *mention, record);
  if (record.visible()) {
    emit_conversation(key, *mention, nullptr, record, seen_at, rules);
  }
  return {};
}

Result<void> Apply::author_wide(const Mention& mention, Time seen_at, const RuleSet& rules) {
  const AuthorKey author = keys_.of(mention.network, mention.author.id);
  if (mention.op == Op::EraseAuthor) return erase_author(author, seen_at);
  auto keys = authors_.messages_of(partition_, author);
  if (!keys) return std::unexpected(std::move(keys.error()));
  auto read = ledger_.prefetch(*keys);
  if (!read) return read;
  auto flagged = authors_.set_hidden(partition_, author, mention.op == Op::HideAuthor);
  if (!flagged) return flagged;
  for (const std::string& key : *keys) {
    const LedgerRecord* old = ledger_.find(key, expiry());
    if (old == nullptr || !old->is_live_of(author)) continue;
    const LedgerRecord before = *old;
    LedgerRecord record = before;
    record.hidden_author = mention.op == Op::HideAuthor;
    if (record.hidden_author != before.hidden_author) keep_on(key, record);
    auto changed = change_visibility(key, before, record, seen_at, rules);
    if (!changed) return changed;
  }
  return {};
}

Result<std::vector<CounterBatch::Change>> Apply::flush_counters(StoreBatch& state) {
  for (const std::string& key : std::exchange(forgotten_counters_, {})) {
    state.erase(Space::Counters, key);
    if (options_.log_is_remote) output(Topic::CountersLong, key, std::nullopt);
  }
  auto counters = counters_.flush(state);
  if (!counters || !options_.log_is_remote) return counters;
  for (const CounterBatch::Change& change : *counters) {
    const bool is_long = is_kept_long(change.series.dimension, change.granularity);
    output(is_long ? Topic::CountersLong : Topic::Counters, change.key, change.bytes);
  }
  return counters;
}

Result<std::vector<CounterBatch::Change>> Apply::finish(Effects& effects) {
  auto changes = count();
  if (!changes) return changes;
  const auto counters = flush_counters(effects.state);
  if (!counters) return std::unexpected(counters.error());
  const std::vector<Ledger::Change> rows = ledger_.flush(effects.state);
  note_erasures(*counters, rows, effects.state);
  if (options_.log_is_remote) {
    for (const Record& record : outputs_) keep_tagged(record, effects.state);
    for (const Ledger::Change& row : rows) output(Topic::Ledger, row.key, row.bytes);
  }
  if (stream_moved_) {
    effects.state.put(Space::Meta, stream_time_key(partition_), encode_stream_time(stream_time_));
    stream_moved_ = false;
  }
  std::ranges::move(outputs_, std::back_inserter(effects.outputs));
  outputs_.clear();
  tagged_in_batch_.clear();
  return changes;
}

ApplyCounts Apply::take_counts() {
  return std::exchange(counts_, {});
}

}  // namespace vigie
