#include "tests/model/group.h"

#include <algorithm>

#include <fmt/format.h>

namespace vigie::model {
namespace {

// A member that does not come to a rebalance is left behind.
constexpr Micros kRebalanceTimeout = 120 * kSecond;

}  // namespace

void Group::join(const std::string& member, const std::optional<std::string>& instance,
                 Answer answer) {
  std::string name = member;
  if (instance) {
    const auto known = instances_.find(*instance);
    if (!member.empty() && known != instances_.end() && known->second != member) {
      answer({.error = RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID});
      return;
    }
    if (member.empty() && known != instances_.end()) {
      // The newer process takes the name over, and with it the place.
      Member old = std::move(members_.at(known->second));
      if (old.joining) old.joining({.error = RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID});
      old.joining = nullptr;
      members_.erase(known->second);
      name = fmt::format("m{}", ++names_);
      known->second = name;
      members_[name] = std::move(old);
      if (state_ == State::Stable) {
        answer(
            {.member = name, .generation = generation_, .partitions = members_[name].partitions});
        expect_beat(name);
        return;
      }
    }
  }
  if (name.empty()) {
    name = fmt::format("m{}", ++names_);
    if (instance) instances_[*instance] = name;
    members_[name].instance = instance;
  } else if (!members_.contains(name)) {
    answer({.error = RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID});
    return;
  }
  members_[name].joining = std::move(answer);
  expect_beat(name);
  if (state_ != State::Rebalancing) rebalance();
  complete_if_all_are_here();
}

void Group::rebalance() {
  gathering_ = state_ == State::Empty;
  state_ = State::Rebalancing;
  const std::uint64_t number = ++rebalances_;
  world_.trace([] { return std::string("the group rebalances"); });
  if (gathering_) {
    world_.after(world_.dice.between(0, 500) * kMilli, [this, number] {
      if (number != rebalances_) return;
      gathering_ = false;
      complete_if_all_are_here();
    });
  }
  world_.after(kRebalanceTimeout, [this, number] {
    if (number != rebalances_ || state_ != State::Rebalancing) return;
    std::vector<std::string> absent;
    for (const auto& [name, member] : members_) {
      if (!member.joining) absent.push_back(name);
    }
    for (const std::string& name : absent) remove(name);
  });
}

void Group::complete_if_all_are_here() {
  if (state_ != State::Rebalancing || gathering_) return;
  if (members_.empty()) {
    state_ = State::Empty;
    ++generation_;
    return;
  }
  if (!std::ranges::all_of(members_, [](const auto& one) { return one.second.joining != nullptr; }))
    return;
  ++generation_;
  state_ = State::Stable;
  const auto count = static_cast<std::int32_t>(members_.size());
  std::int32_t next = 0;
  std::int32_t index = 0;
  for (auto& [name, member] : members_) {
    member.partitions.clear();
    const std::int32_t share = partitions_ / count + (index++ < partitions_ % count ? 1 : 0);
    for (std::int32_t i = 0; i < share; ++i) member.partitions.push_back(next++);
    Answer answer = std::move(member.joining);
    member.joining = nullptr;
    expect_beat(name);
    answer({.member = name, .generation = generation_, .partitions = member.partitions});
  }
  world_.trace([&] { return fmt::format("generation {} has {} members", generation_, count); });
}

// The member is gone when it is silent from now on for the length of a session.
void Group::expect_beat(const std::string& name) {
  const std::uint64_t beats = ++members_.at(name).beats;
  world_.after(session_, [this, name, beats] {
    const auto member = members_.find(name);
    if (member == members_.end() || member->second.beats != beats) return;
    if (member->second.joining) return;  // who waits is not silent
    world_.trace([&] { return fmt::format("the session of {} is over", name); });
    remove(name);
  });
}

void Group::remove(const std::string& name) {
  const auto member = members_.find(name);
  if (member == members_.end()) return;
  if (member->second.instance) instances_.erase(*member->second.instance);
  members_.erase(member);
  if (state_ != State::Rebalancing) rebalance();
  gathering_ = false;
  complete_if_all_are_here();
}

void Group::leave(const std::string& member) {
  remove(member);
}

rd_kafka_resp_err_t Group::check(const MemberName& name) const {
  if (name.instance) {
    const auto known = instances_.find(*name.instance);
    if (known == instances_.end()) return RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID;
    if (known->second != name.member) return RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID;
  }
  if (!members_.contains(name.member)) return RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID;
  if (name.generation != generation_) return RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION;
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t Group::heartbeat(const MemberName& name) {
  if (const auto error = check(name)) return error;
  expect_beat(name.member);
  return state_ == State::Stable ? RD_KAFKA_RESP_ERR_NO_ERROR
                                 : RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS;
}

rd_kafka_resp_err_t Group::commit_open(ProducerId by, const MemberName& name,
                                       const std::map<std::int32_t, std::int64_t>& offsets) {
  std::int16_t& epoch = epochs_.try_emplace(by.id, by.epoch).first->second;
  if (by.epoch < epoch) return RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
  epoch = by.epoch;
  // A transaction that says nothing of a member is let through, as older clients say nothing.
  const bool anonymous = name.generation < 0 && name.member.empty() && !name.instance;
  const bool nobody = name.generation < 0 && state_ == State::Empty;
  if (!anonymous && !nobody) {
    if (const auto error = check(name)) return error;
  }
  for (const auto& [partition, offset] : offsets) pending_[by.id][partition] = offset;
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

void Group::mark(ProducerId by, bool commit) {
  std::int16_t& epoch = epochs_.try_emplace(by.id, by.epoch).first->second;
  if (by.epoch < epoch) return;
  epoch = by.epoch;
  const auto waiting = pending_.find(by.id);
  if (waiting == pending_.end()) return;
  if (commit) {
    for (const auto& [partition, offset] : waiting->second) committed_[partition] = offset;
  }
  pending_.erase(waiting);
}

rd_kafka_resp_err_t Group::fetch(const std::vector<std::int32_t>& partitions,
                                 std::map<std::int32_t, std::int64_t>& offsets) const {
  for (const auto& [producer, waiting] : pending_) {
    for (const std::int32_t partition : partitions) {
      if (waiting.contains(partition)) return RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT;
    }
  }
  for (const std::int32_t partition : partitions) {
    const auto known = committed_.find(partition);
    if (known != committed_.end()) offsets[partition] = known->second;
  }
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

}  // namespace vigie::model
