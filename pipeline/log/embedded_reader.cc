#include <algorithm>

#include "pipeline/log/embedded_impl.h"
#include "pipeline/log/record_format.h"

namespace vigie {
namespace {

// A poll that has this much is full, however few records it is.
constexpr std::size_t kMaxPollBytes = std::size_t{16} << 20;

// Reads partitions in turn, each from its own next offset.
class EmbeddedReader : public LogReader {
 public:
  EmbeddedReader(EmbeddedLog::Impl& log, Topic topic, std::string group)
      : log_(log), topic_(topic), group_(std::move(group)) {}

  Result<void> load(const ReadOptions& options, std::int32_t partitions);
  Result<std::span<const LogRecord>> poll(std::size_t max, std::chrono::milliseconds wait) override;
  Result<void> commit(Effects effects) override;
  std::vector<Partition> partitions() const override;
  bool is_settled() const override { return true; }
  std::pair<Offset, Offset> position(Partition partition) const override;
  Result<std::map<Partition, Offset>> ends() override;

 private:
  struct Found {
    Partition partition;
    Offset offset;
    std::size_t key_begin, key_size, value_begin, value_size;
    bool tombstone;
  };
  bool something_new() const;
  bool takes_more(std::size_t max) const {
    return found_.size() < max && bytes_.size() < kMaxPollBytes;
  }
  Result<void> collect(Partition partition, Offset end, std::size_t max);
  void give_back(std::size_t begin);
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
    const LogPlace place{topic_, Partition{static_cast<std::int32_t>(i)}};
    EmbeddedLog::Impl::Extent extent;
    {
      const std::lock_guard lock(log_.mutex);
      extent = log_.extent(place);
    }
    auto stored = log_.store.get(Space::Meta, offset_key(place, group_));
    if (!stored) return std::unexpected(std::move(stored.error()));
    Offset next = options.from_oldest ? extent.begin : extent.end;
    if (*stored) {
      ByteReader bytes(**stored);
      next = bytes.fixed<Offset>();
      if (!bytes.ok() || !bytes.at_end()) {
        return std::unexpected(damaged_meta(place, "committed offset"));
      }
    }
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
  std::vector<EmbeddedLog::Impl::Extent> extents(next_.size());
  {
    std::unique_lock lock(log_.mutex);
    log_.changed.wait_for(lock, wait, [&] { return something_new() || log_.failed; });
    if (log_.failed) return std::unexpected(*log_.failed);
    for (std::size_t i = 0; i < next_.size(); ++i) {
      extents[i] = log_.extent({topic_, Partition{static_cast<std::int32_t>(i)}});
    }
  }
  for (std::size_t i = 0; i < next_.size() && takes_more(max); ++i) {
    const std::size_t p = (turn_ + i) % next_.size();
    next_[p] = std::max(next_[p], extents[p].begin);
    if (next_[p] >= extents[p].end) continue;
    auto collected = collect(Partition{static_cast<std::int32_t>(p)}, extents[p].end, max);
    if (!collected) return std::unexpected(std::move(collected.error()));
  }
  turn_ = next_.empty() ? 0 : (turn_ + 1) % next_.size();
  const std::string_view bytes = bytes_;
  for (std::size_t i = 0; i < found_.size(); ++i) {
    const Found& found = found_[i];
    LogRecord record;
    record.partition = found.partition;
    record.offset = found.offset;
    record.key = bytes.substr(found.key_begin, found.key_size);
    if (!found.tombstone) record.value = bytes.substr(found.value_begin, found.value_size);
    auto known = check_format(topic_, info(topic_).name, record.partition, record.offset,
                              record.value.value_or(""));
    if (!known) {
      // What came before it is good, and nothing behind it is read.
      give_back(i);
      if (!records_.empty()) break;
      return std::unexpected(std::move(known.error()));
    }
    records_.push_back(record);
  }
  return std::span<const LogRecord>(records_);
}

// Found ones from `begin` on are to be polled again.
void EmbeddedReader::give_back(std::size_t begin) {
  for (std::size_t i = found_.size(); i-- > begin;) {
    next_[static_cast<std::size_t>(number(found_[i].partition))] = found_[i].offset;
  }
}

Result<void> EmbeddedReader::collect(Partition partition, Offset end, std::size_t max) {
  const LogPlace place{topic_, partition};
  Offset& next = next_[static_cast<std::size_t>(number(partition))];
  Result<void> result;
  bool is_full = false;
  auto scanned = log_.store.scan(Space::Log, log_key(place, next), log_key(place, end),
                                 [&](std::string_view key, std::string_view value) {
                                   const auto offset = ByteReader(key.substr(4)).fixed<Offset>();
                                   ByteReader reader(value);
                                   const auto version = reader.fixed<char>();
                                   const auto flags = reader.fixed<std::uint8_t>();
                                   const std::string_view record_key = reader.text();
                                   if (!reader.ok() || version != kEmbeddedVersion) {
                                     result = std::unexpected(damaged_record(place, offset));
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
                                   is_full = !takes_more(max);
                                   return !is_full;
                                 });
  if (!scanned) return scanned;
  // The last records may be holes.
  if (result && !is_full) next = end;
  return result;
}

// False: the record was compacted away.
Result<bool> EmbeddedReader::add_latest(Partition partition, Offset offset, std::string_view key,
                                        Found& found) {
  auto stored = log_.store.get(Space::Latest, latest_key(topic_, key));
  if (!stored) return std::unexpected(std::move(stored.error()));
  if (!*stored) return false;
  const auto latest = parse_latest(**stored);
  if (!latest) return std::unexpected(damaged_record({topic_, partition}, offset));
  if (latest->offset != offset) return false;
  found.value_size = latest->value.size();
  bytes_ += latest->value;
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
  all.reserve(next_.size());
  for (std::size_t i = 0; i < next_.size(); ++i)
    all.push_back(Partition{static_cast<std::int32_t>(i)});
  return all;
}

Result<std::map<Partition, Offset>> EmbeddedReader::ends() {
  std::map<Partition, Offset> out;
  for (const Partition partition : partitions()) out[partition] = position(partition).second;
  return out;
}

std::pair<Offset, Offset> EmbeddedReader::position(Partition partition) const {
  const std::lock_guard lock(log_.mutex);
  return {next_[static_cast<std::size_t>(number(partition))], log_.extent({topic_, partition}).end};
}

}  // namespace

Result<std::unique_ptr<LogReader>> EmbeddedLog::Impl::read(Topic topic, const ReadOptions& wanted,
                                                           std::int32_t partitions) {
  auto reader = std::make_unique<EmbeddedReader>(*this, topic, wanted.group);
  auto loaded = reader->load(wanted, partitions);
  if (!loaded) return std::unexpected(std::move(loaded.error()));
  return reader;
}

}  // namespace vigie
