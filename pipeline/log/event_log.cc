#include "pipeline/log/event_log.h"

#include <cassert>

#include "pipeline/core/bytes.h"

namespace vigie {
namespace {

using std::chrono::hours;

constexpr hours kDay{24};

constexpr std::array<TopicInfo, 12> kTopics = {{
    {Topic::Mentions, "mentions", false, true, hours{72}},
    {Topic::Tagged, "tagged", true, true, 35 * kDay},
    {Topic::Conversations, "conversations", false, false, 35 * kDay},
    {Topic::QueueSocial, "queue.social", false, false, 7 * kDay},
    {Topic::QueueCommunity, "queue.community", false, false, 7 * kDay},
    {Topic::Ledger, "ledger", true, true, 38 * kDay},
    {Topic::Counters, "counters", true, true, 38 * kDay},
    {Topic::CountersLong, "counters.long", true, true, 115 * kDay},
    {Topic::Authors, "authors", true, false, hours{0}},
    {Topic::Alerts, "alerts", true, false, hours{0}},
    {Topic::Cursors, "cursors", true, false, hours{0}},
    {Topic::Deadletter, "deadletter", false, false, 7 * kDay},
}};

}  // namespace

std::span<const TopicInfo> all_topics() {
  return kTopics;
}

const TopicInfo& info(Topic topic) {
  const auto index = static_cast<std::size_t>(topic) - 1;
  assert(index < kTopics.size());
  return kTopics[index];
}

std::string latest_key(Topic topic, std::string_view key) {
  std::string out;
  out.reserve(key.size() + 2);
  out += '\x01';
  out += static_cast<char>(topic);
  out += key;
  return out;
}

std::string latest_value(Partition partition, std::int64_t stamp, std::string_view value) {
  std::string out;
  out.reserve(kLatestHead + value.size());
  out += '\x01';
  put_fixed(out, static_cast<std::uint16_t>(number(partition)));
  put_fixed(out, stamp);
  out += value;
  return out;
}

Partition latest_partition(std::string_view value) {
  ByteReader in(value);
  in.fixed<char>();
  return Partition{in.fixed<std::uint16_t>()};
}

Result<std::optional<std::string>> stored_tagged(const Store& store, std::string_view key) {
  auto stored = store.get(Space::Latest, latest_key(Topic::Tagged, key));
  if (!stored || !*stored) return stored;
  if ((*stored)->size() < kLatestHead || (*stored)->front() != '\x01') {
    return fail(Code::Corrupt, "tagged: a stored record is damaged");
  }
  return (*stored)->substr(kLatestHead);
}

bool latest_expired(std::string_view key, std::string_view value, Time stream_time) {
  if (key.size() < 2 || static_cast<Topic>(key[1]) != Topic::Tagged || value.size() < kLatestHead) {
    return false;
  }
  const Time stamp{std::chrono::microseconds{ByteReader(value.substr(3)).fixed<std::int64_t>()}};
  return stamp + info(Topic::Tagged).retention <= stream_time;
}

Partition partition_for(const EventLog& log, Topic topic, std::string_view key) {
  return partition_of(key, log.partitions(topic));
}

}  // namespace vigie
