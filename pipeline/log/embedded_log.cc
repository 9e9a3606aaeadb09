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
#include "pipeline/log/embedded_log.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>

#include <fmt/format.h>

#include "pipeline/core/bytes.h"

namespace vigie {
namespace {

constexpr char kVersion = '\x01';
constexpr std::uint8_t kTombstone = 1;
constexpr std::uint8_t kInLatest = 2;
// A group commit is cut here, so that one write stays small enough to be quick.
constexpr std::size_t kMaxGroupBytes = std::size_t{8} << 20;

struct Place {
  Topic topic;
  Partition partition;
  friend auto operator<=>(const Place&, const Place&) = default;
};

struct Extent {
  Offset begin = 0;
  Offset end = 0;
  std::uint64_t bytes = 0;  // ever written
};

void put_place(std::string& out, const Place& place) {
  out += static_cast<char>(place.topic);
  put_fixed(out, static_cast<std::uint16_t>(number(place.partition)));
}

std::string log_key(const Place& place, Offset offset) {
  std::string key(1, kVersion);
  put_place(key, place);
  put_fixed(key, static_cast<std::uint64_t>(offset));
  return key;
}

std::string meta_key(char what, const Place& place) {
  std::string key{kVersion, what};
  put_place(key, place);
  return key;
}

std::string offset_key(const Place& place, std::string_view group) {
  return meta_key('o', place).append(group);
}

Error corrupt(const Place& place, Offset offset) {
  return {Code::Corrupt, fmt::format("log: {}/{} offset {} is damaged", info(place.topic).name,
                                     number(place.partition), offset)};
}

}  // namespace

struct EmbeddedLog::Impl {
  EmbeddedOptions options;
  Store& store;

  // What one caller wants written, and what became of it.
  struct Waiting {
    std::vector<Record> records;
    StoreBatch* state = nullptr;
    bool done = false;
    Result<void> result;
  };

  mutable std::mutex mutex;
  std::condition_variable changed;
  std::deque<Waiting*> queue;       // guarded by mutex
  bool writing = false;             // guarded by mutex: somebody is the writer
  std::map<Place, Extent> extents;  // guarded by mutex; ends are of what is durable
  Minute trimmed_at = 0;            // the writer's
  std::optional<Error> failed;      // guarded by mutex

  Impl(EmbeddedOptions o, Store& s) : options(std::move(o)), store(s) {}

  Extent& extent(const Place& place) { return extents[place]; }

