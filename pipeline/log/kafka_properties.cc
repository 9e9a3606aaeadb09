#include "pipeline/log/kafka_properties.h"

#include <algorithm>
#include <iterator>

namespace vigie {
namespace {

// With the second names that librdkafka has for some.
constexpr std::string_view kFixed[] = {
    "acks",
    "allow.auto.create.topics",
    "auto.commit.enable",
    "auto.offset.reset",
    "bootstrap.servers",
    "client.id",
    "delivery.timeout.ms",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.idempotence",
    "enable.partition.eof",
    "group.id",
    "group.instance.id",
    "heartbeat.interval.ms",
    "isolation.level",
    "linger.ms",
    "log.connection.close",
    "max.in.flight",
    "max.in.flight.requests.per.connection",
    "max.poll.interval.ms",
    "message.timeout.ms",
    "metadata.broker.list",
    "partition.assignment.strategy",
    "partitioner",
    "queue.buffering.max.messages",
    "queue.buffering.max.ms",
    "request.required.acks",
    "session.timeout.ms",
    "socket.timeout.ms",
    "transaction.timeout.ms",
    "transactional.id",
};

}  // namespace

bool is_fixed_property(std::string_view name) {
  return std::ranges::find(kFixed, name) != std::end(kFixed);
}

}  // namespace vigie
