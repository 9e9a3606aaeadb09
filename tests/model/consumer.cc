#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "tests/model/client.h"

namespace vigie::model {
namespace {

constexpr Micros kNever = std::numeric_limits<Micros>::max();
constexpr Micros kRejoin = kSecond;

}  // namespace

Consumer::Consumer(const rd_kafka_conf_s& c)
    : Client(c), committed_only_(setting("isolation.level") == "read_committed") {
  const std::string instance = setting("group.instance.id");
  if (!instance.empty()) member_.instance = instance;
}

void Consumer::subscribe(const std::string& topic) {
  topic_ = topic;
  heard_ = world.now();
  polled_ = world.now();
  join();
  beat();
}

void Consumer::join() {
  if (closing || fatal_ != RD_KAFKA_RESP_ERR_NO_ERROR) return;
  stage_ = Stage::Joining;
  world.after(world.dice.between(100, 2 * kMilli),
              [this, weak = weak_from_this(), member = member_, &g = cluster.group] {
                g.join(member.member, member.instance, [this, weak](const Group::Joined& answer) {
                  if (weak.expired()) return;
                  world.after(world.dice.between(100, 2 * kMilli), process, [this, weak, answer] {
                    if (!weak.expired()) joined(answer);
                  });
                });
              });
}

void Consumer::joined(const Group::Joined& answer) {
  if (stage_ != Stage::Joining || closing) return;
  heard_ = world.now();
  if (answer.error == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID) {
    die(answer.error);
    return;
  }
  if (answer.error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    member_.member.clear();
    later(kRejoin, [this] { join(); });
    return;
  }
  member_.member = answer.member;
  member_.generation = answer.generation;
  stage_ = Stage::Dealt;
  rebalances_.emplace_back(true, answer.partitions);
  world.trace([&] {
    return fmt::format("{}: member {} generation {} gets {} partitions", process->name(),
                       answer.member, answer.generation, answer.partitions.size());
  });
  world.stir(process);
}

// Beside the application, as long as the process runs.
void Consumer::beat() {
  later(setting_ms("heartbeat.interval.ms"), [this] {
    if (closing || fatal_ != RD_KAFKA_RESP_ERR_NO_ERROR) return;
    beat();
    if (stage_ == Stage::Out || stage_ == Stage::Joining || was_slow_) return;
    if (world.now() - heard_ > setting_ms("session.timeout.ms")) {
      lose(true);
      return;
    }
    if (world.now() - polled_ > setting_ms("max.poll.interval.ms")) {
      was_slow_ = true;
      world.trace([&] { return fmt::format("{}: not polled for too long", process->name()); });
      if (!member_.instance) leave();
      lose(true);
      return;
    }
    send(
        "Heartbeat", [&c = cluster, member = member_] { return c.heartbeat(member); },
        [this, member = member_](rd_kafka_resp_err_t error) {
          if (closing || stage_ == Stage::Out || stage_ == Stage::Joining) return;
          if (member.member != member_.member || member.generation != member_.generation) return;
          switch (error) {
            case RD_KAFKA_RESP_ERR_NO_ERROR:
              heard_ = world.now();
              return;
            case RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS:
              heard_ = world.now();
              if (stage_ == Stage::Steady) lose(false);
              return;
            case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:
              lose(true);
              return;
            case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
              member_.generation = -1;
              lose(false);
              return;
            case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
              die(error);
              return;
            default:
              return;  // the next one may come through
          }
        });
  });
}

// The partitions go, as soon as the application looks; then it joins anew.
void Consumer::lose(bool forget_member) {
  heard_ = world.now();
  if (forget_member) member_.member.clear();
  if (stage_ == Stage::Revoking) return;
  stage_ = Stage::Revoking;
  rebalances_.emplace_back(false, std::vector<std::int32_t>());
  world.stir(process);
}

void Consumer::die(rd_kafka_resp_err_t error) {
  world.trace([&] {
    return fmt::format("{}: the consumer dies of {}", process->name(), rd_kafka_err2name(error));
  });
  fatal_ = error;
  if (stage_ != Stage::Joining) lose(false);
  world.stir(process);
}

bool Consumer::serve_rebalance() {
  if (rebalances_.empty()) return false;
  const auto [assigned, partitions] = rebalances_.front();
  rebalances_.pop_front();
  rd_kafka_topic_partition_list_t* list =
      rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size()));
  for (const std::int32_t partition : partitions) {
    rd_kafka_topic_partition_list_add(list, topic_.c_str(), partition);
  }
  const auto event =
      assigned ? RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS : RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS;
  conf.rebalanced(handle, event, list, conf.opaque);
  rd_kafka_topic_partition_list_destroy(list);
  if (assigned) {
    if (stage_ == Stage::Dealt) stage_ = Stage::Steady;
    return true;
  }
  stage_ = Stage::Out;
  join();
  return true;
}

