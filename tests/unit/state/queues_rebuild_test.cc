// Whoever folds the same partitions has the same bytes, however the records came in.
#include <algorithm>
#include <array>
#include <map>
#include <random>
#include <set>

#include <fmt/format.h>

#include "state/item_json.h"
#include "tests/unit/state/queues_fixture.h"

namespace vigie {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using Type = ConversationRecord::Type;

constexpr std::int32_t kPartitions = 3;

struct Logged {
  std::string key;
  std::string value;
};
using Log = std::array<std::vector<Logged>, kPartitions>;

// A view: a store and what is folded into it.
class Fold {
 public:
  Fold() : queues_(*Queues::open(*store_)) {}

  void take(std::int32_t partition, Offset offset, const Logged& logged) {
    const auto folded =
        queues_->apply(Partition{partition}, offset, logged.key, logged.value, batch_);
    if (!folded) ADD_FAILURE() << folded.error().message;
  }
  void write() {
    EXPECT_TRUE(store_->write(batch_, Durability::Buffered));
    batch_ = {};
  }
  void restart() {
    write();
    queues_.reset();
    store_.reopen();
    queues_ = *Queues::open(*store_);
  }
  Queues& operator*() { return *queues_; }
  std::vector<std::pair<std::string, std::string>> stored() {
    write();
    return QueuesWorld::stored_in(*store_);
  }

 private:
  ScratchStore store_;
  StoreBatch batch_;
  std::unique_ptr<Queues> queues_;
};

class Chance {
 public:
  explicit Chance(unsigned seed) : random_(seed) {}
  int below(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }
  template <std::size_t N>
  const char* of(const std::array<const char*, N>& from) {
    return from[static_cast<std::size_t>(below(static_cast<int>(N)))];
  }

