#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/core/error.h"

namespace vigie {

// The key spaces of a store. Each key begins with a format version byte; who owns a space writes
// its grammar down beside the code.
enum class Space : std::uint8_t {
  Meta,      // offsets, format of the store, trim positions
  Log,       // records of the embedded log
  Latest,    // newest value of each key of a compacted topic
  Ledger,    // one record per message
  Counters,  // minute and hour buckets
  Authors,   // first seen
  Queues,    // folded queue items
};
constexpr std::size_t kSpaces = 7;

// Changes that become true together. Later changes of a key win. Not bound to a store; one thread.
class StoreBatch {
 public:
  StoreBatch();
  ~StoreBatch();
  StoreBatch(StoreBatch&&) noexcept;
  StoreBatch& operator=(StoreBatch&&) noexcept;

  void put(Space space, std::string_view key, std::string_view value);
  // Leaves a change beside the value, for whoever reads it to apply: of a set of authors alone, as
  // fold_author_set writes it. Writing it again changes nothing.
  void merge(Space space, std::string_view key, std::string_view change);
  void erase(Space space, std::string_view key);
  // Every key in [begin, end).
  void erase_range(Space space, std::string_view begin, std::string_view end);
  // All changes of `other`, after ours.
  void append(const StoreBatch& other);
  bool empty() const;
  std::size_t bytes() const;
  void clear();

 private:
  friend class Store;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

enum class Durability : std::uint8_t {
  Synced,    // survives power loss once written
  Buffered,  // survives the process, not the machine
};

struct StoreOptions {
  // Another process may hold the store; this one sees it as it was when opened, and cannot write.
  bool read_only = false;
  std::size_t block_cache_bytes = std::size_t{48} << 20;
  std::size_t write_buffer_bytes = std::size_t{64} << 20;  // all spaces together
  // Off: files on disk can be searched for what has to be gone.
  bool compress = true;
  // All of it can be made again from elsewhere: more bytes on disk for less work of the processor.
  bool is_cache = false;
  // Keys this refuses to keep vanish when the store compacts: `drop(space, key, value)`. Readers
  // must hide them by themselves, since nobody knows when that is. Called from the store's own
  // threads.
  std::function<bool(Space, std::string_view, std::string_view)> drop;
  // What to do about damage, for the message: "run `vigie restore`".
  std::string way_out = "restore it from a backup with `vigie restore`";
  // Told each point that a crash may be tried at: store.write.before and .after, store.flush.begin
  // and .end, store.compaction.begin and .end, store.checkpoint. Called from any thread; empty:
  // nobody is told.
  std::function<void(std::string_view point)> at_point;
};

// One moment of a store, kept while writes go on; what it reads does not displace what others have
// cached. What the store's owner drops as expired may be missing from it. One thread at a time; the
// store outlives it.
class StoreSnapshot {
 public:
  ~StoreSnapshot();
  StoreSnapshot(const StoreSnapshot&) = delete;
  StoreSnapshot& operator=(const StoreSnapshot&) = delete;

  // As Store::scan.
  Result<void> scan(
      Space space, std::string_view begin, std::string_view end,
      const std::function<bool(std::string_view key, std::string_view value)>& visit) const;

 private:
  friend class Store;
  struct Impl;
  explicit StoreSnapshot(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// One RocksDB on local disk. Any thread may read; writes may come from any thread and are atomic
// each. After a failed write the store refuses every later one (Unavailable): the state of the file
// is unknown, and a restart reads what is really there.
class Store {
 public:
  // Creates the directory when it is missing. Unavailable when another process holds it or the disk
  // refuses; Corrupt when stored bytes are damaged or missing; Invalid when they are of a newer
  // format. The unfinished
  // write that a crash leaves at the end is no damage: it never became true.
  static Result<std::unique_ptr<Store>> open(const std::filesystem::path& directory,
                                             const StoreOptions& options);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  Result<std::optional<std::string>> get(Space space, std::string_view key) const;

  // One answer a key, in their order.
  Result<std::vector<std::optional<std::string>>> get_many(
      Space space, std::span<const std::string_view> keys) const;

  // Calls `visit` for each key in [begin, end) in order, until it returns false. An empty `end` is
  // the end of the space. Sees one moment of the store. The views are valid during the call.
  Result<void> scan(
      Space space, std::string_view begin, std::string_view end,
      const std::function<bool(std::string_view key, std::string_view value)>& visit) const;

  std::unique_ptr<StoreSnapshot> snapshot() const;

  Result<void> write(StoreBatch& batch, Durability durability);

  // Makes a store of its own in `directory`, which must not be there: all of this moment, in files
  // that are linked where the disk allows it.
  Result<void> checkpoint(const std::filesystem::path& directory) const;
  // What was deleted or overwritten stays in files until the store compacts. Afterwards no file
  // holds what once stood under these keys and does not any more, nor do the names of the keys. Any
  // thread; takes as long as it takes to write the files anew that may hold the keys.
  struct KeyRange {
    Space space;
    std::string first;
    std::string last;  // included
    friend auto operator<=>(const KeyRange&, const KeyRange&) = default;
  };
  Result<void> scour(std::vector<KeyRange> ranges);

  // Bytes on disk and in memory, for metrics.
  std::uint64_t disk_bytes() const;
  std::uint64_t memory_bytes() const;

  // Reads every block and checks its checksum.
  Result<void> verify() const;
  // Whether any call has found stored bytes damaged. Any thread.
  bool is_damaged() const;
  // Whether a write has failed, so that all later ones are refused. Any thread.
  bool is_broken() const;

 private:
  friend class StoreSnapshot;
  struct Impl;
  explicit Store(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Whether another process has the store in this directory open for writing. Not to be asked by the
// process that has: it would let go of the lock.
bool store_is_held(const std::filesystem::path& directory);

// The smallest key that is greater than every key with this prefix; empty when there is none.
std::string prefix_end(std::string_view prefix);

}  // namespace vigie
