#include "state/stream_time.h"

#include <cstdint>

#include "pipeline/core/bytes.h"

namespace vigie {

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

}  // namespace vigie
