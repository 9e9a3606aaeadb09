// Erasing records in place. A row that is deleted is a hole, which readers pass over; a value in
// Latest goes with its row. Records that a reader of the topic has not committed are left alone:
// whoever must act on them has not yet.
#include "pipeline/log/embedded_impl.h"

namespace vigie {
namespace {

constexpr std::size_t kWriteBytes = std::size_t{1} << 20;

}  // namespace

Result<EmbeddedLog::Forgotten> EmbeddedLog::Impl::forget(const LogPlace& place,
                                                         const Judge& judge) {
  Extent extent;
  {
    const std::lock_guard lock(mutex);
    extent = this->extent(place);
  }
  auto unread = unread_from(place, extent.begin);
  if (!unread) return std::unexpected(std::move(unread.error()));
  Forgotten out;
  StoreBatch batch;
  Result<void> result;
  const auto write = [&] {
    if (!batch.empty()) result = store.write(batch, options.durability);
    batch.clear();
    return result.has_value();
  };
  const auto visit = [&](std::string_view key, std::string_view bytes) {
    const auto offset = ByteReader(key.substr(4)).fixed<Offset>();
    ByteReader reader(bytes);
    reader.fixed<char>();
    const auto flags = reader.fixed<std::uint8_t>();
    const std::string_view record_key = reader.text();
    if (!reader.ok()) {
      result = std::unexpected(damaged_record(place, offset));
      return false;
    }
    std::optional<std::string_view> value;
    if ((flags & kTombstone) == 0) value = reader.rest();
    std::string newest;
    std::optional<std::string> stored;
    if ((flags & kInLatest) != 0) {
      value.reset();
      newest = latest_key(place.topic, record_key);
      auto got = store.get(Space::Latest, newest);
      if (!got) {
        result = std::unexpected(std::move(got.error()));
        return false;
      }
      stored = std::move(*got);
      const auto latest = stored ? parse_latest(*stored) : std::nullopt;
      if (latest && latest->offset == offset) value = latest->value;
    }
    Verdict verdict = judge(record_key, value);
    if (!verdict.drop && !verdict.value) return true;
    if (verdict.drop && offset >= *unread) {
      out.complete = false;
      return true;
    }
    ++out.records;
    if (verdict.drop) {
      batch.erase(Space::Log, key);
      if (value && stored) batch.erase(Space::Latest, newest);
    } else if (stored) {
      batch.put(Space::Latest, newest, latest_value(place.partition, offset, *verdict.value));
    } else {
      std::string row(bytes.substr(0, bytes.size() - reader.rest().size()));
      batch.put(Space::Log, key, row + *verdict.value);
    }
    out.ranges.push_back({Space::Log, std::string(key), std::string(key)});
    if (!newest.empty()) out.ranges.push_back({Space::Latest, newest, newest});
    return batch.bytes() < kWriteBytes || write();
  };
  auto scanned =
      store.scan(Space::Log, log_key(place, extent.begin), log_key(place, extent.end), visit);
  if (!scanned) return std::unexpected(std::move(scanned.error()));
  if (!result || !write()) return std::unexpected(std::move(result.error()));
  // What was trimmed before may still be in files.
  if (extent.begin > 0) {
    out.ranges.push_back({Space::Log, log_key(place, 0), log_key(place, extent.begin - 1)});
  }
  return out;
}

Result<EmbeddedLog::Forgotten> EmbeddedLog::forget(Topic topic, Partition partition,
                                                   const Judge& judge) {
  return impl_->forget({topic, partition}, judge);
}

}  // namespace vigie