 private:
  std::mt19937 random_;
};

std::int32_t partition_of_id(const std::string& id) {
  return number(partition_of(id, kPartitions));
}

constexpr std::array<const char*, 4> kPriorities = {"low", "normal", "high", "urgent"};
constexpr std::array<const char*, 2> kQueues = {"social", "community"};
constexpr std::array<const char*, 3> kPeople = {"ana", "bob", "eve"};

ConversationRecord any_record(Chance& chance, Time now) {
  ConversationRecord record;
  record.conversation = fmt::format("x/{}", chance.below(30));
  record.seen_at = now - seconds{chance.below(30)};
  const int kind = chance.below(10);
  if (kind < 5) {
    record.message.key = fmt::format("{}-{}", record.conversation, chance.below(12));
    // Late by up to two hours, early by up to two minutes.
    record.message.event_time = now - seconds{chance.below(7320) - 120};
    record.message.inbound = chance.below(4) != 0;
    record.message.queue = chance.of(kQueues);
    record.message.route = "r";
    record.message.priority = chance.of(kPriorities);
    record.message.sla_seconds = chance.below(3) * 1200;
    record.message.resolve_seconds = chance.below(2) * 7200;
    record.message.author_handle = chance.of(kPeople);
    if (chance.below(2) == 0) {
      record.hours.week = {{0, 600}, {1440, 2000}, {5000, 9000}};
      record.hours.zones = {{kItemStart, minutes{60}}, {kItemStart + minutes{9000}, minutes{120}}};
    }
    return record;
  }
  if (kind == 5) {
    record.type = Type::Withdraw;
    record.message.key = fmt::format("{}-{}", record.conversation, chance.below(12));
    return record;
  }
  record.type = static_cast<Type>(static_cast<int>(Type::Claim) + chance.below(7));
  record.action.id = fmt::format("{}", chance.below(3000));
  record.action.who = chance.of(kPeople);
  record.action.note = chance.below(3) == 0 ? "a note" : "";
  record.action.lease = seconds{60 + chance.below(3600)};
  record.action.queue = chance.of(kQueues);
  return record;
}

// A log as a running service writes it: a live fold, in batches of any size, and a timer node that
// looks at it every now and then, sometimes twice before the fold has passed what it wrote.
Log live(unsigned seed, Fold& fold) {
  Chance chance(seed);
  Log log;
  Time now = kItemStart;
  const auto append = [&](const ConversationRecord& record) {
    const std::int32_t partition = partition_of_id(record.conversation);
    auto& records = log[static_cast<std::size_t>(partition)];
    append_json(records.emplace_back(Logged{record.conversation, ""}).value, record);
    return std::pair(partition, static_cast<Offset>(records.size()) - 1);
  };
  std::vector<std::pair<std::int32_t, Offset>> unread;
  for (int i = 0; i < 3000; ++i) {
    now += seconds{chance.below(400)};
    if (chance.below(400) == 0) now += minutes{60 * 24 * 9};
    unread.push_back(append(any_record(chance, now)));
    if (chance.below(20) == 0) {
      for (const auto& due : (*fold).due(now, 50, [](std::string_view) { return true; })) {
        unread.push_back(append(due));
      }
    }
    if (chance.below(8) != 0) continue;
    for (const auto& [partition, offset] : unread) {
      fold.take(partition, offset,
                log[static_cast<std::size_t>(partition)][static_cast<std::size_t>(offset)]);
    }
    unread.clear();
    if (chance.below(2) == 0) fold.write();
    if (chance.below(60) == 0) fold.restart();
  }
  for (const auto& [partition, offset] : unread) {
    fold.take(partition, offset,
              log[static_cast<std::size_t>(partition)][static_cast<std::size_t>(offset)]);
  }
  return log;
}

// The same partitions in another order among each other, in batches of other sizes.
void rebuild(const Log& log, unsigned seed, Fold& fold) {
  Chance chance(seed);
  std::array<std::size_t, kPartitions> next{};
  const auto left = [&] {
    return std::ranges::any_of(std::array{0, 1, 2}, [&](int p) {
      const auto at = static_cast<std::size_t>(p);
      return next[at] < log[at].size();
    });
  };
  while (left()) {
    const std::int32_t partition = chance.below(kPartitions);
    const auto at = static_cast<std::size_t>(partition);
    const std::size_t end =
        std::min(log[at].size(), next[at] + static_cast<std::size_t>(chance.below(300)));
    for (; next[at] < end; ++next[at]) {
      fold.take(partition, static_cast<Offset>(next[at]), log[at][next[at]]);
    }
    if (chance.below(3) == 0) fold.write();
    if (chance.below(20) == 0) fold.restart();
  }
}

class QueuesRebuild : public testing::TestWithParam<unsigned> {};

TEST_P(QueuesRebuild, GivesTheBytesOfTheLiveFold) {
  Fold running;
  const Log log = live(GetParam(), running);
  Fold rebuilt;
  rebuild(log, GetParam() + 1000, rebuilt);

  const auto expected = running.stored();
  EXPECT_GT(expected.size(), 5U);
  EXPECT_EQ(rebuilt.stored(), expected);
}

TEST_P(QueuesRebuild, ListsAndTimersAreThoseOfAReopenedStore) {
  Fold running;
  live(GetParam(), running);
  const auto tell = [](Queues& queues) {
    std::string out;
    for (const char* queue : kQueues) {
      for (const QueueItem& item : queues.list(queue, true, "", 1000)->items) {
        out += fmt::format("{} {} {} {} {};", item.id, name(item.state), item.priority,
                           item.claimed_by, item.clocks.size());
      }
    }
    for (const ConversationRecord& due :
         queues.due(Time::max(), 10'000, [](std::string_view) { return true; })) {
      append_json(out, due);
    }
    return out;
  };
  const std::string before = tell(*running);
  running.restart();

  EXPECT_EQ(tell(*running), before);
}

// Also what was withdrawn, which no list has.
TEST_P(QueuesRebuild, EveryItemOfAReopenedStoreIsToldAsBefore) {
  Fold running;
  Log log = live(GetParam(), running);
  std::set<std::string> ids;
  for (const auto& records : log) {
    for (const Logged& record : records) ids.insert(record.key);
  }
  for (const std::string& id : ids) {
    if (id.back() % 2 == 0) continue;
    for (int i = 0; i < 12; ++i) {
      ConversationRecord record{.type = Type::Withdraw, .conversation = id};
      record.seen_at = (*running).item(id) ? (*running).item(id)->updated_at : kItemStart;
      record.message.key = fmt::format("{}-{}", id, i);
      const std::int32_t partition = partition_of_id(id);
      auto& records = log[static_cast<std::size_t>(partition)];
      append_json(records.emplace_back(Logged{id, ""}).value, record);
      running.take(partition, static_cast<Offset>(records.size()) - 1, records.back());
    }
  }
  const auto tell = [&](const Queues& queues) {
    std::string out;
    JsonWriter json(out);
    json.begin_array();
    for (const std::string& id : ids) {
      const auto item = queues.item(id);
      if (!item) continue;
      EXPECT_TRUE(
          write_item(json, *item, kItemStart, [](const ItemMessage&) { return Result<void>(); }));
    }
    json.end_array();
    return out;
  };
  const std::string before = tell(*running);
  EXPECT_NE(before.find("withdrawn"), std::string::npos);
  running.restart();

  EXPECT_EQ(tell(*running), before);
}

INSTANTIATE_TEST_SUITE_P(Seeds, QueuesRebuild, testing::Range(1U, 9U));

}  // namespace
}  // namespace vigie
