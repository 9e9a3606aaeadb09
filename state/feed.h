#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/core/clock.h"
#include "pipeline/core/error.h"
#include "pipeline/core/ids.h"

namespace vigie {

// The last events of a topic, for those who follow it live (SSE). Bounded: the oldest leave when it
// is full, whichever partition was read first. Any thread may call it.
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
    // The follower's id is older than what is kept, or of a topic that is no more: it missed events
    // and should fetch the list anew.
    bool reset = false;
    std::string last_id;  // where to go on; also when there are no events
  };

  explicit Feed(std::size_t capacity) : capacity_(capacity) {}

  // One thread pushes. `next` is the offset after this record; records that make no event move the
  // position with an empty type. `at` is when it happened: of partitions that are read one after
  // the other it tells which events are the oldest; of those with the same time the first pushed.
  void push(Partition partition, Offset next, std::string type, std::string data, Time at = {});

  // A follower who stands beyond what was pushed has heard it from a node that is ahead, or comes
  // from a topic that is no more. Where the topic ends tells: whoever pushes asks for that after
  // this has said that there are such followers, and passes it on. Those beyond it are told to
  // reset, until something is pushed from behind it; the others wait.
  bool take_doubts();
  void set_end(const std::map<Partition, Offset>& end);

  // Events after `after`, at most `max`; an empty `after` means from now on. Invalid when `after`
  // is no id. Who stands beyond what was pushed gets none yet, and is doubted.
  Result<Page> read(std::string_view after, std::size_t max);

  // `wake` is called after each push of an event, and where an end tells some to reset, from the
  // thread that does, until the returned function is called; after that it is not running and never
  // runs again. It must not block, nor subscribe or unsubscribe.
  std::function<void()> subscribe(std::function<void()> wake);

 private:
  using Positions = std::vector<std::pair<std::int32_t, Offset>>;  // sorted by partition
  struct Entry {
    Offset next;
    std::uint64_t number;  // in the order of pushes
    Time at;
    std::string type;
    std::string data;
    Positions after;
  };

  static void advance(Positions& positions, Partition partition, Offset next);
  static std::string id_of(const Positions& positions);
  bool is_denied(const Positions& follower) const;
  void drop_oldest();

  const std::size_t capacity_;
  std::mutex mutex_;
  std::map<std::int32_t, std::deque<Entry>> entries_;  // by partition; guarded by mutex_
  std::size_t kept_ = 0;                               // entries of all; guarded by mutex_
  std::uint64_t pushed_ = 0;                           // guarded by mutex_
  Positions before_first_;  // of each partition before the first kept event; guarded by mutex_
  Positions end_;           // after the last push; guarded by mutex_
  // Of each partition from where and how far followers stand beyond the end; guarded by mutex_.
  Positions doubts_;                                           // not asked about yet
  Positions asked_;                                            // the end is being asked for
  std::map<std::int32_t, std::pair<Offset, Offset>> no_more_;  // (end, furthest]
  std::uint64_t next_subscriber_ = 0;                          // guarded by wake_mutex_
  std::vector<std::pair<std::uint64_t, std::function<void()>>>
      subscribers_;  // guarded by wake_mutex_
  std::mutex wake_mutex_;
};

}  // namespace vigie
