#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/core/clock.h"
#include "pipeline/log/event_log.h"

namespace vigie {

// Are told what readers with a changelog do, from their threads. Any may be empty.
struct KafkaObserver {
  std::function<void(std::chrono::milliseconds took)> committed;
  // A transaction failed or was not quick: producer and state are taken up anew.
  std::function<void()> doubted;
  std::function<void(std::size_t partitions)> dealt;
  // So many more records of the changelog were read, and about so many more, or fewer, are left to
  // be read before a reader works. Over all readers the latter add up to what is left for them.
  std::function<void(std::uint64_t records, std::int64_t left)> restoring;
  // The state of a partition in this store was wrong and is folded anew.
  std::function<void()> rebuilt;
};

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
  // Goes on where retention deleted mentions that were not read yet; else that is refused.
  bool accept_gap = false;
  KafkaObserver observer{};
  // Told each point that a crash of a reader with a changelog may be tried at: kafka.polled,
  // kafka.produced, kafka.offsets.before and .after, kafka.end.before and .after (the store does
  // not know yet), kafka.restore.begin, .write and .end. From the reader's thread; may be empty.
  std::function<void(std::string_view point)> at_point;
  // Long questions to a broker end soon after this is true. May be empty.
  std::function<bool()> stopping;
  // What readers with a changelog go by: how old their state is, and how long they have waited.
  Clock wall = system_clock();
  std::function<std::chrono::steady_clock::time_point()> steady = std::chrono::steady_clock::now;

  std::chrono::milliseconds request_timeout{10'000};   // one question to a broker
  std::chrono::milliseconds delivery_timeout{30'000};  // from append to the last delivery report
  std::chrono::milliseconds session_timeout{6'000};    // until a silent member loses its partitions
};

// What a topic needs to fit.
struct TopicPlan {
  struct Change {
    std::string name;
    std::string found;
    std::string wanted;
  };
  std::string name;  // in Kafka
  bool is_missing = false;
  std::int32_t partitions = 0;
  std::map<std::string, std::string> wanted;  // its configuration, if it is missing
  std::vector<Change> changes;
  std::string trouble;  // what only a person can mend, and how; empty: nothing
};
// Looks at the topics of an installation and changes nothing. Errors as KafkaLog::open.
Result<std::vector<TopicPlan>> plan_topics(const KafkaOptions& options);
// Makes what is missing and changes what does not fit, as the plan says.
Result<void> apply_topics(const KafkaOptions& options, const std::vector<TopicPlan>& plans);

// What a partition holds: records from `oldest` to before `end`, and what marks transactions.
struct TopicExtent {
  Topic topic = Topic::Mentions;
  Partition partition{};
  Offset oldest = 0;
  Offset end = 0;
};
// Of the partitions of topics that are there.
Result<std::vector<TopicExtent>> topic_extents(const KafkaOptions& options,
                                               std::span<const Topic> topics,
                                               std::int32_t partitions);

// How many readers are members of this group now.
Result<std::size_t> group_members(const KafkaOptions& options, std::string_view group);

// The log of an installation with Kafka. Any thread may call it; it outlives its readers. A reader
// with a changelog commits exactly once; what any other commits is processed at least once: outputs
// are durable before the offset moves on.
class KafkaLog {
 public:
  // Creates the topics that are missing, if `create_topics`, and checks those that exist. Invalid
  // when a topic does not fit: the message says which, what was found, what was expected and how to
  // mend it. Denied when credentials are refused; Unavailable when no broker answers within
  // `request_timeout`.
  static Result<std::unique_ptr<EventLog>> open(KafkaOptions options);
};

}  // namespace vigie
