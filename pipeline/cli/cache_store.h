#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "pipeline/core/error.h"
#include "state/store.h"

namespace prometheus {
class Registry;
}

namespace vigie {

// What is done about a damaged store where Kafka is the log.
constexpr const char* kCacheWayOut = "`vigie run` sets it aside and makes it from the topics again";

// Opens a store (`state` or `view`) beside a log that Kafka keeps: what is in it can be made from
// the topics again. So one that is damaged is set aside as NAME.damaged, in the place of an earlier
// one, which the log says and `vigie_store_rebuilds_total` counts, and an empty one is opened. One
// of a newer format is not damaged, and is refused. What was set aside holds texts and goes after
// three days, by drop_set_aside().
Result<std::unique_ptr<Store>> open_cache(const std::filesystem::path& data_dir,
                                          const std::string& name, StoreOptions options,
                                          prometheus::Registry& registry);

// Removes what open_cache() has set aside three days ago or earlier. To be called now and then.
void drop_set_aside(const std::filesystem::path& data_dir);

// Tells the next open_cache() that a store which is open now is damaged.
Result<void> mark_damaged(const std::filesystem::path& data_dir, const std::string& name);

}  // namespace vigie
