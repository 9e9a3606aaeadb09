#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/core/error.h"
#include "pipeline/core/ids.h"

namespace vigie {

// The last events of a topic, for those who follow it live (SSE). Bounded: the oldest leave when it
// is full. Any thread may call it.
//
// An event's id names the next offset of every partition after it, "P:N,P:N", so it is valid on any
// node that reads the same topic: a follower who comes back with it gets each later event once.
class Feed {
 public:
  struct Event {
    std::string id;
    std::string type;
    std::string data;  // JSON, one line
  };
  struct Page {
    std::vector<Event> events;
    // The follower's id is older than what is kept: it missed events and should fetch the list
    // anew.
    bool reset = false;
    std::string last_id;  // where to go on; also when there are no events
  };

  explicit Feed(std::size_t capacity) : capacity_(capacity) {}

  // One thread pushes. `next` is the offset after this record; records that make no event move the
  // position with an empty type.
  void push(Partition partition, Offset next, std::string type, std::string data);

  // Whether everything that the topic has was pushed, as far as its reader knows. While it is so, a
  // follower who stands beyond the end comes from a topic that is no more, and is told to reset.
  void set_caught_up(bool caught_up);

  // Events after `after`, at most `max`; an empty `after` means from now on. Invalid when `after`
  // is no id.
  Result<Page> read(std::string_view after, std::size_t max) const;

  // `wake` is called after each push of an event, from the pushing thread, until the returned
  // function is called; after that it is not running and never runs again. It must not block, nor
  // subscribe or unsubscribe.
  std::function<void()> subscribe(std::function<void()> wake);

 private:
  using Positions = std::vector<std::pair<std::int32_t, Offset>>;  // sorted by partition
  struct Entry {
    Partition partition;
    Offset next;
    std::string type;
    std::string data;
    Positions after;
  };

  static void advance(Positions& positions, Partition partition, Offset next);
  static std::string id_of(const Positions& positions);

  const std::size_t capacity_;
  mutable std::mutex mutex_;
  std::deque<Entry> entries_;          // guarded by mutex_
  Positions before_first_;             // positions before entries_.front(); guarded by mutex_
  Positions end_;                      // positions after entries_.back(); guarded by mutex_
  bool caught_up_ = false;             // guarded by mutex_
  std::uint64_t next_subscriber_ = 0;  // guarded by wake_mutex_
  std::vector<std::pair<std::uint64_t, std::function<void()>>>
      subscribers_;  // guarded by wake_mutex_
  std::mutex wake_mutex_;
};

}  // namespace vigie
