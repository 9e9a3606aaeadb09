#include "pipeline/log/event_log.h"

#include <cassert>

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

Partition partition_for(const EventLog& log, Topic topic, std::string_view key) {
  return partition_of(key, log.partitions(topic));
}

}  // namespace vigie
