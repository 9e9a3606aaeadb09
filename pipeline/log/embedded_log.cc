#include "pipeline/log/embedded_log.h"

#include <utility>

#include <fmt/format.h>

#include "pipeline/log/embedded_impl.h"
#include "pipeline/log/record_format.h"

namespace vigie {
namespace {

// A group commit is cut here, so that one write stays small enough to be quick.
constexpr std::size_t kMaxGroupBytes = std::size_t{8} << 20;

void put_place(std::string& out, const LogPlace& place) {
  out += static_cast<char>(place.topic);
  put_fixed(out, static_cast<std::uint16_t>(number(place.partition)));
}

// Empty when the bytes are no place of a topic that there is.
std::optional<LogPlace> parse_place(std::string_view bytes) {
  ByteReader reader(bytes);
  const auto topic = reader.fixed<std::uint8_t>();
  const Partition partition{reader.fixed<std::uint16_t>()};
  if (!reader.ok() || !reader.at_end() || topic == 0 || topic > all_topics().size()) {
    return std::nullopt;
  }
  return LogPlace{static_cast<Topic>(topic), partition};
}

}  // namespace

std::string log_key(const LogPlace& place, Offset offset) {
  std::string key(1, kEmbeddedVersion);
  put_place(key, place);
  put_fixed(key, static_cast<std::uint64_t>(offset));
  return key;
}

std::string meta_key(char what, const LogPlace& place) {
  std::string key{kEmbeddedVersion, what};
  put_place(key, place);
  return key;
}

std::string offset_key(const LogPlace& place, std::string_view group) {
  return meta_key('o', place).append(group);
}

Error damaged_record(const LogPlace& place, Offset offset) {
  return {Code::Corrupt, fmt::format("log: {}/{} offset {} is damaged", info(place.topic).name,
                                     number(place.partition), offset)};
}

Error damaged_meta(const LogPlace& place, std::string_view what) {
  return {Code::Corrupt, fmt::format("log: {}/{}: its {} is damaged", info(place.topic).name,
                                     number(place.partition), what)};
}

std::optional<LatestValue> parse_latest(std::string_view bytes) {
  ByteReader reader(bytes);
  const auto version = reader.fixed<char>();
  reader.fixed<std::uint16_t>();
  LatestValue latest;
  latest.offset = reader.fixed<Offset>();
  latest.value = reader.rest();
  if (!reader.ok() || version != kEmbeddedVersion) return std::nullopt;
  return latest;
}

Result<void> EmbeddedLog::Impl::load() {
  const std::string partitions_key{kEmbeddedVersion, 'p'};
  auto stored = store.get(Space::Meta, partitions_key);
  if (!stored) return std::unexpected(std::move(stored.error()));
  if (*stored) {
    ByteReader bytes(**stored);
    const auto made_with = bytes.fixed<std::int32_t>();
    if (!bytes.ok() || !bytes.at_end()) {
      return fail(Code::Corrupt, "log: its number of partitions is damaged");
    }
    if (made_with != options.partitions) {
      return fail(Code::Invalid, fmt::format("log: has {} partitions, the config says {}; an "
                                             "embedded log keeps the number it was made with",
                                             made_with, options.partitions));
    }
  } else {
    StoreBatch batch;
    std::string value;
    put_fixed(value, options.partitions);
    batch.put(Space::Meta, partitions_key, value);
    auto written = store.write(batch, options.durability);
    if (!written) return written;
  }
  const std::string prefix{kEmbeddedVersion, 'e'};
  std::optional<Error> damaged;
  auto scanned = store.scan(
      Space::Meta, prefix, prefix_end(prefix), [&](std::string_view key, std::string_view value) {
        const auto place = parse_place(key.substr(prefix.size()));
        if (!place) {
          damaged = Error{Code::Corrupt, "log: the key of an extent is damaged"};
          return false;
        }
        ByteReader bytes(value);
        Extent& stored_extent = extents[*place];
        stored_extent.begin = bytes.fixed<Offset>();
        stored_extent.end = bytes.fixed<Offset>();
        stored_extent.bytes = bytes.fixed<std::uint64_t>();
        if (!bytes.ok() || !bytes.at_end()) damaged = damaged_meta(*place, "extent");
        return !damaged;
      });
  if (!scanned) return scanned;
  if (damaged) return std::unexpected(*damaged);
  return {};
}

// The first caller that finds no writer becomes it and writes for all who wait.
Result<void> EmbeddedLog::Impl::write(std::vector<Record> records, StoreBatch* state,
                                      Offset* last) {
  Waiting mine;
  mine.records = std::move(records);
  mine.state = state;
  std::unique_lock lock(mutex);
  queue.push_back(&mine);
  while (true) {
    changed.wait(lock, [&] { return mine.done || !writing; });
    if (mine.done) {
      if (last != nullptr) *last = mine.last;
      return mine.result;
    }
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

Result<void> EmbeddedLog::Impl::write_group(const std::vector<Waiting*>& waiting) {
  Group group;
  for (Waiting* one : waiting) {
    for (const Record& record : one->records) {
      auto collected = collect(record, group);
      if (!collected) return collected;
      one->last = group.ends.at({record.topic, record.partition}).end - 1;
    }
    if (one->state != nullptr) group.batch.append(*one->state);
  }
  for (const auto& [place, end] : group.ends) {
    std::string value;
    put_fixed(value, end.begin);
    put_fixed(value, end.end);
    put_fixed(value, end.bytes);
    group.batch.put(Space::Meta, meta_key('e', place), value);
  }
  auto written = store.write(group.batch, options.durability);
  if (!written) return written;
  {
    const std::lock_guard lock(mutex);
    for (const auto& [place, end] : group.ends) extents[place] = end;
  }
  if (!options.clock) return {};
  const Minute minute = minute_of(options.clock());
  if (minute == trimmed_at) return {};
  trimmed_at = minute;
  return trim(minute);
}

Result<void> EmbeddedLog::Impl::collect(const Record& record, Group& group) {
  const LogPlace place{record.topic, record.partition};
  auto known = group.ends.find(place);
  if (known == group.ends.end()) {
    const std::lock_guard lock(mutex);
    known = group.ends.emplace(place, extents[place]).first;
  }
  Extent& end = known->second;
  const bool compacted = info(record.topic).compacted;
  std::uint8_t flags = record.value ? 0 : kTombstone;
  if (compacted && record.value) flags |= kInLatest;
  std::string value{kEmbeddedVersion, static_cast<char>(flags)};
  put_text(value, record.key);
  if (record.value && !compacted) value += *record.value;
  group.batch.put(Space::Log, log_key(place, end.end), value);
  if (compacted) {
    auto put = put_latest(place, record, end.end, group);
    if (!put) return put;
  }
  ++end.end;
  end.bytes += value.size() + (compacted && record.value ? record.value->size() : 0);
  return {};
}

// What is never forgotten by age would keep a row for each time a key was written: there the row of
// the value before goes with it.
Result<void> EmbeddedLog::Impl::put_latest(const LogPlace& place, const Record& record,
                                           Offset offset, Group& group) {
  const std::string key = latest_key(record.topic, record.key);
  if (info(record.topic).retention.count() == 0) {
    const auto [newest, first] = group.newest.try_emplace(key, offset);
    std::optional<Offset> before;
    if (!first) before = std::exchange(newest->second, offset);
    if (first) {
      auto stored = store.get(Space::Latest, key);
      if (!stored) return std::unexpected(std::move(stored.error()));
      if (*stored) {
        const auto latest = parse_latest(**stored);
        if (!latest) return std::unexpected(damaged_record(place, offset));
        before = latest->offset;
      }
    }
    if (before) group.batch.erase(Space::Log, log_key(place, *before));
  }
  if (record.value) {
    group.batch.put(Space::Latest, key, latest_value(record.partition, offset, *record.value));
  } else {
    group.batch.erase(Space::Latest, key);
  }
  return {};
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

Result<Offset> EmbeddedLog::append_one(Record record) {
  std::vector<Record> records;
  records.push_back(std::move(record));
  Offset offset = -1;
  auto written = impl_->write(std::move(records), nullptr, &offset);
  if (!written) return std::unexpected(std::move(written.error()));
  return offset;
}

Result<std::unique_ptr<LogReader>> EmbeddedLog::read(Topic topic, ReadOptions options, Store&) {
  return impl_->read(topic, options, partitions(topic));
}

Result<std::optional<std::string>> EmbeddedLog::latest(Topic topic, std::string_view key) {
  auto stored = impl_->store.get(Space::Latest, latest_key(topic, key));
  if (!stored || !*stored) return stored;
  const auto latest = parse_latest(**stored);
  if (!latest) {
    return fail(Code::Corrupt, fmt::format("log: newest value of {} is damaged", info(topic).name));
  }
  auto known = check_format(topic, info(topic).name, latest_partition(**stored), latest->offset,
                            latest->value);
  if (!known) return std::unexpected(std::move(known.error()));
  return std::string(latest->value);
}

Result<void> EmbeddedLog::healthy() {
  const std::lock_guard lock(impl_->mutex);
  if (impl_->failed) return std::unexpected(*impl_->failed);
  return {};
}

}  // namespace vigie