  Result<void> load();
  Result<void> write(std::vector<Record> records, StoreBatch* state);
  std::vector<Waiting*> take_group();
  Result<void> write_group(const std::vector<Waiting*>& group);
  void collect(const Record& record, std::map<Place, Extent>& ends, StoreBatch& batch);
  Result<void> trim_place(const Place& place, Minute oldest, std::uint64_t max_bytes,
                          StoreBatch& batch, Extent& extent);
  Result<void> forget_latest(const Place& place, Offset begin, Offset end, StoreBatch& batch);
};

Result<void> EmbeddedLog::Impl::load() {
  const std::string key{kVersion, 'p'};
  auto stored = store.get(Space::Meta, key);
  if (!stored) return std::unexpected(std::move(stored.error()));
  if (*stored) {
    const auto made_with = ByteReader(**stored).fixed<std::int32_t>();
    if (made_with != options.partitions) {
      return fail(Code::Invalid, fmt::format("log: has {} partitions, the config says {}; an "
                                             "embedded log keeps the number it was made with",
                                             made_with, options.partitions));
    }
  } else {
    StoreBatch batch;
    std::string value;
    put_fixed(value, options.partitions);
    batch.put(Space::Meta, key, value);
    auto written = store.write(batch, options.durability);
    if (!written) return written;
  }
  const std::string prefix{kVersion, 'e'};
  return store.scan(Space::Meta, prefix, prefix_end(prefix),
                    [&](std::string_view place_key, std::string_view value) {
                      ByteReader place_bytes(place_key.substr(2));
                      const auto topic = static_cast<Topic>(place_bytes.fixed<std::uint8_t>());
                      const Partition partition{place_bytes.fixed<std::uint16_t>()};
                      ByteReader bytes(value);
                      Extent& stored_extent = extents[{topic, partition}];
                      stored_extent.begin = bytes.fixed<Offset>();
                      stored_extent.end = bytes.fixed<Offset>();
                      stored_extent.bytes = bytes.fixed<std::uint64_t>();
                      return true;
                    });
}

// The first caller that finds no writer becomes it and writes for all who wait.
Result<void> EmbeddedLog::Impl::write(std::vector<Record> records, StoreBatch* state) {
  Waiting mine;
  mine.records = std::move(records);
  mine.state = state;
  std::unique_lock lock(mutex);
  queue.push_back(&mine);
  while (true) {
    changed.wait(lock, [&] { return mine.done || !writing; });
    if (mine.done) return mine.result;
    writing = true;
    const std::vector<Waiting*> group = take_group();
    lock.unlock();
    const Result<void> result = write_group(group);
    if (result && options.observer) {
      for (const Waiting* waiting : group) {
        for (const Record& record : waiting->records) options.observer(record);
      }
    }
    lock.lock();
    for (Waiting* waiting : group) {
      waiting->result = result;
      waiting->done = true;
    }
    if (!result && !failed) failed = result.error();
    writing = false;
    changed.notify_all();
  }
}

// What waits, oldest first, up to a size; never nothing.
std::vector<EmbeddedLog::Impl::Waiting*> EmbeddedLog::Impl::take_group() {
  std::vector<Waiting*> group;
  std::size_t bytes = 0;
  while (!queue.empty() && bytes < kMaxGroupBytes) {
    Waiting* next = queue.front();
    for (const Record& record : next->records) {
      bytes += record.key.size() + (record.value ? record.value->size() : 0);
    }
    if (next->state != nullptr) bytes += next->state->bytes();
    group.push_back(next);
    queue.pop_front();
  }
  return group;
}

Result<void> EmbeddedLog::Impl::write_group(const std::vector<Waiting*>& group) {
  StoreBatch batch;
  std::map<Place, Extent> ends;
  for (const Waiting* waiting : group) {
    for (const Record& record : waiting->records) collect(record, ends, batch);
    if (waiting->state != nullptr) batch.append(*waiting->state);
  }
  const Minute minute = options.clock ? minute_of(options.clock()) : 0;
  for (const auto& [place, end] : ends) {
    std::string value;
    put_fixed(value, end.begin);
    put_fixed(value, end.end);
    put_fixed(value, end.bytes);
    batch.put(Space::Meta, meta_key('e', place), value);
  }
  auto written = store.write(batch, options.durability);
  if (!written) return written;
  {
    const std::lock_guard lock(mutex);
    for (const auto& [place, end] : ends) extents[place] = end;
  }
  if (!options.clock || minute == trimmed_at) return {};
  trimmed_at = minute;
  StoreBatch trimmed;
  std::map<Place, Extent> after;
  {
    const std::lock_guard lock(mutex);
    after = extents;
  }
  for (auto& [place, end] : after) {
    std::string key = meta_key('x', place);
    put_fixed(key, minute);
    std::string value;
    put_fixed(value, end.end);
    put_fixed(value, end.bytes);
    trimmed.put(Space::Meta, key, value);
    const TopicInfo& topic = info(place.topic);
    const auto retention =
        place.topic == Topic::Mentions ? options.mentions_retention : topic.retention;
    const auto kept = std::chrono::duration_cast<std::chrono::minutes>(retention).count();
    const Minute oldest = retention.count() == 0 ? 0 : minute - static_cast<Minute>(kept);
    const std::uint64_t max_bytes =
        place.topic == Topic::Mentions
            ? options.mentions_max_bytes / static_cast<std::uint64_t>(options.partitions)
            : 0;
    auto done = trim_place(place, oldest, max_bytes, trimmed, end);
    if (!done) return done;
  }
  written = store.write(trimmed, options.durability);
  if (!written) return written;
  const std::lock_guard lock(mutex);
  for (const auto& [place, end] : after) extents[place].begin = end.begin;
  return {};
}

void EmbeddedLog::Impl::collect(const Record& record, std::map<Place, Extent>& ends,
                                StoreBatch& batch) {
  const Place place{record.topic, record.partition};
  auto known = ends.find(place);
  if (known == ends.end()) {
    const std::lock_guard lock(mutex);
    known = ends.emplace(place, extents[place]).first;
  }
  Extent& end = known->second;
  const bool compacted = info(record.topic).compacted;
  std::uint8_t flags = record.value ? 0 : kTombstone;
  if (compacted && record.value) flags |= kInLatest;
  std::string value{kVersion, static_cast<char>(flags)};
  put_text(value, record.key);
  if (record.value && !compacted) value += *record.value;
  batch.put(Space::Log, log_key(place, end.end), value);
  if (compacted) {
    const std::string key = latest_key(record.topic, record.key);
    if (record.value) {
      std::string latest(1, kVersion);
      put_fixed(latest, static_cast<std::uint16_t>(number(record.partition)));
      put_fixed(latest, end.end);
      latest += *record.value;
      batch.put(Space::Latest, key, latest);
    } else {
      batch.erase(Space::Latest, key);
    }
  }
  ++end.end;
  end.bytes += value.size() + (compacted && record.value ? record.value->size() : 0);
}

// Finds the first minute that may stay; everything before its offset goes.
Result<void> EmbeddedLog::Impl::trim_place(const Place& place, Minute oldest,
                                           std::uint64_t max_bytes, StoreBatch& batch,
                                           Extent& end) {
  const std::string prefix = meta_key('x', place);
  Offset begin = end.begin;
  std::string last_old;
  auto scanned = store.scan(
      Space::Meta, prefix, prefix_end(prefix), [&](std::string_view key, std::string_view value) {
        const auto minute = ByteReader(key.substr(prefix.size())).fixed<Minute>();
        ByteReader bytes(value);
        const auto offset = bytes.fixed<Offset>();
        const auto written = bytes.fixed<std::uint64_t>();
        const bool too_old = minute <= oldest;
        const bool too_much = max_bytes != 0 && end.bytes - written > max_bytes;
        if (!too_old && !too_much) return false;
        begin = std::max(begin, offset);
        last_old = key;
        return true;
      });
  if (!scanned) return scanned;
  if (begin == end.begin) return {};
  if (info(place.topic).compacted) {
    auto forgotten = forget_latest(place, end.begin, begin, batch);
    if (!forgotten) return forgotten;
  }
  batch.erase_range(Space::Log, log_key(place, end.begin), log_key(place, begin));
  batch.erase_range(Space::Meta, prefix, last_old);
  end.begin = begin;
  std::string value;
  put_fixed(value, end.begin);
  put_fixed(value, end.end);
  put_fixed(value, end.bytes);
  batch.put(Space::Meta, meta_key('e', place), value);
  return {};
}

// A compacted topic that also forgets by age drops the values whose record leaves the log.
Result<void> EmbeddedLog::Impl::forget_latest(const Place& place, Offset begin, Offset end,
                                              StoreBatch& batch) {
  Result<void> result;
  auto scanned =
      store.scan(Space::Log, log_key(place, begin), log_key(place, end),
                 [&](std::string_view key, std::string_view value) {
                   const auto offset = ByteReader(key.substr(4)).fixed<Offset>();
                   ByteReader bytes(value.substr(std::min<std::size_t>(2, value.size())));
                   const std::string latest = latest_key(place.topic, bytes.text());
                   auto stored = store.get(Space::Latest, latest);
                   if (!stored) {
                     result = std::unexpected(std::move(stored.error()));
                     return false;
                   }
                   if (*stored && (*stored)->size() >= 11 &&
                       ByteReader(std::string_view(**stored).substr(3)).fixed<Offset>() == offset) {
                     batch.erase(Space::Latest, latest);
                   }
                   return true;
                 });
  if (!scanned) return scanned;
  return result;
}

// Reads partitions in turn, each from its own next offset.
class EmbeddedReader : public LogReader {
 public:
  EmbeddedReader(EmbeddedLog::Impl& log, Topic topic, std::string group)
      : log_(log), topic_(topic), group_(std::move(group)) {}

