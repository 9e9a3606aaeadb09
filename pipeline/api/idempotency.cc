#include "pipeline/api/idempotency.h"

namespace vigie {

IdempotencyMemory::Look IdempotencyMemory::look(const std::string& key,
                                                const std::string& request) {
  const std::lock_guard lock(mutex_);
  const auto [found, added] = entries_.try_emplace(key);
  Entry& entry = found->second;
  if (added) {
    entry.request = request;
    return {Found::New, {}};
  }
  if (entry.request != request) return {Found::Other, {}};
  if (!entry.answered) return {Found::Busy, {}};
  return {Found::Known, entry.response};
}

void IdempotencyMemory::done(const std::string& key, const Response& response, bool keep) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(key);
  if (found == entries_.end()) return;
  if (!keep) {
    entries_.erase(found);
    return;
  }
  Entry& entry = found->second;
  entry.answered = true;
  entry.response = response;
  order_.push_back(key);
  bytes_ += response.body.size();
  shrink();
}

void IdempotencyMemory::shrink() {
  while (order_.size() > max_answers_ || (bytes_ > max_bytes_ && order_.size() > 1)) {
    const auto oldest = entries_.find(order_.front());
    bytes_ -= oldest->second.response.body.size();
    order_.pop_front();
    entries_.erase(oldest);
  }
}

std::size_t IdempotencyMemory::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace vigie
