#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <utility>

#include "pipeline/core/ids.h"

namespace vigie {

// Puts the records of several partitions into the order in which they were written, as far as the
// order within each partition allows: of the next ones, the oldest goes first, and of equally old
// ones that of the lower partition. One thread.
template <typename Item>
class Merge {
 public:
  // More of this partition may come; nothing goes out before it is known what its next one is.
  void expect(Partition partition) { lanes_[partition].ended = false; }

  // The next record of a partition. `time` is when it was written, in any unit.
  void push(Partition partition, std::int64_t time, std::size_t bytes, Item item) {
    Lane& lane = lanes_[partition];
    lane.ended = false;
    lane.waiting.push_back({time, bytes, std::move(item)});
    bytes_ += bytes;
  }

  // Nothing more of this partition is there now.
  void end(Partition partition) { lanes_[partition].ended = true; }

  // Whether a partition is at its end and all of it went out.
  bool ended(Partition partition) const {
    const auto lane = lanes_.find(partition);
    return lane != lanes_.end() && lane->second.ended && lane->second.waiting.empty();
  }

  // Forgets what waits of a partition, and expects more of it.
  void drop(Partition partition) {
    for (const Entry& entry : lanes_[partition].waiting) bytes_ -= entry.bytes;
    lanes_[partition] = {};
  }

  void clear() {
    lanes_.clear();
    bytes_ = 0;
  }

  // The next record, unless one that is expected may be older. `anyway`: expects no longer what
  // has not come.
  std::optional<Item> pop(bool anyway) {
    Lane* next = nullptr;
    for (auto& [partition, lane] : lanes_) {
      if (lane.waiting.empty()) {
        if (lane.ended) continue;
        if (!anyway) return std::nullopt;
        lane.ended = true;
      } else if (next == nullptr || lane.waiting.front().time < next->waiting.front().time) {
        next = &lane;
      }
    }
    if (next == nullptr) return std::nullopt;
    Entry entry = std::move(next->waiting.front());
    next->waiting.pop_front();
    bytes_ -= entry.bytes;
    return std::move(entry.item);
  }

  // Of what waits.
  std::size_t bytes() const { return bytes_; }

 private:
  struct Entry {
    std::int64_t time = 0;
    std::size_t bytes = 0;
    Item item;
  };
  struct Lane {
    std::deque<Entry> waiting;
    bool ended = false;
  };
  std::map<Partition, Lane> lanes_;
  std::size_t bytes_ = 0;
};

}  // namespace vigie