  Result<void> load(const ReadOptions& options, std::int32_t partitions);
  Result<std::span<const LogRecord>> poll(std::size_t max, std::chrono::milliseconds wait) override;
  Result<void> commit(Effects effects) override;
  std::vector<Partition> partitions() const override;
  std::pair<Offset, Offset> position(Partition partition) const override;

 private:
  struct Found {
    Partition partition;
    Offset offset;
    std::size_t key_begin, key_size, value_begin, value_size;
    bool tombstone;
  };
  bool something_new() const;
  Result<void> collect(Partition partition, Offset end, std::size_t max);
  Result<bool> add_latest(Partition partition, Offset offset, std::string_view key, Found& found);

  EmbeddedLog::Impl& log_;
  Topic topic_;
  std::string group_;
  std::vector<Offset> next_;
  std::size_t turn_ = 0;
  std::string bytes_;
  std::vector<Found> found_;
  std::vector<LogRecord> records_;
};

Result<void> EmbeddedReader::load(const ReadOptions& options, std::int32_t partitions) {
  next_.resize(static_cast<std::size_t>(partitions));
  for (std::size_t i = 0; i < next_.size(); ++i) {
    const Place place{topic_, Partition{static_cast<std::int32_t>(i)}};
    Extent extent;
    {
      const std::lock_guard lock(log_.mutex);
      extent = log_.extent(place);
    }
    auto stored = log_.store.get(Space::Meta, offset_key(place, group_));
    if (!stored) return std::unexpected(std::move(stored.error()));
    Offset next = options.from_oldest ? extent.begin : extent.end;
    if (*stored) next = ByteReader(**stored).fixed<Offset>();
    next_[i] = std::max(extent.begin, next - options.rewind);
  }
  return {};
}

bool EmbeddedReader::something_new() const {
  for (std::size_t i = 0; i < next_.size(); ++i) {
    const auto it = log_.extents.find({topic_, Partition{static_cast<std::int32_t>(i)}});
    if (it != log_.extents.end() && it->second.end > next_[i]) return true;
  }
  return false;
}

Result<std::span<const LogRecord>> EmbeddedReader::poll(std::size_t max,
                                                        std::chrono::milliseconds wait) {
  bytes_.clear();
  found_.clear();
  records_.clear();
  std::vector<Extent> extents(next_.size());
  {
    std::unique_lock lock(log_.mutex);
    log_.changed.wait_for(lock, wait, [&] { return something_new() || log_.failed; });
    if (log_.failed) return std::unexpected(*log_.failed);
    for (std::size_t i = 0; i < next_.size(); ++i) {
      extents[i] = log_.extent({topic_, Partition{static_cast<std::int32_t>(i)}});
    }
  }
  for (std::size_t i = 0; i < next_.size() && found_.size() < max; ++i) {
    const std::size_t p = (turn_ + i) % next_.size();
    next_[p] = std::max(next_[p], extents[p].begin);
    if (next_[p] >= extents[p].end) continue;
    auto collected = collect(Partition{static_cast<std::int32_t>(p)}, extents[p].end, max);
    if (!collected) return std::unexpected(std::move(collected.error()));
  }
  turn_ = next_.empty() ? 0 : (turn_ + 1) % next_.size();
  const std::string_view bytes = bytes_;
  for (const Found& found : found_) {
    LogRecord& record = records_.emplace_back();
    record.partition = found.partition;
    record.offset = found.offset;
    record.key = bytes.substr(found.key_begin, found.key_size);
    if (!found.tombstone) record.value = bytes.substr(found.value_begin, found.value_size);
  }
  return std::span<const LogRecord>(records_);
}

Result<void> EmbeddedReader::collect(Partition partition, Offset end, std::size_t max) {
  const Place place{topic_, partition};
  Offset& next = next_[static_cast<std::size_t>(number(partition))];
  Result<void> result;
  auto scanned = log_.store.scan(Space::Log, log_key(place, next), log_key(place, end),
                                 [&](std::string_view key, std::string_view value) {
                                   const auto offset = ByteReader(key.substr(4)).fixed<Offset>();
                                   ByteReader reader(value);
                                   const auto version = reader.fixed<char>();
                                   const auto flags = reader.fixed<std::uint8_t>();
                                   const std::string_view record_key = reader.text();
                                   if (!reader.ok() || version != kVersion) {
                                     result = std::unexpected(corrupt(place, offset));
                                     return false;
                                   }
                                   next = offset + 1;
                                   Found found{.partition = partition,
                                               .offset = offset,
                                               .tombstone = (flags & kTombstone) != 0};
                                   found.key_begin = bytes_.size();
                                   found.key_size = record_key.size();
                                   bytes_ += record_key;
                                   found.value_begin = bytes_.size();
                                   found.value_size = 0;
                                   if ((flags & kInLatest) != 0) {
                                     auto added = add_latest(partition, offset, record_key, found);
                                     if (!added) {
                                       result = std::unexpected(std::move(added.error()));
                                       return false;
                                     }
                                     if (!*added) return true;
                                   } else {
                                     const std::string_view rest = reader.rest();
                                     found.value_size = rest.size();
                                     bytes_ += rest;
                                   }
                                   found_.push_back(found);
                                   return found_.size() < max;
                                 });
  if (!scanned) return scanned;
  return result;
}

Result<bool> EmbeddedReader::add_latest(Partition, Offset offset, std::string_view key,
                                        Found& found) {
  auto stored = log_.store.get(Space::Latest, latest_key(topic_, key));
  if (!stored) return std::unexpected(std::move(stored.error()));
  if (!*stored || (*stored)->size() < 11) return false;
  const std::string_view latest = **stored;
  if (ByteReader(latest.substr(3)).fixed<Offset>() != offset) return false;
  found.value_size = latest.size() - 11;
  bytes_ += latest.substr(11);
  return true;
}

Result<void> EmbeddedReader::commit(Effects effects) {
  for (const auto& [partition, next] : effects.next) {
    std::string value;
    put_fixed(value, next);
    effects.state.put(Space::Meta, offset_key({topic_, partition}, group_), value);
  }
  return log_.write(std::move(effects.outputs), &effects.state);
}

std::vector<Partition> EmbeddedReader::partitions() const {
  std::vector<Partition> all;
  for (std::size_t i = 0; i < next_.size(); ++i)
    all.push_back(Partition{static_cast<std::int32_t>(i)});
  return all;
}

std::pair<Offset, Offset> EmbeddedReader::position(Partition partition) const {
  const std::lock_guard lock(log_.mutex);
  return {next_[static_cast<std::size_t>(number(partition))], log_.extent({topic_, partition}).end};
}

EmbeddedLog::EmbeddedLog(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
EmbeddedLog::~EmbeddedLog() = default;

Result<std::unique_ptr<EmbeddedLog>> EmbeddedLog::open(EmbeddedOptions options, Store& store) {
  auto impl = std::make_unique<Impl>(std::move(options), store);
  auto loaded = impl->load();
  if (!loaded) return std::unexpected(std::move(loaded.error()));
  return std::unique_ptr<EmbeddedLog>(new EmbeddedLog(std::move(impl)));
}

std::int32_t EmbeddedLog::partitions(Topic topic) const {
  // Everything is on one machine: topics that no worker shares out need no second partition.
  return info(topic).with_mentions ? impl_->options.partitions : 1;
}

Result<void> EmbeddedLog::append(std::vector<Record> records) {
  return impl_->write(std::move(records), nullptr);
}

Result<std::unique_ptr<LogReader>> EmbeddedLog::read(Topic topic, ReadOptions options, Store&) {
  auto reader = std::make_unique<EmbeddedReader>(*impl_, topic, options.group);
  auto loaded = reader->load(options, partitions(topic));
  if (!loaded) return std::unexpected(std::move(loaded.error()));
  return reader;
}

Result<std::optional<std::string>> EmbeddedLog::latest(Topic topic, std::string_view key) {
  auto stored = impl_->store.get(Space::Latest, latest_key(topic, key));
  if (!stored || !*stored) return stored;
  if ((*stored)->size() < 11) {
    return fail(Code::Corrupt, fmt::format("log: newest value of {} is damaged", info(topic).name));
  }
  return (*stored)->substr(11);
}

Result<void> EmbeddedLog::healthy() {
  const std::lock_guard lock(impl_->mutex);
  if (impl_->failed) return std::unexpected(*impl_->failed);
  return {};
}

}  // namespace vigie
