#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/core/clock.h"
#include "pipeline/core/error.h"
#include "pipeline/core/ids.h"
#include "pipeline/log/event_log.h"

namespace vigie {

// What `vigie export` leaves in the topics for the service that goes on with them. Its first record
// says that an export has begun, its last one that it is whole: what lies between is never taken
// for an installation.
//   cursors  "\x01export"          {"v":1,"state":"begun"|"whole","at":TIME,"authors":HEX}
//   alerts   "\x02surge/" number   0x01 parts:u32 bytes of what the detectors remember
struct Handover {
  bool whole = false;
  Time at{};
  std::string authors;  // tells one secret of author keys from another, and neither of them
};

// How a secret is told from others.
std::string secret_mark(const AuthorKeys& keys);

Record handover_record(const EventLog& log, const Handover& handover);
// Nothing where no export ever was.
Result<std::optional<Handover>> read_handover(EventLog& log);
// How an operator deletes all topics with a prefix.
std::string command_to_delete(std::string_view topic_prefix);
// Invalid when the topics hold an export that is not whole; the other also when authors are known
// in them under another secret. The message says what to do; `topic_prefix` is for that.
Result<void> check_whole(EventLog& log, std::string_view topic_prefix);
Result<void> check_handover(EventLog& log, const AuthorKeys& keys, std::string_view topic_prefix);

std::vector<Record> detector_records(const EventLog& log, std::string_view saved);
// Whether a record of `alerts` is one of these, and no alert.
bool is_detector_record(std::string_view key);
// What detectors go on with that never saved anything here; nothing when none was handed over, or
// so long ago that `counters` has forgotten what came between.
Result<std::optional<std::string>> handed_over_detector(EventLog& log, Time now);
// Removes it: it names authors, who may be erased.
Result<void> drop_handed_over_detector(EventLog& log);

}  // namespace vigie
