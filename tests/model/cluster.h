#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <librdkafka/rdkafka.h>

#include "tests/model/group.h"
#include "tests/model/partition_log.h"
#include "tests/model/world.h"

namespace vigie::model {

using Place = std::pair<std::string, std::int32_t>;

// Where the cluster, or its client, does not do as Kafka does, and with it takes a guard from the
// code under test: something must then go wrong.
struct Lies {
  bool silent_breaks = false;  // connections break and nobody is told
  bool stable_ends = false;    // who asks for the end of a partition gets that of what is committed
  bool open_group = false;     // whoever has left a group may go on committing for it
  bool unstable_offsets = false;  // offsets are told although newer ones wait for their marker
  bool shared_name = false;       // a new owner of a transactional id leaves the older one alone
};

// How a cluster behaves when it is not at its best.
struct Weather {
  double slow_marker = 0;  // the chance that one marker takes up to seconds
  Micros slowest_marker = 0;
};

// Partitions, the coordinator of transactions and that of one group, as requests meet them.
class Cluster {
 public:
  Cluster(World& world, std::int32_t partitions, Micros session, Lies l)
      : lies(l), group(world, partitions, session), world_(world) {}

  const Lies lies;

  Group group;
  Weather weather;
  PartitionLog& log(const Place& place) { return logs_[place]; }

  // Ends what an earlier owner of the name left open, and fences it. CONCURRENT_TRANSACTIONS: come
  // again.
  rd_kafka_resp_err_t begin_producer(const std::string& name, Micros timeout, ProducerId* made);
  rd_kafka_resp_err_t add_partitions(const std::string& name, ProducerId by,
                                     const std::set<Place>& places);
  rd_kafka_resp_err_t add_offsets(const std::string& name, ProducerId by);
  // Both are refused outside of the transaction that they say they belong to.
  rd_kafka_resp_err_t produce(const std::string& name, ProducerId by, const Place& place,
                              std::int32_t sequence, const std::vector<Entry>& batch,
                              std::int64_t* offset);
  rd_kafka_resp_err_t commit_offsets(const std::string& name, ProducerId by,
                                     const MemberName& member,
                                     const std::map<std::int32_t, std::int64_t>& offsets);
  rd_kafka_resp_err_t heartbeat(const MemberName& member);
  rd_kafka_resp_err_t fetch_offsets(const std::vector<std::int32_t>& partitions,
                                    std::map<std::int32_t, std::int64_t>& offsets) const;
  rd_kafka_resp_err_t end(const std::string& name, ProducerId by, bool commit);

  // A coordinator moves, that of transactions or that of the group: nobody answers for a while.
  void move_coordinator(Micros away);
  void move_group(Micros away) { group_away_until_ = world_.now() + away; }
  // Ends what is open for too long, again and again.
  void watch_timeouts();
  // No transaction is open or ending.
  bool quiet() const;

 private:
  struct Transaction {
    enum class State : std::uint8_t { Empty, Ongoing, Ending };
    ProducerId producer;
    Micros timeout = 0;
    State state = State::Empty;
    bool commit = false;  // the last one, or the one that ends
    bool ended = false;   // there was a last one
    Micros begun = 0;
    std::set<Place> places;
    bool offsets = false;
    std::size_t markers = 0;  // on their way
  };
  rd_kafka_resp_err_t check(const std::string& name, ProducerId by) const;
  rd_kafka_resp_err_t begin_if_new(Transaction& transaction);
  void finish(const std::string& name, bool commit);
  void delivered(const std::string& name);
  Micros marker_delay();

  World& world_;
  std::map<Place, PartitionLog> logs_;
  std::map<std::string, Transaction> transactions_;
  std::int64_t producers_ = 0;
  Micros away_until_ = 0;
  Micros group_away_until_ = 0;
};

}  // namespace vigie::model
