#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "pipeline/core/error.h"
#include "pipeline/log/kafka_handle.h"

namespace vigie {

// Makes the topics that are missing, checks those that exist (partitions, cleanup policy,
// retention, size limits) and returns how many partitions each has. Invalid says what to mend.
// Without `create_topics` NotFound names what is missing, once what exists is found to fit.
Result<std::map<Topic, std::int32_t>> prepare_topics(rd_kafka_t* handle,
                                                     const KafkaOptions& options);

// What `prepare_topics` would make or refuse, topic by topic in the order of all_topics(); and does
// what can be done about it.
Result<std::vector<TopicPlan>> plan_topics(rd_kafka_t* handle, const KafkaOptions& options);
Result<void> apply_topics(rd_kafka_t* handle, const KafkaOptions& options,
                          const std::vector<TopicPlan>& plans);

}  // namespace vigie
