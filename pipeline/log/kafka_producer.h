#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "pipeline/core/error.h"
#include "pipeline/log/kafka_handle.h"

namespace vigie {

// Writes records with one idempotent producer. Any thread may call it; callers share the producer's
// batches and each waits for its own delivery reports. A producer that fails for good (its sequence
// numbers are in doubt) is replaced, and the next call goes through the new one.
class KafkaProducer {
 public:
  static Result<std::unique_ptr<KafkaProducer>> open(const KafkaOptions& options);
  ~KafkaProducer();

  // Returns once every record is acknowledged by all in-sync replicas, or one is refused. Records
  // of Topic::Cursors are sent only after all others are acknowledged. `last` is told the offset of
  // the one that was acknowledged last.
  Result<void> send(std::span<const Record> records, Offset* last = nullptr);

  // Waits for a broker that takes our connections, no longer than `request_timeout`, and less where
  // one refuses them. The error says why, as explain() does.
  Result<void> reach();

  // Unavailable when the last delivery failed not long ago.
  Result<void> healthy() const;

  // The error with why no broker takes our connections, which librdkafka tells separately; Denied
  // when it is our credentials.
  Error explain(Error error) const;

  // For questions about the cluster. Kept alive by the pointer.
  std::shared_ptr<rd_kafka_t> handle();

 private:
  struct Instance;
  explicit KafkaProducer(KafkaOptions options);
  // Shared by the calls that are under way: the last of them frees a producer that was replaced.
  Result<std::shared_ptr<Instance>> instance();
  Result<void> send_all(std::span<const Record* const> records, Offset* last);

  const KafkaOptions options_;
  std::vector<std::string> topics_;  // by Topic
  mutable std::mutex mutex_;         // guards what follows
  std::shared_ptr<Instance> instance_;
  std::chrono::steady_clock::time_point failed_at_{};
  std::string failure_;  // empty: the last delivery went well
};

}  // namespace vigie
