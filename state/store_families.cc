#include "state/store_families.h"

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rocksdb/cache.h>
#include <rocksdb/compaction_filter.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/merge_operator.h>
#include <rocksdb/options.h>
#include <rocksdb/rate_limiter.h>
#include <rocksdb/table.h>

#include "state/author_sets.h"

namespace vigie {
namespace {

std::string_view view(const rocksdb::Slice& text) {
  return {text.data(), text.size()};
}

// Tells the points of the store's own threads.
class Points : public rocksdb::EventListener {
 public:
  explicit Points(std::function<void(std::string_view)> at_point)
      : at_point_(std::move(at_point)) {}
  void OnFlushBegin(rocksdb::DB*, const rocksdb::FlushJobInfo&) override {
    at_point_("store.flush.begin");
  }
  void OnFlushCompleted(rocksdb::DB*, const rocksdb::FlushJobInfo&) override {
    at_point_("store.flush.end");
  }
  void OnCompactionBegin(rocksdb::DB*, const rocksdb::CompactionJobInfo&) override {
    at_point_("store.compaction.begin");
  }
  void OnCompactionCompleted(rocksdb::DB*, const rocksdb::CompactionJobInfo&) override {
    at_point_("store.compaction.end");
  }

 private:
  std::function<void(std::string_view)> at_point_;
};

// Lets the owner of the store say which keys are past their time.
class DropFilter : public rocksdb::CompactionFilter {
 public:
  DropFilter(Space space,
             const std::function<bool(Space, std::string_view, std::string_view)>& drop)
      : space_(space), drop_(drop) {}
  const char* Name() const override { return "vigie.drop"; }
  bool Filter(int, const rocksdb::Slice& key, const rocksdb::Slice& value, std::string*,
              bool*) const override {
    return drop_(space_, view(key), view(value));
  }

 private:
  Space space_;
  const std::function<bool(Space, std::string_view, std::string_view)>& drop_;
};

// Changes of sets of authors, which StoreBatch::merge leaves beside them.
class AuthorSetChanges : public rocksdb::MergeOperator {
 public:
  const char* Name() const override { return "vigie.author_sets"; }
  bool FullMergeV2(const MergeOperationInput& in, MergeOperationOutput* out) const override {
    std::vector<std::string_view> changes;
    changes.reserve(in.operand_list.size());
    for (const rocksdb::Slice& change : in.operand_list) changes.push_back(view(change));
    std::optional<std::string_view> stored;
    if (in.existing_value != nullptr) stored = view(*in.existing_value);
    auto merged = with_author_changes(stored, changes);
    if (merged) out->new_value = std::move(*merged);
    return merged.has_value();
  }
  // Changes one behind the other are one change.
  bool PartialMergeMulti(const rocksdb::Slice&, const std::deque<rocksdb::Slice>& changes,
                         std::string* out, rocksdb::Logger*) const override {
    out->clear();
    for (const rocksdb::Slice& change : changes) out->append(change.data(), change.size());
    return true;
  }
};

}  // namespace

rocksdb::ColumnFamilyOptions family_options(Space space, const StoreOptions& options,
                                            const std::shared_ptr<rocksdb::Cache>& cache,
                                            std::unique_ptr<rocksdb::CompactionFilter>& filter) {
  rocksdb::ColumnFamilyOptions family;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.cache_index_and_filter_blocks = true;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.block_size = std::size_t{16} << 10;
  table.format_version = 5;
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  family.compression = options.compress ? rocksdb::kLZ4Compression : rocksdb::kNoCompression;
  family.bottommost_compression =
      options.compress && !options.is_cache ? rocksdb::kZSTD : family.compression;
  family.level_compaction_dynamic_level_bytes = true;
  if (options.is_cache) family.level0_file_num_compaction_trigger = 8;
  // The log and the texts are most of what is written: they get the larger buffers.
  const bool large = space == Space::Log || space == Space::Latest;
  family.write_buffer_size = options.write_buffer_bytes / (large ? 4 : 8);
  family.max_write_buffer_number = 3;
  // Most look-ups are of keys that are not there yet: a bloom filter spares the walk through the
  // memtable's skip list.
  family.memtable_prefix_bloom_size_ratio = 0.05;
  family.memtable_whole_key_filtering = true;
  family.periodic_compaction_seconds = std::uint64_t{6} * 3600;
  if (options.drop && (space == Space::Ledger || space == Space::Counters ||
                       space == Space::Authors || space == Space::Latest)) {
    filter = std::make_unique<DropFilter>(space, options.drop);
    family.compaction_filter = filter.get();
  }
  if (space == Space::Authors) family.merge_operator = std::make_shared<AuthorSetChanges>();
  return family;
}

rocksdb::DBOptions database_options(const StoreOptions& options) {
  rocksdb::DBOptions out;
  out.create_if_missing = true;
  out.create_missing_column_families = true;
  out.max_background_jobs = 2;
  out.max_total_wal_size = std::uint64_t{64} << 20;
  out.db_write_buffer_size = options.write_buffer_bytes;
  out.max_open_files = 512;
  // So that a sync finds little left to do; writes of what a log can restore are never synced.
  out.bytes_per_sync = out.wal_bytes_per_sync = options.is_cache ? 0 : std::uint64_t{1} << 20;
  // Compactions leave the disk to the log's writes. The limit does not adapt: one that does is low
  // after a quiet while, and holds up the flushes for which writes then wait.
  if (!options.is_cache) {
    out.rate_limiter.reset(rocksdb::NewGenericRateLimiter(
        std::int64_t{100} << 20, 100'000, 10, rocksdb::RateLimiter::Mode::kWritesOnly, false));
  }
  // Only who deletes files has anything to put off; RocksDB asserts that when it verifies.
  out.avoid_unnecessary_blocking_io = !options.read_only;
  out.keep_log_file_num = 4;
  // A manifest tells the first and the last key of every file it ever knew, also of those that are
  // gone. One that is written anew with each change tells only of those that are there.
  out.max_manifest_file_size = 1;
  out.max_log_file_size = std::size_t{8} << 20;
  // What a crash cut is at the end of the last log; anything else is damage.
  out.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  if (options.at_point) out.listeners.push_back(std::make_shared<Points>(options.at_point));
  return out;
}

}  // namespace vigie
