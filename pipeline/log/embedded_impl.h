#pragma once

// The log in a store. All integers are big-endian, so that keys sort by topic, partition and
// offset.
//
//   Log    : 0x01 topic:u8 partition:u16 offset:u64 -> 0x01 flags:u8 key:text [value]
//            flags: 1 = tombstone; 2 = the value is the one in Latest, if that has this offset
//   Latest : 0x01 topic:u8 key -> 0x01 partition:u16 offset:u64 value
//   Meta   : 0x01 'p'                                -> partitions:u32
//            0x01 'e' topic:u8 partition:u16         -> begin:u64 end:u64 bytes:u64
//            0x01 'x' topic:u8 partition:u16 minute:u32 -> offset:u64 bytes:u64
//            0x01 'o' topic:u8 partition:u16 group   -> next:u64
//
// A record of a compacted topic keeps its value in Latest alone: writing a key again, or its
// tombstone, removes the old text at once, and the older record reads as compacted away. 'x' says
// which offset was the end, and how many bytes had ever been written, when a minute of wall time
// began: trimming needs no look at records.
// A record that is erased leaves a hole: offsets of others stay.
// The newest value of a key that is never forgotten by age is the only record of it that is kept.
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/core/bytes.h"
#include "pipeline/log/embedded_log.h"

namespace vigie {

inline constexpr char kEmbeddedVersion = '\x01';
inline constexpr std::uint8_t kTombstone = 1;
inline constexpr std::uint8_t kInLatest = 2;

// One partition of one topic.
struct LogPlace {
  Topic topic;
  Partition partition;
  friend auto operator<=>(const LogPlace&, const LogPlace&) = default;
};

std::string log_key(const LogPlace& place, Offset offset);
std::string meta_key(char what, const LogPlace& place);
std::string offset_key(const LogPlace& place, std::string_view group);
Error damaged_record(const LogPlace& place, Offset offset);
Error damaged_meta(const LogPlace& place, std::string_view what);

// A value of Latest, taken apart; empty when it has another form.
struct LatestValue {
  Offset offset = 0;
  std::string_view value;
};
std::optional<LatestValue> parse_latest(std::string_view bytes);

// What the embedded log's writer, its trimming and its readers share.
struct EmbeddedLog::Impl {
  struct Extent {
    Offset begin = 0;
    Offset end = 0;
    std::uint64_t bytes = 0;  // ever written
  };
  // What one caller wants written, and what became of it.
  struct Waiting {
    std::vector<Record> records;
    StoreBatch* state = nullptr;
    Offset last = -1;  // of its last record
    bool done = false;
    Result<void> result;
  };
  // The records of one group commit on their way into a batch.
  struct Group {
    std::map<LogPlace, Extent> ends;
    // Where the newest value of a key lies that has been written in this group.
    std::map<std::string, Offset> newest;
    StoreBatch batch;
  };

  EmbeddedOptions options;
  Store& store;

  mutable std::mutex mutex;
  std::condition_variable changed;
  std::deque<Waiting*> queue;          // guarded by mutex
  bool writing = false;                // guarded by mutex: somebody is the writer
  std::map<LogPlace, Extent> extents;  // guarded by mutex; ends are of what is durable
  Minute trimmed_at = 0;               // the writer's
  std::optional<Error> failed;         // guarded by mutex

  Impl(EmbeddedOptions o, Store& s) : options(std::move(o)), store(s) {}

  Extent& extent(const LogPlace& place) { return extents[place]; }

  Result<void> load();
  Result<void> write(std::vector<Record> records, StoreBatch* state, Offset* last = nullptr);
  std::vector<Waiting*> take_group();
  Result<void> write_group(const std::vector<Waiting*>& waiting);
  Result<void> collect(const Record& record, Group& group);
  Result<void> put_latest(const LogPlace& place, const Record& record, Offset offset, Group& group);

  // Once a minute of the clock, by whoever writes.
  Result<void> trim(Minute minute);
  Result<void> trim_place(const LogPlace& place, Minute oldest, std::uint64_t max_bytes,
                          StoreBatch& batch, Extent& extent);
  Result<Offset> unread_from(const LogPlace& place, Offset end);
  Result<Forgotten> forget(const LogPlace& place, const Judge& judge);
  Result<void> forget_latest(const LogPlace& place, Offset begin, Offset end, StoreBatch& batch);

  Result<std::unique_ptr<LogReader>> read(Topic topic, const ReadOptions& options,
                                          std::int32_t partitions);
};

}  // namespace vigie
