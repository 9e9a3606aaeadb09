#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "pipeline/core/error.h"
#include "pipeline/log/event_log.h"

namespace vigie {

// Which node of an installation does what only one may do: of all that ask for the same thing, the
// one to which a group of that name deals the partition of the thing's key in `cursors`. When a
// node is gone another has it after the session time-out. For a moment two may think it is theirs,
// or nobody: what is placed so stands being done twice. One thread.
class Placement {
 public:
  // `thing` names it in the whole installation: "connector.bluesky". Nothing is asked before the
  // first step. The log shares out partitions, and outlives this; so does the store, which keeps
  // the group's offsets.
  Placement(EventLog& log, Store& store, std::string thing);
  ~Placement();

  // Hears what the group deals, for up to `wait`. To be called at least every few seconds. A log
  // that does not answer is asked again later, and that is logged. Denied, by a twin that has taken
  // this node's name or for want of rights, is for good: who asked again would throw the twin out.
  Result<void> step(std::chrono::milliseconds wait);

  // As of the last step. The last answer holds while partitions are dealt anew or nobody can be
  // asked, but only for some seconds: then another node may have it.
  bool is_mine() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace vigie
