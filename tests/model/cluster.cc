#include "tests/model/cluster.h"

#include <algorithm>

#include <fmt/format.h>

namespace vigie::model {
namespace {

constexpr Micros kTimeoutScan = 10 * kSecond;

}  // namespace

rd_kafka_resp_err_t Cluster::begin_producer(const std::string& name, Micros timeout,
                                            ProducerId* made) {
  if (world_.now() < away_until_) return RD_KAFKA_RESP_ERR_NOT_COORDINATOR;
  Transaction& transaction = transactions_[name];
  if (transaction.state == Transaction::State::Ongoing && !lies.shared_name) {
    ++transaction.producer.epoch;
    finish(name, false);
  }
  if (transaction.state == Transaction::State::Ending) {
    return RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS;
  }
  if (transaction.producer.id < 0) {
    transaction.producer.id = ++producers_;
    transaction.producer.epoch = 0;
  } else if (!lies.shared_name) {
    ++transaction.producer.epoch;
  }
  transaction.timeout = timeout;
  transaction.ended = false;
  *made = transaction.producer;
  world_.trace(
      [&] { return fmt::format("{} is producer {} epoch {}", name, made->id, made->epoch); });
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t Cluster::check(const std::string& name, ProducerId by) const {
  if (world_.now() < away_until_) return RD_KAFKA_RESP_ERR_NOT_COORDINATOR;
  const auto known = transactions_.find(name);
  if (known == transactions_.end() || known->second.producer.id != by.id) {
    return RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING;
  }
  if (known->second.producer.epoch != by.epoch) return RD_KAFKA_RESP_ERR_PRODUCER_FENCED;
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t Cluster::begin_if_new(Transaction& transaction) {
  if (transaction.state == Transaction::State::Ending) {
    return RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS;
  }
  if (transaction.state == Transaction::State::Empty) {
    transaction.state = Transaction::State::Ongoing;
    transaction.begun = world_.now();
    transaction.places.clear();
    transaction.offsets = false;
  }
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t Cluster::add_partitions(const std::string& name, ProducerId by,
                                            const std::set<Place>& places) {
  if (const auto error = check(name, by)) return error;
  Transaction& transaction = transactions_.at(name);
  if (const auto error = begin_if_new(transaction)) return error;
  transaction.places.insert(places.begin(), places.end());
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t Cluster::add_offsets(const std::string& name, ProducerId by) {
  if (const auto error = check(name, by)) return error;
  Transaction& transaction = transactions_.at(name);
  if (const auto error = begin_if_new(transaction)) return error;
  transaction.offsets = true;
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t Cluster::produce(const std::string& name, ProducerId by, const Place& place,
                                     std::int32_t sequence, const std::vector<Entry>& batch,
                                     std::int64_t* offset) {
  PartitionLog& log = logs_[place];
  const Transaction& transaction = transactions_.at(name);
  const bool here = transaction.state == Transaction::State::Ongoing &&
                    transaction.producer == by && transaction.places.contains(place);
  if (!here && !log.is_open(by)) return RD_KAFKA_RESP_ERR_INVALID_TXN_STATE;
  return log.append_open(by, sequence, batch, world_.now(), offset);
}

rd_kafka_resp_err_t Cluster::commit_offsets(const std::string& name, ProducerId by,
                                            const MemberName& member,
                                            const std::map<std::int32_t, std::int64_t>& offsets) {
  if (world_.now() < group_away_until_) return RD_KAFKA_RESP_ERR_NOT_COORDINATOR;
  const Transaction& transaction = transactions_.at(name);
  const bool here = transaction.state == Transaction::State::Ongoing &&
                    transaction.producer == by && transaction.offsets;
  if (!here) return RD_KAFKA_RESP_ERR_INVALID_TXN_STATE;
  return group.commit_open(by, lies.open_group ? MemberName() : member, offsets);
}

rd_kafka_resp_err_t Cluster::end(const std::string& name, ProducerId by, bool commit) {
  if (const auto error = check(name, by)) return error;
  Transaction& transaction = transactions_.at(name);
  switch (transaction.state) {
    case Transaction::State::Ongoing:
      // Nothing tells to which transaction of the producer the request belongs.
      finish(name, commit);
      return RD_KAFKA_RESP_ERR_NO_ERROR;
    case Transaction::State::Ending:
      return transaction.commit == commit ? RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS
                                          : RD_KAFKA_RESP_ERR_INVALID_TXN_STATE;
    case Transaction::State::Empty:
      // The same again, whose answer was lost.
      if (transaction.ended && transaction.commit == commit) return RD_KAFKA_RESP_ERR_NO_ERROR;
      return RD_KAFKA_RESP_ERR_INVALID_TXN_STATE;
  }
  return RD_KAFKA_RESP_ERR_UNKNOWN;
}

Micros Cluster::marker_delay() {
  if (world_.dice.chance(weather.slow_marker)) {
    return world_.dice.wide(kMilli, std::max(2 * kMilli, weather.slowest_marker));
  }
  return world_.dice.between(100, 3 * kMilli);
}

// Decided now; each partition learns of it when its marker comes.
void Cluster::finish(const std::string& name, bool commit) {
  Transaction& transaction = transactions_.at(name);
  transaction.state = Transaction::State::Ending;
  transaction.commit = commit;
  transaction.ended = true;
  transaction.markers = transaction.places.size() + (transaction.offsets ? 1 : 0);
  const ProducerId by = transaction.producer;
  world_.trace([&] {
    return fmt::format("producer {} epoch {} {}s {} partitions{}", by.id, by.epoch,
                       commit ? "commit" : "abort", transaction.places.size(),
                       transaction.offsets ? " and offsets" : "");
  });
  for (const Place& place : transaction.places) {
    world_.after(marker_delay(), [this, name, place, by, commit] {
      logs_[place].mark(by, commit, world_.now());
      delivered(name);
    });
  }
  if (transaction.offsets) {
    world_.after(marker_delay(), [this, name, by, commit] {
      group.mark(by, commit);
      delivered(name);
    });
  }
  if (transaction.markers == 0) transaction.state = Transaction::State::Empty;
}

void Cluster::delivered(const std::string& name) {
  Transaction& transaction = transactions_.at(name);
  if (--transaction.markers == 0) transaction.state = Transaction::State::Empty;
  world_.stir();
}

void Cluster::move_coordinator(Micros away) {
  world_.trace([&] { return fmt::format("no coordinator for {} ms", away / kMilli); });
  away_until_ = world_.now() + away;
}

void Cluster::watch_timeouts() {
  world_.after(kTimeoutScan, [this] {
    for (auto& [name, transaction] : transactions_) {
      const bool late = world_.now() - transaction.begun > transaction.timeout;
      if (transaction.state != Transaction::State::Ongoing || !late) continue;
      world_.trace([&] { return fmt::format("the transaction of {} took too long", name); });
      ++transaction.producer.epoch;
      finish(name, false);
    }
    watch_timeouts();
  });
}

rd_kafka_resp_err_t Cluster::heartbeat(const MemberName& member) {
  if (world_.now() < group_away_until_) return RD_KAFKA_RESP_ERR_NOT_COORDINATOR;
  return group.heartbeat(member);
}

rd_kafka_resp_err_t Cluster::fetch_offsets(const std::vector<std::int32_t>& partitions,
                                           std::map<std::int32_t, std::int64_t>& offsets) const {
  if (world_.now() < group_away_until_) return RD_KAFKA_RESP_ERR_NOT_COORDINATOR;
  const auto error = group.fetch(partitions, offsets);
  if (error != RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT || !lies.unstable_offsets) return error;
  for (const std::int32_t partition : partitions) {
    const auto known = group.committed().find(partition);
    if (known != group.committed().end()) offsets[partition] = known->second;
  }
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

bool Cluster::quiet() const {
  return std::ranges::all_of(
      transactions_, [](const auto& one) { return one.second.state == Transaction::State::Empty; });
}

}  // namespace vigie::model
