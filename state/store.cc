#include "state/store.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <rocksdb/cache.h>
#include <rocksdb/compaction_filter.h>
#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <rocksdb/utilities/checkpoint.h>
#include <rocksdb/write_batch.h>
#include <unistd.h>

#include "state/store_batch.h"
#include "state/store_families.h"
#include "state/upgrade.h"
#include "state/wal_tail.h"

namespace vigie {
namespace {

constexpr std::array<const char*, kSpaces> kFamilies = {"meta",     "log",     "latest", "ledger",
                                                        "counters", "authors", "queues"};
// Raised when the grammar of any space changes in a way that an older program cannot read.
constexpr std::string_view kFormat = "4";
// What this program makes its own: 1 has sets of authors without sketches, 1 and 2 count fewer
// dimensions, 3 has no changes beside sets of authors.
constexpr std::array<std::string_view, 3> kOlderFormats = {"1", "2", "3"};
constexpr std::string_view kFormatKey =
    "\x01"
    "format";
// Its value is empty: written so that something changes.
constexpr std::string_view kScouredKey =
    "\x01"
    "scoured";

std::size_t index(Space space) {
  return static_cast<std::size_t>(space);
}

rocksdb::Slice slice(std::string_view text) {
  return {text.data(), text.size()};
}
std::string_view view(const rocksdb::Slice& text) {
  return {text.data(), text.size()};
}

Error error_of(std::string_view doing, const rocksdb::Status& status) {
  const Code code = status.IsCorruption() ? Code::Corrupt : Code::Unavailable;
  return {code, fmt::format("store: {}: {}", doing, status.ToString())};
}

}  // namespace

struct Store::Impl {
  StoreOptions options;
  std::array<std::unique_ptr<rocksdb::CompactionFilter>, kSpaces> filters;
  std::array<rocksdb::ColumnFamilyHandle*, kSpaces> families{};
  std::unique_ptr<rocksdb::DB> db;
  std::shared_ptr<rocksdb::Cache> cache;
  std::atomic<bool> broken{false};
  mutable std::atomic<bool> damaged{false};

  ~Impl() {
    if (!db) return;
    for (rocksdb::ColumnFamilyHandle* family : families) db->DestroyColumnFamilyHandle(family);
    db->Close().PermitUncheckedError();
  }

  Error error(std::string_view doing, const rocksdb::Status& status) const {
    Error out = error_of(doing, status);
    if (out.code != Code::Corrupt) return out;
    damaged = true;
    out.message += "; " + options.way_out;
    return out;
  }
  void at(std::string_view point) const {
    if (options.at_point) options.at_point(point);
  }

