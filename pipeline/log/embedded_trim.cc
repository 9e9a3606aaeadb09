#include <algorithm>
#include <limits>

#include "pipeline/log/embedded_impl.h"

namespace vigie {

Result<void> EmbeddedLog::Impl::trim(Minute minute) {
  StoreBatch trimmed;
  std::map<LogPlace, Extent> after;
  {
    const std::lock_guard lock(mutex);
    after = extents;
  }
  for (auto& [place, end] : after) {
    const TopicInfo& topic = info(place.topic);
    const bool mentions = place.topic == Topic::Mentions;
    const auto retention = mentions ? options.mentions_retention : topic.retention;
    if (retention.count() == 0) continue;
    std::string key = meta_key('x', place);
    put_fixed(key, minute);
    std::string value;
    put_fixed(value, end.end);
    put_fixed(value, end.bytes);
    trimmed.put(Space::Meta, key, value);
    const auto kept = std::chrono::duration_cast<std::chrono::minutes>(retention).count();
    const std::uint64_t max_bytes =
        mentions ? options.mentions_max_bytes / static_cast<std::uint64_t>(options.partitions) : 0;
    auto done = trim_place(place, minute - static_cast<Minute>(kept), max_bytes, trimmed, end);
    if (!done) return done;
  }
  auto written = store.write(trimmed, options.durability);
  if (!written) return written;
  const std::lock_guard lock(mutex);
  for (const auto& [place, end] : after) extents[place].begin = end.begin;
  return {};
}

// Finds the first minute that may stay; everything before its offset goes.
Result<void> EmbeddedLog::Impl::trim_place(const LogPlace& place, Minute oldest,
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
  auto unread = unread_from(place, end.begin);
  if (!unread) return std::unexpected(std::move(unread.error()));
  begin = std::min(begin, *unread);
  if (begin <= end.begin) return {};
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
Result<void> EmbeddedLog::Impl::forget_latest(const LogPlace& place, Offset begin, Offset end,
                                              StoreBatch& batch) {
  Result<void> result;
  auto scanned =
      store.scan(Space::Log, log_key(place, begin), log_key(place, end),
                 [&](std::string_view key, std::string_view value) {
                   const auto offset = ByteReader(key.substr(4)).fixed<Offset>();
                   ByteReader bytes(value.substr(std::min<std::size_t>(2, value.size())));
                   const std::string newest = latest_key(place.topic, bytes.text());
                   auto stored = store.get(Space::Latest, newest);
                   if (!stored) {
                     result = std::unexpected(std::move(stored.error()));
                     return false;
                   }
                   const auto latest = *stored ? parse_latest(**stored) : std::nullopt;
                   if (latest && latest->offset == offset) batch.erase(Space::Latest, newest);
                   return true;
                 });
  if (!scanned) return scanned;
  return result;
}

Result<std::vector<std::pair<Offset, Time>>> EmbeddedLog::ages(Topic topic,
                                                               Partition partition) const {
  std::vector<std::pair<Offset, Time>> out;
  const LogPlace place{topic, partition};
  const std::string prefix = meta_key('x', place);
  bool damaged = false;
  auto scanned = impl_->store.scan(Space::Meta, prefix, prefix_end(prefix),
                                   [&](std::string_view key, std::string_view value) {
                                     ByteReader name(key.substr(prefix.size()));
                                     ByteReader bytes(value);
                                     const auto minute = name.fixed<Minute>();
                                     const auto offset = bytes.fixed<Offset>();
                                     damaged = !name.ok() || !bytes.ok();
                                     out.emplace_back(offset, start_of_minute(minute));
                                     return !damaged;
                                   });
  if (!scanned) return std::unexpected(std::move(scanned.error()));
  if (damaged) return std::unexpected(damaged_meta(place, "time of a record"));
  return out;
}

// The first record that a group which reads the place has not committed; what nobody reads has
// none. Mentions are read by a worker also before it commits for the first time.
Result<Offset> EmbeddedLog::Impl::unread_from(const LogPlace& place, Offset begin) {
  constexpr Offset kNone = std::numeric_limits<Offset>::max();
  Offset unread = kNone;
  bool damaged = false;
  const std::string prefix = offset_key(place, "");
  auto scanned = store.scan(Space::Meta, prefix, prefix_end(prefix),
                            [&](std::string_view, std::string_view value) {
                              ByteReader bytes(value);
                              unread = std::min(unread, bytes.fixed<Offset>());
                              damaged = damaged || !bytes.ok();
                              return true;
                            });
  if (!scanned) return std::unexpected(std::move(scanned.error()));
  if (damaged) return std::unexpected(damaged_meta(place, "committed offset"));
  if (unread == kNone && place.topic == Topic::Mentions) return begin;
  return unread;
}

}  // namespace vigie
