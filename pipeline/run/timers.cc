#include "pipeline/run/timers.h"

#include <algorithm>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <prometheus/counter.h>
#include <prometheus/registry.h>

#include "pipeline/run/membership.h"

namespace vigie {
namespace {

// Also the most that is written and not folded yet.
constexpr std::size_t kBatch = 500;

std::string id_of(const ConversationRecord& record) {
  if (record.type == ConversationRecord::Type::Timer) {
    return timer_id(record.conversation, record.timer, record.due);
  }
  return fmt::format("{} {}", record.after, record.conversation);
}

}  // namespace

struct Timers::Impl {
  EventLog& log;
  const View& view;
  prometheus::Family<prometheus::Counter>& fired;
  std::unique_ptr<Membership> group;  // null: everything is ours
  std::set<std::string> written;      // and still due, since the fold has not come to it

  bool is_mine(std::string_view id) const {
    if (!group) return true;
    const std::vector<Partition> partitions = group->partitions();
    const Partition partition = partition_for(log, Topic::Conversations, id);
    return std::ranges::find(partitions, partition) != partitions.end();
  }
};

Timers::Timers(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Timers::~Timers() = default;

Result<std::unique_ptr<Timers>> Timers::open(EventLog& log, Store& store, const View& view,
                                             prometheus::Registry& registry, Options options) {
  auto& fired = prometheus::BuildCounter()
                    .Name("vigie_item_timers_total")
                    .Help("Timers of queue items that fired, and snapshots that were written")
                    .Register(registry);
  auto impl = std::make_unique<Impl>(Impl{log, view, fired, nullptr, {}});
  if (options.shared) {
    auto joined = Membership::open(log, store, Topic::Conversations, "timers");
    if (!joined) return std::unexpected(std::move(joined.error()));
    impl->group = std::move(*joined);
  }
  return std::unique_ptr<Timers>(new Timers(std::move(impl)));
}

Result<std::size_t> Timers::step(std::chrono::milliseconds wait) {
  Impl& self = *impl_;
  if (self.group) {
    auto followed = self.group->follow(wait);
    if (!followed) return std::unexpected(std::move(followed.error()));
  } else {
    std::this_thread::sleep_for(wait);
  }
  const std::vector<ConversationRecord> due = self.view.queues().due(
      self.view.as_of(), kBatch, [&](std::string_view id) { return self.is_mine(id); });
  std::set<std::string> still_due;
  std::vector<Record> records;
  for (const ConversationRecord& each : due) {
    std::string id = id_of(each);
    const bool known = self.written.contains(id) || still_due.contains(id);
    still_due.insert(std::move(id));
    if (known) continue;
    Record record;
    record.topic = Topic::Conversations;
    record.key = each.conversation;
    record.partition = partition_for(self.log, record.topic, record.key);
    append_json(record.value.emplace(), each);
    records.push_back(std::move(record));
    const bool timer = each.type == ConversationRecord::Type::Timer;
    self.fired.Add({{"timer", std::string(timer ? name(each.timer) : name(each.type))}})
        .Increment();
  }
  const std::size_t count = records.size();
  if (count > 0) {
    auto written = self.log.append(std::move(records));
    if (!written) return std::unexpected(std::move(written.error()));
  }
  self.written = std::move(still_due);
  return count;
}

}  // namespace vigie
