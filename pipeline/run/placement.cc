#include "pipeline/run/placement.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <spdlog/spdlog.h>

#include "pipeline/core/log_limit.h"
#include "pipeline/run/membership.h"

namespace vigie {
namespace {

using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// Longer than a group takes to deal anew, and than a silent member keeps what it was dealt.
constexpr std::chrono::seconds kAnswerHolds{10};
constexpr std::chrono::seconds kAskAgain{2};

}  // namespace

struct Placement::Impl {
  EventLog& log;
  Store& store;
  std::string thing;
  Partition partition{};
  std::unique_ptr<Membership> group;
  bool mine = false;
  SteadyClock::time_point answered{};
  SteadyClock::time_point ask_at{};
  std::optional<Error> denied;
  LogLimit limit;

  Result<void> ask(milliseconds wait);
};

Result<void> Placement::Impl::ask(milliseconds wait) {
  if (!group) {
    auto joined = Membership::open(log, store, Topic::Cursors, "one." + thing);
    if (!joined) return std::unexpected(std::move(joined.error()));
    group = std::move(*joined);
  }
  if (auto followed = group->follow(wait); !followed) return followed;
  const std::vector<Partition> dealt = group->partitions();
  if (dealt.empty()) return {};
  mine = std::ranges::find(dealt, partition) != dealt.end();
  answered = SteadyClock::now();
  return {};
}

Placement::Placement(EventLog& log, Store& store, std::string thing)
    : impl_(new Impl{.log = log, .store = store, .thing = std::move(thing)}) {
  impl_->partition = partition_for(log, Topic::Cursors, impl_->thing);
}
Placement::~Placement() = default;

Result<void> Placement::step(milliseconds wait) {
  Impl& self = *impl_;
  if (self.denied) return std::unexpected(*self.denied);
  if (SteadyClock::now() < self.ask_at) return {};
  auto asked = self.ask(wait);
  if (asked) return {};
  self.group.reset();
  if (asked.error().code == Code::Denied) {
    self.mine = false;
    self.denied = asked.error();
    return asked;
  }
  const std::string& why = asked.error().message;
  if (const auto times = self.limit.times(why, SteadyClock::now())) {
    spdlog::warn("placement of={} error=\"{}\" times={} action=retry", self.thing, why, times);
  }
  self.ask_at = SteadyClock::now() + kAskAgain;
  return {};
}

bool Placement::is_mine() const {
  return impl_->mine && SteadyClock::now() - impl_->answered < kAnswerHolds;
}

}  // namespace vigie
