#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "pipeline/log/event_log.h"

namespace vigie {

struct KafkaOptions {
  std::string bootstrap;                // "host:port,host:port"
  std::string topic_prefix = "vigie.";  // of topics and of consumer groups; one instance each

  // False makes nothing: what exists is checked, and a topic that is missing is NotFound.
  bool create_topics = true;

  // Used only for topics that do not exist yet.
  std::int32_t partitions = 6;
  std::int16_t replication_factor = 0;  // 0: the broker's default
  std::chrono::hours mentions_retention{72};

  // Handed to librdkafka as they are: security.protocol, sasl.*, ssl.* and the like. Their values
  // are never logged and never part of an error.
  std::map<std::string, std::string> properties;

  std::string client_id = "vigie";
  // Names this process among the members of a group: a restart within `session_timeout` moves no
  // partition, and of two processes with one name the older is thrown out. Empty: anonymous.
  std::string instance_id;

  std::chrono::milliseconds request_timeout{10'000};   // one question to a broker
  std::chrono::milliseconds delivery_timeout{30'000};  // from append to the last delivery report
  std::chrono::milliseconds session_timeout{6'000};    // until a silent member loses its partitions
};

// The log of an installation with Kafka. Any thread may call it; it outlives its readers. What is
// committed is processed at least once: outputs are durable before the offset moves on.
class KafkaLog {
 public:
  // Creates the topics that are missing, if `create_topics`, and checks those that exist. Invalid
  // when a topic does not fit: the message says which, what was found, what was expected and how to
  // mend it. Denied when credentials are refused; Unavailable when no broker answers within
  // `request_timeout`.
  static Result<std::unique_ptr<EventLog>> open(KafkaOptions options);
};

}  // namespace vigie
