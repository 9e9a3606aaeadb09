#include "state/stream_time.h"

#include <algorithm>
#include <cstdint>

#include "pipeline/core/bytes.h"

namespace vigie {
namespace {

template <class Source>
Result<std::optional<Time>> newest(const Source& store) {
  std::optional<Time> latest;
  bool is_damaged = false;
  auto scanned = store.scan(Space::Meta, kStreamTimes, prefix_end(kStreamTimes),
                            [&](std::string_view key, std::string_view value) {
                              if (key != kViewTime && !parse_stream_time_key(key)) return true;
                              const auto time = parse_stream_time(value);
                              is_damaged = !time;
                              if (time) latest = std::max(latest.value_or(*time), *time);
                              return !is_damaged;
                            });
  if (!scanned) return std::unexpected(std::move(scanned.error()));
  if (is_damaged) return fail(Code::Corrupt, "store: a partition's stream time is damaged");
  return latest;
}

}  // namespace

std::string stream_time_key(Partition partition) {
  std::string key(kStreamTimes);
  put_fixed(key, static_cast<std::uint16_t>(number(partition)));
  return key;
}

std::optional<Partition> parse_stream_time_key(std::string_view key) {
  if (!key.starts_with(kStreamTimes)) return std::nullopt;
  ByteReader bytes(key.substr(kStreamTimes.size()));
  const Partition partition{bytes.fixed<std::uint16_t>()};
  if (!bytes.ok() || !bytes.at_end()) return std::nullopt;
  return partition;
}

std::string encode_stream_time(Time time) {
  std::string value;
  put_fixed(value, static_cast<std::int64_t>(time.time_since_epoch().count()));
  return value;
}

std::optional<Time> parse_stream_time(std::string_view value) {
  ByteReader bytes(value);
  const Time time{std::chrono::microseconds{bytes.fixed<std::int64_t>()}};
  if (!bytes.ok() || !bytes.at_end()) return std::nullopt;
  return time;
}

Result<std::optional<Time>> newest_stream_time(const Store& store) {
  return newest(store);
}
Result<std::optional<Time>> newest_stream_time(const StoreSnapshot& store) {
  return newest(store);
}

}  // namespace vigie
