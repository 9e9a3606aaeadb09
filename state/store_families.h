#pragma once

#include <memory>

#include "state/store.h"

namespace rocksdb {
class Cache;
class CompactionFilter;
struct ColumnFamilyOptions;
struct DBOptions;
}  // namespace rocksdb

namespace vigie {

// Private to this folder: how a store is set up.
rocksdb::DBOptions database_options(const StoreOptions& options);
// `filter`, and `options` of which it asks, belong to the store: both have to live as long as the
// database is open.
rocksdb::ColumnFamilyOptions family_options(Space space, const StoreOptions& options,
                                            const std::shared_ptr<rocksdb::Cache>& cache,
                                            std::unique_ptr<rocksdb::CompactionFilter>& filter);

}  // namespace vigie