  Result<void> scan(rocksdb::ReadOptions read, Space space, std::string_view begin,
                    std::string_view end,
                    const std::function<bool(std::string_view, std::string_view)>& visit) const {
    const rocksdb::Slice upper = slice(end);
    if (!end.empty()) read.iterate_upper_bound = &upper;
    const std::unique_ptr<rocksdb::Iterator> it(db->NewIterator(read, families[index(space)]));
    for (it->Seek(slice(begin)); it->Valid(); it->Next()) {
      if (!visit(view(it->key()), view(it->value()))) return {};
    }
    if (!it->status().ok()) return std::unexpected(error("cannot scan", it->status()));
    return {};
  }
  Result<void> flush();
  Result<void> compact(Space space, std::span<const KeyRange> ranges);
};

namespace {

// RocksDB would take a store that has lost the file which names all others for one that is not
// made yet.
bool has_lost_its_root(const std::filesystem::path& directory) {
  std::error_code failed;
  if (std::filesystem::exists(directory / "CURRENT", failed)) return false;
  for (const auto& entry : std::filesystem::directory_iterator(directory, failed)) {
    const std::string name = entry.path().filename().string();
    const std::string kind = entry.path().extension().string();
    if (name.starts_with("MANIFEST") || kind == ".sst" || kind == ".log") return true;
  }
  return false;
}

}  // namespace

Result<std::unique_ptr<Store>> Store::open(const std::filesystem::path& directory,
                                           const StoreOptions& options) {
  std::error_code made;
  if (!options.read_only) std::filesystem::create_directories(directory, made);
  if (made) {
    return fail(Code::Unavailable,
                fmt::format("store: cannot create {}: {}", directory.string(), made.message()));
  }
  if (has_lost_its_root(directory)) {
    return fail(Code::Corrupt, fmt::format("store: {} has lost its file CURRENT; {}",
                                           directory.string(), options.way_out));
  }
  auto impl = std::make_unique<Impl>();
  impl->options = options;
  impl->cache = rocksdb::NewLRUCache(options.block_cache_bytes);
  rocksdb::DBOptions db_options = database_options(options);
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors = {
      {rocksdb::kDefaultColumnFamilyName, rocksdb::ColumnFamilyOptions{}}};
  for (std::size_t i = 0; i < kSpaces; ++i) {
    descriptors.emplace_back(kFamilies[i], family_options(static_cast<Space>(i), impl->options,
                                                          impl->cache, impl->filters[i]));
  }
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const auto open = [&] {
    const std::string name = directory.string();
    return options.read_only
               ? rocksdb::DB::OpenForReadOnly(db_options, name, descriptors, &handles, &db)
               : rocksdb::DB::Open(db_options, name, descriptors, &handles, &db);
  };
  rocksdb::Status status = open();
  // A machine that lost its power may have written a part of a write's bytes in any order.
  if (status.IsCorruption() && ends_in_a_torn_write(directory)) {
    db_options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
    status = open();
  }
  if (!status.ok()) {
    Error error = error_of(fmt::format("cannot open {}", directory.string()), status);
    if (error.code == Code::Corrupt) error.message += "; " + options.way_out;
    return std::unexpected(std::move(error));
  }
  impl->db.reset(db);
  db->DestroyColumnFamilyHandle(handles[0]);
  std::copy(handles.begin() + 1, handles.end(), impl->families.begin());

  auto store = std::unique_ptr<Store>(new Store(std::move(impl)));
  auto format = store->get(Space::Meta, kFormatKey);
  if (!format) return std::unexpected(std::move(format.error()));
  const bool is_older =
      *format && std::ranges::find(kOlderFormats, **format) != kOlderFormats.end();
  if (*format && **format != kFormat && !is_older) {
    return fail(Code::Invalid,
                fmt::format("store: {} has format {}; this program reads formats up to {}",
                            directory.string(), **format, kFormat));
  }
  if (is_older && options.is_cache) {
    return fail(
        Code::Corrupt,
        fmt::format("store: {} has format {}, this program's is {}: it is to be made anew; {}",
                    directory.string(), **format, kFormat, options.way_out));
  }
  if (is_older && **format != kOlderFormats.back() && !options.read_only) {
    auto counted = count_newer_dimensions(*store);
    if (!counted) return std::unexpected(std::move(counted.error()));
  }
  if (*format != kFormat && !options.read_only) {
    StoreBatch batch;
    batch.put(Space::Meta, kFormatKey, kFormat);
    auto written = store->write(batch, Durability::Synced);
    if (!written) return std::unexpected(std::move(written.error()));
  }
  return store;
}

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::~Store() = default;

Result<std::optional<std::string>> Store::get(Space space, std::string_view key) const {
  std::string value;
  const rocksdb::Status status =
      impl_->db->Get(rocksdb::ReadOptions{}, impl_->families[index(space)], slice(key), &value);
  if (status.IsNotFound()) return std::nullopt;
  if (!status.ok()) return std::unexpected(impl_->error("cannot read", status));
  return std::optional<std::string>{std::move(value)};
}

Result<std::vector<std::optional<std::string>>> Store::get_many(
    Space space, std::span<const std::string_view> keys) const {
  std::vector<std::optional<std::string>> answers(keys.size());
  if (keys.empty()) return answers;
  std::vector<rocksdb::Slice> slices;
  slices.reserve(keys.size());
  for (const std::string_view key : keys) slices.push_back(slice(key));
  std::vector<rocksdb::PinnableSlice> values(keys.size());
  std::vector<rocksdb::Status> statuses(keys.size());
  impl_->db->MultiGet(rocksdb::ReadOptions{}, impl_->families[index(space)], keys.size(),
                      slices.data(), values.data(), statuses.data(), std::ranges::is_sorted(keys));
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (statuses[i].IsNotFound()) continue;
    if (!statuses[i].ok()) return std::unexpected(impl_->error("cannot read", statuses[i]));
    answers[i].emplace(values[i].data(), values[i].size());
  }
  return answers;
}

