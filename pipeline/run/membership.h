#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "pipeline/log/event_log.h"

namespace vigie {

// A place in a group that shares out the partitions of a topic among the nodes of an installation,
// for who is after the partitions and not after the records. One thread.
class Membership {
 public:
  // The log outlives it; so does the store, which keeps the group's offsets.
  static Result<std::unique_ptr<Membership>> open(EventLog& log, Store& store, Topic topic,
                                                  std::string group);

  // Hears the group for up to `wait`, and passes over what the topic has got. After a failure
  // another is to be opened.
  Result<void> follow(std::chrono::milliseconds wait);

  // Ours, as of the last call; none while they are dealt anew.
  std::vector<Partition> partitions() const { return reader_->partitions(); }

 private:
  explicit Membership(std::unique_ptr<LogReader> reader) : reader_(std::move(reader)) {}
  std::unique_ptr<LogReader> reader_;
};

}  // namespace vigie
