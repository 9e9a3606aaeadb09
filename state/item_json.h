#pragma once

#include <functional>

#include "pipeline/core/json.h"
#include "state/queues.h"

namespace vigie {

// An item as everybody is told it: one JSON object, its clocks as they stand at `now`, the stream
// time of what is served. `message` writes what belongs to a message beyond its own fields and
// fails when that cannot be read; then the JSON is cut short.
Result<void> write_item(JsonWriter& json, const QueueItem& item, Time now,
                        const std::function<Result<void>(const ItemMessage&)>& message);

}  // namespace vigie