rd_kafka_message_t* Consumer::poll(int timeout_ms) {
  const Micros deadline = world.now() + timeout_ms * kMilli;
  while (true) {
    polled_ = world.now();
    was_slow_ = false;
    if (serve_rebalance()) return nullptr;
    if (fatal_ != RD_KAFKA_RESP_ERR_NO_ERROR && !fatal_told_) {
      fatal_told_ = true;
      return make_message({"", -1}, RD_KAFKA_RESP_ERR__FATAL, -1);
    }
    if (rd_kafka_message_t* message = fetch()) return message;
    if (world.now() >= deadline) return nullptr;
    world.wait_until(deadline);
  }
}

std::int64_t Consumer::visible_end(const Place& place) const {
  const PartitionLog& log = cluster.log(place);
  return committed_only_ || cluster.lies.stable_ends ? log.stable_end() : log.end();
}

void Consumer::assign(const rd_kafka_topic_partition_list_t* list) {
  const std::map<Place, Fetch> before = std::exchange(fetches_, {});
  if (list == nullptr) return;
  for (int i = 0; i < list->cnt; ++i) {
    const rd_kafka_topic_partition_t& one = list->elems[i];
    const Place place{one.topic, one.partition};
    std::int64_t next = one.offset;
    if (next == RD_KAFKA_OFFSET_BEGINNING) next = 0;
    if (next == RD_KAFKA_OFFSET_END) next = visible_end(place);
    fetches_[place].next = next;
    // What librdkafka 2.0.2 does at times, it always does here.
    if (before.contains(place) || world.dice.chance(room().faults.deaf))
      fetches_[place].silent_until = kNever;
  }
}

void Consumer::seek(const rd_kafka_topic_partition_list_t* list) {
  for (int i = 0; i < list->cnt; ++i) {
    const auto at = fetches_.find({list->elems[i].topic, list->elems[i].partition});
    if (at != fetches_.end()) at->second = {.next = list->elems[i].offset};
  }
}

// What one of the partitions has next, in no order that could be relied on.
rd_kafka_message_t* Consumer::fetch() {
  std::vector<std::pair<const Place, Fetch>*> ready;
  Dice& dice = world.dice;
  for (auto& at : fetches_) {
    auto& [place, fetch] = at;
    if (fetch.silent_until > world.now()) continue;
    if (dice.chance(room().faults.silent)) {
      fetch.silent_until = world.now() + dice.wide(10 * kMilli, 4 * kSecond);
      later(fetch.silent_until - world.now(), [this] { world.stir(process); });
      continue;
    }
    // What was fetched before may lie before the place that is asked for.
    if (fetch.next >= fetch.seen_end || dice.chance(0.5)) fetch.seen_end = visible_end(place);
    const PartitionLog& log = cluster.log(place);
    while (fetch.next < fetch.seen_end) {
      const Entry& entry = log.at(fetch.next);
      const bool hidden = entry.compacted || entry.state == Entry::State::Marker ||
                          (committed_only_ && entry.state == Entry::State::Aborted);
      if (!hidden) break;
      ++fetch.next;
    }
    if (fetch.next < fetch.seen_end || fetch.eof_at != fetch.next) ready.push_back(&at);
  }
  if (ready.empty()) return nullptr;
  if (dice.chance(room().faults.grumble)) {
    return make_message({"", -1}, RD_KAFKA_RESP_ERR__TRANSPORT, -1);
  }
  const auto pick = dice.between(0, static_cast<std::int64_t>(ready.size()) - 1);
  auto& [place, fetch] = *ready[static_cast<std::size_t>(pick)];
  return message_of(place, fetch);
}

rd_kafka_message_t* Consumer::message_of(const Place& place, Fetch& at) const {
  if (at.next >= at.seen_end) {
    at.eof_at = at.next;
    return make_message(place, RD_KAFKA_RESP_ERR__PARTITION_EOF, at.next);
  }
  rd_kafka_message_t* message = make_message(place, RD_KAFKA_RESP_ERR_NO_ERROR, at.next);
  fill_message(message, cluster.log(place).at(at.next));
  ++at.next;
  return message;
}

// As static members do, those with an instance id leave nothing behind but silence.
void Consumer::close() {
  if (closing) return;
  closing = true;
  if (topic_.empty()) return;
  if (stage_ == Stage::Steady || stage_ == Stage::Dealt) {
    rd_kafka_topic_partition_list_t* none = rd_kafka_topic_partition_list_new(0);
    conf.rebalanced(handle, RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS, none, conf.opaque);
    rd_kafka_topic_partition_list_destroy(none);
  }
  stage_ = Stage::Out;
  if (!member_.instance) leave();
}

void Consumer::leave() {
  if (member_.member.empty()) return;
  world.after(world.dice.between(100, 2 * kMilli),
              [&g = cluster.group, name = member_.member] { g.leave(name); });
}

}  // namespace vigie::model
