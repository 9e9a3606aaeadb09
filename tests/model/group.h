#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <librdkafka/rdkafka.h>

#include "tests/model/partition_log.h"
#include "tests/model/world.h"

namespace vigie::model {

// What a member says of itself with offsets that it commits.
struct MemberName {
  std::int32_t generation = -1;
  std::string member;
  std::optional<std::string> instance;
};

// A consumer group over the partitions of one topic: eager rebalance, static members, and offsets,
// some of which wait for the end of their transaction.
class Group {
 public:
  struct Joined {
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
    std::string member;
    std::int32_t generation = -1;
    std::vector<std::int32_t> partitions;
  };
  using Answer = std::function<void(Joined)>;

  Group(World& world, std::int32_t partitions, Micros session)
      : world_(world), partitions_(partitions), session_(session) {}

  // Answers once all have come, joined and synced in one.
  void join(const std::string& member, const std::optional<std::string>& instance, Answer answer);
  rd_kafka_resp_err_t heartbeat(const MemberName& name);
  void leave(const std::string& member);

  rd_kafka_resp_err_t commit_open(ProducerId by, const MemberName& name,
                                  const std::map<std::int32_t, std::int64_t>& offsets);
  void mark(ProducerId by, bool commit);
  // UNSTABLE_OFFSET_COMMIT while one of these waits.
  rd_kafka_resp_err_t fetch(const std::vector<std::int32_t>& partitions,
                            std::map<std::int32_t, std::int64_t>& offsets) const;

  const std::map<std::int32_t, std::int64_t>& committed() const { return committed_; }
  bool pending() const { return !pending_.empty(); }

 private:
  struct Member {
    std::optional<std::string> instance;
    std::vector<std::int32_t> partitions;
    Answer joining;  // waits for the others
    std::uint64_t beats = 0;
  };
  enum class State : std::uint8_t { Empty, Rebalancing, Stable };

  rd_kafka_resp_err_t check(const MemberName& name) const;
  void expect_beat(const std::string& name);
  void remove(const std::string& name);
  void rebalance();
  void complete_if_all_are_here();

  World& world_;
  const std::int32_t partitions_;
  const Micros session_;
  State state_ = State::Empty;
  std::int32_t generation_ = 0;
  std::uint64_t rebalances_ = 0;
  std::uint64_t names_ = 0;
  bool gathering_ = false;  // the first members are waited for
  std::map<std::string, Member> members_;
  std::map<std::string, std::string> instances_;  // to the member that has the name now
  std::map<std::int32_t, std::int64_t> committed_;
  std::map<std::int64_t, std::map<std::int32_t, std::int64_t>> pending_;  // by producer
  std::map<std::int64_t, std::int16_t> epochs_;
};

}  // namespace vigie::model