Result<void> Store::scan(
    Space space, std::string_view begin, std::string_view end,
    const std::function<bool(std::string_view, std::string_view)>& visit) const {
  return impl_->scan(rocksdb::ReadOptions{}, space, begin, end, visit);
}

struct StoreSnapshot::Impl {
  const Store::Impl& store;
  const rocksdb::Snapshot* moment;  // null where nothing is ever written
};

StoreSnapshot::StoreSnapshot(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
StoreSnapshot::~StoreSnapshot() {
  if (impl_->moment != nullptr) impl_->store.db->ReleaseSnapshot(impl_->moment);
}

Result<void> StoreSnapshot::scan(
    Space space, std::string_view begin, std::string_view end,
    const std::function<bool(std::string_view, std::string_view)>& visit) const {
  rocksdb::ReadOptions options;
  options.snapshot = impl_->moment;
  options.fill_cache = false;
  return impl_->store.scan(options, space, begin, end, visit);
}

std::unique_ptr<StoreSnapshot> Store::snapshot() const {
  const rocksdb::Snapshot* moment = impl_->options.read_only ? nullptr : impl_->db->GetSnapshot();
  return std::unique_ptr<StoreSnapshot>(
      new StoreSnapshot(std::make_unique<StoreSnapshot::Impl>(*impl_, moment)));
}

Result<void> Store::write(StoreBatch& batch, Durability durability) {
  if (impl_->broken.load()) {
    return fail(Code::Unavailable, "store: an earlier write failed; restart to go on");
  }
  using Kind = StoreBatch::Impl::Change::Kind;
  const StoreBatch::Impl& collected = *batch.impl_;
  rocksdb::WriteBatch changes(collected.bytes.size() + collected.changes.size() * 16);
  for (const StoreBatch::Impl::Change& change : collected.changes) {
    rocksdb::ColumnFamilyHandle* family = impl_->families[index(change.space)];
    const rocksdb::Slice key = slice(collected.key(change));
    const rocksdb::Slice value = slice(collected.value(change));
    const rocksdb::Status status = change.kind == Kind::Put     ? changes.Put(family, key, value)
                                   : change.kind == Kind::Merge ? changes.Merge(family, key, value)
                                   : change.kind == Kind::Erase
                                       ? changes.Delete(family, key)
                                       : changes.DeleteRange(family, key, value);
    if (!status.ok()) return std::unexpected(error_of("cannot collect a write", status));
  }
  rocksdb::WriteOptions options;
  options.sync = durability == Durability::Synced;
  impl_->at("store.write.before");
  const rocksdb::Status status = impl_->db->Write(options, &changes);
  impl_->at("store.write.after");
  if (status.ok()) return {};
  impl_->broken = true;
  return std::unexpected(impl_->error("cannot write", status));
}

Result<void> Store::checkpoint(const std::filesystem::path& directory) const {
  rocksdb::Checkpoint* made = nullptr;
  rocksdb::Status status = rocksdb::Checkpoint::Create(impl_->db.get(), &made);
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
  impl_->at("store.checkpoint");
  if (status.ok()) status = checkpoint->CreateCheckpoint(directory.string());
  if (!status.ok()) return std::unexpected(impl_->error("cannot make a checkpoint", status));
  return {};
}

// Writes out all memtables, after which no write-ahead log is needed.
Result<void> Store::Impl::flush() {
  const std::vector<rocksdb::ColumnFamilyHandle*> all(families.begin(), families.end());
  const rocksdb::Status status = db->Flush(rocksdb::FlushOptions{}, all);
  if (!status.ok()) return std::unexpected(error("cannot flush", status));
  return {};
}

// Sorted ranges that lie in one file of the last level are compacted together: each compaction
// writes its files anew.
Result<void> Store::Impl::compact(Space space, std::span<const KeyRange> ranges) {
  rocksdb::ColumnFamilyHandle* family = families[index(space)];
  rocksdb::ColumnFamilyMetaData meta;
  db->GetColumnFamilyMetaData(family, &meta);
  std::vector<std::pair<std::string, std::string>> files;
  for (const rocksdb::LevelMetaData& level : meta.levels) {
    if (level.files.empty()) continue;
    files.clear();
    for (const rocksdb::SstFileMetaData& file : level.files) {
      files.emplace_back(file.smallestkey, file.largestkey);
    }
  }
  std::ranges::sort(files);
  rocksdb::CompactRangeOptions how;
  how.exclusive_manual_compaction = false;
  how.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
  for (std::size_t i = 0; i < ranges.size();) {
    const std::string& first = ranges[i].first;
    std::string last = ranges[i].last;
    for (++i; i < ranges.size(); ++i) {
      const auto file =
          std::ranges::upper_bound(files, last, {}, [](const auto& f) -> auto& { return f.first; });
      const bool together = ranges[i].first <= last ||
                            (file != files.begin() && ranges[i].first <= std::prev(file)->second);
      if (!together) break;
      last = std::max(last, ranges[i].last);
    }
    const rocksdb::Slice begin = slice(first);
    const rocksdb::Slice end = slice(last);
    const rocksdb::Status status = db->CompactRange(how, family, &begin, &end);
    if (!status.ok()) return std::unexpected(error("cannot compact", status));
  }
  return {};
}

Result<void> Store::scour(std::vector<KeyRange> ranges) {
  auto flushed = impl_->flush();
  if (!flushed) return flushed;
  std::ranges::sort(ranges);
  for (auto begin = ranges.begin(); begin != ranges.end();) {
    const auto end = std::find_if(
        begin, ranges.end(), [&](const KeyRange& range) { return range.space != begin->space; });
    auto compacted = impl_->compact(begin->space, {begin, end});
    if (!compacted) return compacted;
    begin = end;
  }
  // The manifest still tells the bounds of the files that the last compaction replaced: it is
  // written anew with one more change. Files are gone once this returns, unless a backup holds
  // them.
  StoreBatch mark;
  mark.put(Space::Meta, kScouredKey, "");
  rocksdb::Status status = impl_->db->DisableFileDeletions();
  if (!status.ok()) return std::unexpected(impl_->error("cannot hold files", status));
  auto rolled = write(mark, Durability::Synced);
  if (rolled) rolled = impl_->flush();
  status = impl_->db->EnableFileDeletions(false);
  if (!status.ok()) return std::unexpected(impl_->error("cannot delete files", status));
  return rolled;
}

std::uint64_t Store::disk_bytes() const {
  std::uint64_t total = 0;
  for (rocksdb::ColumnFamilyHandle* family : impl_->families) {
    std::uint64_t bytes = 0;
    if (impl_->db->GetIntProperty(family, rocksdb::DB::Properties::kTotalSstFilesSize, &bytes)) {
      total += bytes;
    }
  }
  return total;
}

std::uint64_t Store::memory_bytes() const {
  std::uint64_t total = impl_->cache->GetUsage();
  for (rocksdb::ColumnFamilyHandle* family : impl_->families) {
    std::uint64_t bytes = 0;
    if (impl_->db->GetIntProperty(family, rocksdb::DB::Properties::kCurSizeAllMemTables, &bytes)) {
      total += bytes;
    }
  }
  return total;
}

Result<void> Store::verify() const {
  const rocksdb::Status status = impl_->db->VerifyChecksum();
  if (!status.ok()) return std::unexpected(impl_->error("checksum", status));
  return {};
}

bool Store::is_damaged() const {
  return impl_->damaged;
}

bool Store::is_broken() const {
  return impl_->broken;
}

bool store_is_held(const std::filesystem::path& directory) {
  const int descriptor = ::open((directory / "LOCK").c_str(), O_RDWR | O_CLOEXEC);
  if (descriptor < 0) return false;
  struct flock lock{};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  const bool asked = ::fcntl(descriptor, F_GETLK, &lock) == 0;
  ::close(descriptor);
  return asked && lock.l_type != F_UNLCK;
}

}  // namespace vigie
