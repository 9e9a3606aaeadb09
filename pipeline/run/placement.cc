#include "pipeline/run/placement.h"

#include <algorithm>
#include <map>

#include <spdlog/spdlog.h>

namespace vigie {
namespace {

using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t kBatch = 500;
// Longer than a group takes to deal anew, and than a silent member keeps what it was dealt.
constexpr std::chrono::seconds kAnswerHolds{10};
constexpr std::chrono::seconds kAskAgain{2};

}  // namespace

struct Placement::Impl {
  EventLog& log;
  Store& store;
  std::string thing;
  Partition partition{};
  std::unique_ptr<LogReader> group;
  bool mine = false;
  SteadyClock::time_point answered{};
  SteadyClock::time_point ask_at{};

  Result<void> ask(milliseconds wait);
};

Result<void> Placement::Impl::ask(milliseconds wait) {
  if (!group) {
    ReadOptions read;
    read.group = "one." + thing;
    read.shared = true;
    read.from_oldest = false;
    auto reader = log.read(Topic::Cursors, read, store);
    if (!reader) return std::unexpected(std::move(reader.error()));
    group = std::move(*reader);
  }
  // The records are read by whoever is dealt the thing.
  auto polled = group->poll(kBatch, wait);
  if (!polled) return std::unexpected(std::move(polled.error()));
  const std::vector<Partition> dealt = group->partitions();
  if (!dealt.empty()) {
    mine = std::ranges::find(dealt, partition) != dealt.end();
    answered = SteadyClock::now();
  }
  if (polled->empty()) return {};
  std::map<Partition, Offset> next;
  for (const LogRecord& record : *polled) next[record.partition] = record.offset + 1;
  Effects effects;
  effects.next.assign(next.begin(), next.end());
  return group->commit(std::move(effects));
}

Placement::Placement(EventLog& log, Store& store, std::string thing)
    : impl_(new Impl{log, store, std::move(thing), {}, nullptr, false, {}, {}}) {
  impl_->partition = partition_for(log, Topic::Cursors, impl_->thing);
}
Placement::~Placement() = default;

void Placement::step(milliseconds wait) {
  Impl& self = *impl_;
  if (SteadyClock::now() < self.ask_at) return;
  if (auto asked = self.ask(wait); !asked) {
    spdlog::warn("placement of={} error=\"{}\" action=retry", self.thing, asked.error().message);
    self.group.reset();
    self.ask_at = SteadyClock::now() + kAskAgain;
  }
}

bool Placement::is_mine() const {
  return impl_->mine && SteadyClock::now() - impl_->answered < kAnswerHolds;
}

}  // namespace vigie
