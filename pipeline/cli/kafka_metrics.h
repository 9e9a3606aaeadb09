#pragma once

#include "pipeline/log/kafka_log.h"

namespace prometheus {
class Registry;
}

namespace vigie {

// Tells what workers over Kafka do as metrics. The registry outlives it.
KafkaObserver kafka_metrics(prometheus::Registry& registry);

}  // namespace vigie
