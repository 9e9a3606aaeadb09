#include "pipeline/run/action_desk.h"

#include <algorithm>
#include <utility>

namespace vigie {

Result<ActionDone> ActionDesk::act(ConversationRecord action) {
  action.seen_at = options_.clock();
  Record record;
  record.topic = Topic::Conversations;
  record.key = action.conversation;
  record.partition = partition_for(log_, record.topic, record.key);
  append_json(record.value.emplace(), action);

  // Waits from before it is written: the fold may pass it first.
  std::unique_lock lock(mutex_);
  Waiting& mine = waiting_.emplace_back();
  const auto place = std::prev(waiting_.end());
  mine.id = action.action.id;
  lock.unlock();
  const Result<Offset> written = log_.append_one(std::move(record));
  lock.lock();
  ActionDone done;
  if (written) {
    mine.told.wait_for(lock, options_.patience, [&] { return mine.outcome.has_value(); });
    done.offset = *written;
    done.outcome = std::move(mine.outcome);
  }
  waiting_.erase(place);
  if (!written) return std::unexpected(written.error());
  return done;
}

// Two who wait for one id sent the same thing twice: the first record is told to the first.
void ActionDesk::passed(const ActionOutcome& outcome) {
  const std::lock_guard lock(mutex_);
  const auto waits = [&](const Waiting& each) { return each.id == outcome.id && !each.outcome; };
  const auto found = std::ranges::find_if(waiting_, waits);
  if (found == waiting_.end()) return;
  found->outcome = outcome;
  found->told.notify_all();
}

}  // namespace vigie
