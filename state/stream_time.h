#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "pipeline/core/clock.h"
#include "pipeline/core/error.h"
#include "pipeline/core/ids.h"
#include "state/store.h"

namespace vigie {

// How far a partition's stream has come, in Space::Meta: written together with the state that it
// is the time of.
//   0x01 's' partition:u16 -> stream_time:i64 microseconds
std::string stream_time_key(Partition partition);
// What all such keys begin with; others may, too.
constexpr std::string_view kStreamTimes = "\x01s";
// Empty when the key has another form.
std::optional<Partition> parse_stream_time_key(std::string_view key);

std::string encode_stream_time(Time time);
std::optional<Time> parse_stream_time(std::string_view value);

// The latest of all partitions, and of what a view without workers has folded (kViewTime); none
// before the first record.
Result<std::optional<Time>> newest_stream_time(const Store& store);
Result<std::optional<Time>> newest_stream_time(const StoreSnapshot& store);

// Up to when a view has folded counters, in Space::Meta.
constexpr std::string_view kViewTime = "\x01sv";

}  // namespace vigie
