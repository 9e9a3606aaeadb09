#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "pipeline/core/error.h"
#include "pipeline/log/event_log.h"

namespace vigie {

// What our JSON records tell first: {"v":1,
constexpr std::uint64_t kRecordFormat = 1;

// The format that the value of a record tells first, if that is newer than ours: then a newer
// version of this program wrote it, and only that can tell what it means. A value that tells its
// format elsewhere, or none, is not one that we wrote.
std::optional<std::uint64_t> newer_format(std::string_view value);

// Corrupt, with what to do, when the value of a record is of a newer format: whoever reads it stops
// there, and what it did not commit is read by a node that knows the format.
Result<void> check_format(std::string_view topic, Partition partition, Offset offset,
                          std::string_view value);

}  // namespace vigie
