#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "pipeline/api/connection.h"
#include "state/feed.h"

namespace vigie {

// Wakes the connection of a stream when its feed has something new. Any thread may call it.
class Waker {
 public:
  // `wake_up` is called from any thread and at most once between two calls of `rest`.
  explicit Waker(std::function<void()> wake_up) : wake_up_(std::move(wake_up)) {}

  void wake() {
    if (!pending_.exchange(true)) wake_up_();
  }
  void rest() { pending_ = false; }
  bool pending() const { return pending_; }

 private:
  std::atomic<bool> pending_{false};
  std::function<void()> wake_up_;
};

// A place among the server's stream clients, and a subscription. Whoever makes one has counted
// itself in `stream_clients`.
class Follower {
 public:
  Follower(ServerState& server, Feed& feed, const std::shared_ptr<Waker>& waker);
  ~Follower();
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

 private:
  ServerState& server_;
  std::function<void()> unsubscribe_;
};

// What a page of a feed looks like to a follower; empty when nothing happened.
std::string events_text(const Feed::Page& page);

}  // namespace vigie
