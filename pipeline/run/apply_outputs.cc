#include <algorithm>

#include "pipeline/run/apply.h"
#include "pipeline/run/records.h"
#include "state/queues.h"

namespace vigie {
namespace {

bool shows_in_conversation(const LedgerRecord& record) {
  return record.visible() && (record.queued() || record.reply);
}

// What the fold takes; no clock of an item needs more.
constexpr std::chrono::seconds kLongestSla{kMaxSlaSeconds};

std::int64_t length_of(std::optional<std::chrono::seconds> length) {
  return length ? std::min(*length, kLongestSla).count() : 0;
}

}  // namespace

void Apply::output(Topic topic, std::string key, std::optional<std::string> value) {
  Record record;
  record.topic = topic;
  record.partition = info(topic).with_mentions ? partition_ : partition_for(log_, topic, key);
  record.key = std::move(key);
  record.value = std::move(value);
  outputs_.push_back(std::move(record));
}

void Apply::emit_tagged(const std::string& key, const Mention& mention,
                        const LedgerRecord& record) {
  std::string value = tagged_json(mention, record);
  if (record.queued() && record.visible()) {
    const Topic topic = record.queue == "social" ? Topic::QueueSocial : Topic::QueueCommunity;
    output(topic, record.conversation, value);
  }
  tagged_in_batch_[key] = outputs_.size();
  output(Topic::Tagged, key, std::move(value));
}

void Apply::emit_conversation(const std::string& key, const Mention& mention,
                              const LedgerRecord* old, const LedgerRecord& record, Time seen_at,
                              const RuleSet& rules) {
  const bool shows = shows_in_conversation(record);
  if (old != nullptr && shows_in_conversation(*old) &&
      (!shows || old->conversation != record.conversation)) {
    emit_withdraw(key, *old, seen_at, false);
  }
  if (!shows) return;
  ConversationRecord event;
  event.conversation = record.conversation;
  event.seen_at = seen_at;
  event.message.key = key;
  // The first record fixes the minute; an edit whose receipt would give another one keeps its
  // place.
  const Time event_at = event_time(mention, mention.seen_at.value_or(seen_at));
  event.message.event_time =
      minute_of(event_at) == record.event_minute ? event_at : start_of_minute(record.event_minute);
  event.message.inbound = record.queued();
  event.message.author_handle = mention.author.handle;
  if (record.queued()) {
    event.message.queue = record.queue;
    event.message.route = record.route;
    event.message.priority = record.priority;
    for (const Route& route : rules.routes()) {
      if (route.id != record.route) continue;
      event.message.sla_seconds = length_of(route.sla);
      event.message.resolve_seconds = length_of(route.resolve);
    }
    const bool timed = event.message.sla_seconds > 0 || event.message.resolve_seconds > 0;
    if (timed) event.hours = calendar_.of(rules, seen_at);
  }
  std::string value;
  append_json(value, event);
  output(Topic::Conversations, record.conversation, std::move(value));
}

// Of an erased author also where nothing shows: what was hidden may have left its key behind.
void Apply::emit_withdraw(const std::string& key, const LedgerRecord& old, Time seen_at,
                          bool erased) {
  if (!shows_in_conversation(old) && !(erased && (old.queued() || old.reply))) return;
  ConversationRecord event;
  event.type = ConversationRecord::Type::Withdraw;
  event.conversation = old.conversation;
  event.seen_at = seen_at;
  event.erased = erased;
  event.message.key = key;
  std::string value;
  append_json(value, event);
  output(Topic::Conversations, old.conversation, std::move(value));
}

Result<std::optional<std::string>> Apply::tagged_value(const std::string& key) const {
  const auto it = tagged_in_batch_.find(key);
  if (it != tagged_in_batch_.end()) return outputs_[it->second].value;
  auto stored = stored_tagged(store_, key);
  if (stored && *stored && expiry() && options_.texts.expired(key, **stored, *expiry())) {
    return std::nullopt;
  }
  return stored;
}

void Apply::keep_tagged(const Record& record, StoreBatch& batch) const {
  if (record.topic != Topic::Tagged) return;
  const std::string key = latest_key(Topic::Tagged, record.key);
  if (record.value) {
    const std::int64_t stamp = stream_time_.time_since_epoch().count();
    batch.put(Space::Latest, key, latest_value(partition_, stamp, *record.value));
  } else {
    batch.erase(Space::Latest, key);
  }
}

}  // namespace vigie
