#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "pipeline/core/error.h"
#include "pipeline/log/event_log.h"

namespace vigie {

// The newest format of the JSON records of a topic that this version reads.
std::uint64_t newest_format(Topic topic);

// The format that a value tells first, `{"v":1,`, as all JSON records that we write do. None where
// it tells it elsewhere or not at all: then it is not ours, or no JSON.
std::optional<std::uint64_t> told_format(std::string_view value);

// Corrupt, with what to do, when a value is of a newer format: then a newer version wrote it, and
// only that can tell what it means. Who reads it stops there, and what it did not commit is left to
// a node that knows the format. Never of `mentions`, to which others write, too: there it is a dead
// letter. `name` is the topic's.
Result<void> check_format(Topic topic, std::string_view name, Partition partition, Offset offset,
                          std::string_view value);

}  // namespace vigie
