#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/core/error.h"
#include "pipeline/log/kafka_handle.h"

namespace vigie {

// One transactional producer, for as long as every transaction of it ends cleanly. One thread.
//
// EndTxn may arrive late and end a later transaction of the same producer, so an outcome that is in
// doubt is never guessed: after a failure, or a commit that was not quick, this is closed and a new
// one under the same name fences what is still under way. Whoever opens it then reads from the log
// what became true.
class KafkaTransactor {
 public:
  // Ends an open transaction of an earlier owner of the name, and keeps that owner from writing
  // anything more. Unavailable when no broker answers in time.
  static Result<std::unique_ptr<KafkaTransactor>> open(const KafkaOptions& options,
                                                       const std::string& transactional_id);
  ~KafkaTransactor();

  using Place = std::pair<Topic, Partition>;
  struct Outcome {
    std::map<Place, Offset> next;  // after the last record written to each
    std::chrono::milliseconds took{0};
    bool clean = true;  // false: close this before the next transaction
  };
  // Writes the records and the offsets of the group in one transaction. A failure means that it is
  // not known whether they became true.
  Result<Outcome> commit(std::span<const Record> records,
                         const rd_kafka_topic_partition_list_t* offsets, rd_kafka_t* consumer);

  // Whether a failure was that of a name which another has taken over, or of a transaction that the
  // broker ended.
  bool fenced() const;

 private:
  struct Impl;
  explicit KafkaTransactor(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace vigie
