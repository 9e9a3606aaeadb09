#include "state/queues.h"

#include <filesystem>
#include <random>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace vigie {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

const Time kStart = *parse_time("2026-06-01T10:00:00Z");

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "vigie-queues-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

struct Message {
  std::string conversation = "x/1";
  std::string key = "x/1";
  minutes at{};      // event time
  minutes seen{-1};  // record time; the event time when negative
  bool inbound = true;
  std::string queue = "community";
  std::string priority = "normal";
  std::int64_t sla = 0;
  std::string handle = "fan";
  bool withdraw = false;
  bool erased = false;
};

class QueuesTest : public testing::Test {
 protected:
  QueuesTest()
      : store_(*Store::open(directory_.path(), StoreOptions{})), queues_(*Queues::open(*store_)) {}

  void fold(const Message& message) {
    ConversationRecord record;
    if (message.withdraw) record.type = ConversationRecord::Type::Withdraw;
    record.erased = message.erased;
    record.conversation = message.conversation;
    record.seen_at = kStart + (message.seen < minutes{0} ? message.at : message.seen);
    record.message.key = message.key;
    record.message.event_time = kStart + message.at;
    record.message.inbound = message.inbound;
    record.message.queue = message.queue;
    record.message.route = "route-" + message.priority;
    record.message.priority = message.priority;
    record.message.sla_seconds = message.sla;
    record.message.author_handle = message.handle;
    std::string value;
    append_json(value, record);
    StoreBatch batch;
    ASSERT_TRUE(queues_->apply(Partition{0}, offset_++, record.conversation, value, batch));
    ASSERT_TRUE(store_->write(batch, Durability::Buffered));
  }

  std::vector<std::string> ids(std::string_view queue, bool all = false) const {
    std::vector<std::string> out;
    const Queues::Page page = *queues_->list(queue, all, "", 1000);
    for (const QueueItem& item : page.items) out.push_back(item.id);
    return out;
  }

  Offset offset_ = 0;
  TemporaryDirectory directory_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Queues> queues_;
};

using Ids = std::vector<std::string>;

TEST_F(QueuesTest, FirstMessageSetsTheQueueAndOnlyAHigherPriorityMovesTheItem) {
  fold({.key = "x/1", .at = minutes{0}});
  fold({.key = "x/2", .at = minutes{1}, .queue = "social", .priority = "normal"});
  EXPECT_EQ(queues_->item("x/1")->queue, "community");

  fold({.key = "x/3", .at = minutes{2}, .queue = "social", .priority = "high"});
  EXPECT_EQ(queues_->item("x/1")->queue, "social");
  EXPECT_EQ(queues_->item("x/1")->priority, "high");
  EXPECT_EQ(queues_->item("x/1")->route, "route-normal");
  EXPECT_EQ(ids("social"), Ids{"x/1"});
  EXPECT_EQ(ids("community"), Ids{});
}

TEST_F(QueuesTest, LateMessageIsPutInItsPlaceAndChangesWhatFollowsFromIt) {
  fold({.key = "x/2", .at = minutes{5}, .queue = "social"});
  fold({.key = "x/1", .at = minutes{1}, .seen = minutes{6}, .queue = "community"});

  const QueueItem item = *queues_->item("x/1");

  EXPECT_EQ(item.messages[0].key, "x/1");
  EXPECT_EQ(item.queue, "community");
  EXPECT_EQ(item.opened_at, kStart + minutes{1});
}

TEST_F(QueuesTest, PriorityAndSlaAreTheStrictestOfItsMessages) {
  fold({.key = "x/1", .at = minutes{0}, .priority = "high", .sla = 7200});
  fold({.key = "x/2", .at = minutes{1}, .priority = "low", .sla = 900});
  fold({.key = "x/3", .at = minutes{2}, .priority = "normal", .sla = 0});

  const QueueItem item = *queues_->item("x/1");

  EXPECT_EQ(item.priority, "high");
  EXPECT_EQ(item.sla_seconds, 900);
  EXPECT_EQ(item.due_at, kStart + minutes{15});
}

TEST_F(QueuesTest, ReplySetsWaitingAndTheNextMessageOpensAgain) {
  fold({.key = "x/1", .at = minutes{0}, .sla = 3600});
  fold({.key = "x/2", .at = minutes{3}, .inbound = false, .handle = "ana"});
  EXPECT_EQ(queues_->item("x/1")->state, ItemState::Waiting);
  EXPECT_EQ(queues_->item("x/1")->answered_by, "ana");
  EXPECT_FALSE(queues_->item("x/1")->due_at);
  EXPECT_EQ(ids("community"), Ids{});
  EXPECT_EQ(ids("community", true), Ids{"x/1"});

  fold({.key = "x/3", .at = minutes{9}, .sla = 3600});
  EXPECT_EQ(queues_->item("x/1")->state, ItemState::Open);
  EXPECT_EQ(queues_->item("x/1")->due_at, kStart + minutes{69});
}

TEST_F(QueuesTest, ReplyOlderThanTheLastMessageDoesNotSetWaiting) {
  fold({.key = "x/1", .at = minutes{0}});
  fold({.key = "x/3", .at = minutes{5}});
  fold({.key = "x/2", .at = minutes{3}, .seen = minutes{6}, .inbound = false});

  EXPECT_EQ(queues_->item("x/1")->state, ItemState::Open);
}

TEST_F(QueuesTest, ReplyBeforeItsItemWaitsADayForIt) {
  fold({.conversation = "x/1", .key = "x/2", .at = minutes{3}, .inbound = false});
  fold({.conversation = "x/9", .key = "x/8", .at = minutes{3}, .inbound = false});
  EXPECT_FALSE(queues_->item("x/1"));
  EXPECT_EQ(ids("community", true), Ids{});

  fold({.conversation = "x/1", .key = "x/1", .at = minutes{0}, .seen = hours{20}});
  EXPECT_EQ(queues_->item("x/1")->state, ItemState::Waiting);

  fold({.conversation = "x/9", .key = "x/9", .at = minutes{0}, .seen = hours{25}});
  EXPECT_EQ(queues_->item("x/9")->state, ItemState::Open);
}

TEST_F(QueuesTest, BrandsOwnPostAtTheHeadAnswersNobody) {
  fold({.key = "x/1", .at = minutes{0}, .inbound = false});
  fold({.key = "x/2", .at = minutes{1}});

  EXPECT_EQ(queues_->item("x/1")->state, ItemState::Open);
  EXPECT_EQ(queues_->item("x/1")->answered_by, "");
}

TEST_F(QueuesTest, WithdrawnItemLeavesTheListsAndComesBackWithItsMessage) {
  fold({.key = "x/1", .at = minutes{0}});
  fold({.key = "x/1", .at = minutes{1}, .withdraw = true});
  EXPECT_EQ(queues_->item("x/1")->state, ItemState::Withdrawn);
  EXPECT_EQ(ids("community", true), Ids{});
  EXPECT_EQ(queues_->open_items("community"), 0U);

  fold({.key = "x/1", .at = minutes{0}, .seen = minutes{2}});
  EXPECT_EQ(queues_->item("x/1")->state, ItemState::Open);
}

TEST_F(QueuesTest, WithdrawUndoesWhatOnlyTheMessageSaid) {
  fold({.key = "x/1", .at = minutes{0}});
  fold({.key = "x/2", .at = minutes{1}, .queue = "social", .priority = "urgent"});
  fold({.key = "x/2", .at = minutes{2}, .withdraw = true});

  EXPECT_EQ(queues_->item("x/1")->queue, "community");
  EXPECT_EQ(queues_->item("x/1")->priority, "normal");
}

TEST_F(QueuesTest, SameRecordTwiceChangesNothing) {
  const Message message{.key = "x/1", .at = minutes{0}};
  fold(message);
  fold({.key = "x/2", .at = minutes{3}, .inbound = false});
  const QueueItem once = *queues_->item("x/1");
  fold(message);

  const QueueItem twice = *queues_->item("x/1");

  EXPECT_EQ(twice.messages, once.messages);
  EXPECT_EQ(twice.state, once.state);
  EXPECT_EQ(twice.updated_at, once.updated_at);
}

TEST_F(QueuesTest, ListsByPriorityThenDeadlineThenAge) {
  const auto add = [&](std::string id, int at, std::string priority, std::int64_t sla) {
    fold({.conversation = id, .key = id, .at = minutes{at}, .priority = priority, .sla = sla});
  };
  add("x/old", 1, "normal", 0);
  add("x/older", 0, "normal", 0);
  add("x/due-late", 2, "normal", 7200);
  add("x/due-soon", 3, "normal", 600);
  add("x/urgent", 9, "urgent", 0);
  add("x/low", 0, "low", 60);

  EXPECT_EQ(ids("community"),
            (Ids{"x/urgent", "x/due-soon", "x/due-late", "x/older", "x/old", "x/low"}));
}

TEST_F(QueuesTest, PageMarkHoldsWhileItemsComeAndGo) {
  for (int i = 0; i < 6; ++i) {
    const std::string id = fmt::format("x/{}", i);
    fold({.conversation = id, .key = id, .at = minutes{i}});
  }
  const Queues::Page first = *queues_->list("community", false, "", 2);
  fold({.conversation = "x/1", .key = "x/1", .at = minutes{10}, .withdraw = true});
  fold({.conversation = "x/new", .key = "x/new", .at = minutes{11}, .priority = "urgent"});
  const Queues::Page second = *queues_->list("community", false, first.next, 100);

  EXPECT_EQ(first.total, 6U);
  ASSERT_EQ(second.items.size(), 4U);
  EXPECT_EQ(second.items[0].id, "x/2");
  EXPECT_EQ(second.next, "");
}

TEST_F(QueuesTest, RefusesWhatIsNoPageMark) {
  for (const char* mark : {"x", "00", "3a3a3a", "zz", "313a323a", "0"}) {
    EXPECT_EQ(queues_->list("social", false, mark, 1).error().code, Code::Invalid) << mark;
  }
}

TEST_F(QueuesTest, UntouchedItemsExpireByRecordTime) {
  fold({.conversation = "x/1", .key = "x/1", .at = minutes{0}});
  fold({.conversation = "x/2", .key = "x/2", .at = hours{24 * 20}});
  fold({.conversation = "x/3", .key = "x/3", .at = hours{24 * 35 + 1}});

  EXPECT_EQ(ids("community"), (Ids{"x/2", "x/3"}));
  EXPECT_FALSE(queues_->item("x/1"));
}

TEST_F(QueuesTest, KeepsTheFirstAndTheNewestMessagesAndCountsTheRest) {
  fold({.key = "x/0000", .at = minutes{0}});
  fold({.key = "x/0001", .at = minutes{1}, .queue = "social", .priority = "urgent", .sla = 60});
  for (int i = 2; i < 1100; ++i) fold({.key = fmt::format("x/{:04}", i), .at = minutes{i}});
  fold({.key = "x/0005", .at = minutes{5}});

  const QueueItem item = *queues_->item("x/1");

  EXPECT_EQ(item.messages.size(), 1000U);
  EXPECT_EQ(item.omitted, 100U);
  EXPECT_EQ(item.messages[0].key, "x/0000");
  EXPECT_EQ(item.messages[1].key, "x/0101");
  EXPECT_EQ(item.priority, "urgent");
  EXPECT_EQ(item.queue, "social");
  EXPECT_EQ(item.sla_seconds, 60);
}

TEST_F(QueuesTest, SaysWhatIsWrongWithARecordAndChangesNothing) {
  for (const char* value :
       {"", "{}", "[]", R"({"v":2,"type":"message"})", R"({"v":1,"type":"dance"})",
        R"({"v":1,"type":"withdraw","seen_at":"yesterday","message":"x/1"})",
        R"({"v":1,"type":"message","seen_at":"2026-06-01T10:00:00Z","message":"x/1"})"}) {
    StoreBatch batch;
    EXPECT_EQ(queues_->apply(Partition{0}, 0, "x/1", value, batch).error().code, Code::Invalid)
        << value;
    EXPECT_TRUE(batch.empty());
  }
}

bool same(const QueueItem& a, const QueueItem& b) {
  return a.id == b.id && a.queue == b.queue && a.state == b.state && a.priority == b.priority &&
         a.route == b.route && a.sla_seconds == b.sla_seconds && a.opened_at == b.opened_at &&
         a.updated_at == b.updated_at && a.due_at == b.due_at && a.answered_by == b.answered_by &&
         a.omitted == b.omitted && a.messages == b.messages;
}

TEST_F(QueuesTest, ReopenedFromTheStoreEqualsTheFold) {
  std::mt19937 random(7);
  const auto pick = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  constexpr const char* kPriorities[] = {"low", "normal", "high", "urgent"};
  for (int i = 0; i < 600; ++i) {
    fold({.conversation = fmt::format("x/{}", pick(40)),
          .key = fmt::format("x/{}", pick(200)),
          .at = minutes{i * 90 - pick(300)},
          .seen = minutes{i * 90},
          .inbound = pick(4) != 0,
          .queue = pick(2) != 0 ? "social" : "community",
          .priority = kPriorities[pick(4)],
          .sla = pick(3) * 600,
          .withdraw = pick(6) == 0});
  }

  const std::unique_ptr<Queues> reopened = *Queues::open(*store_);

  for (const char* queue : {"social", "community"}) {
    const Queues::Page folded = *queues_->list(queue, true, "", 1000);
    const Queues::Page read = *reopened->list(queue, true, "", 1000);
    ASSERT_EQ(folded.items.size(), read.items.size());
    EXPECT_GT(folded.items.size(), 5U);
    EXPECT_EQ(queues_->open_items(queue), reopened->open_items(queue));
    for (std::size_t i = 0; i < folded.items.size(); ++i) {
      EXPECT_TRUE(same(folded.items[i], read.items[i])) << folded.items[i].id;
    }
  }
}

TEST_F(QueuesTest, AnItemOfAnErasedAuthorAloneIsNoMore) {
  fold({.key = "x/1", .at = minutes{0}});
  fold({.key = "x/1", .withdraw = true});
  ASSERT_TRUE(queues_->item("x/1"));

  fold({.key = "x/1", .withdraw = true, .erased = true});

  EXPECT_FALSE(queues_->item("x/1"));
  EXPECT_FALSE(*store_->get(Space::Queues, queues_key("x/1")));
}

TEST_F(QueuesTest, AnErasedMessageIsNotNamedWhereItWasOmittedEither) {
  for (int i = 0; i < 1010; ++i) fold({.key = fmt::format("x/m{}", i), .at = minutes{i}});
  const auto item = queues_->item("x/1");
  ASSERT_EQ(item->omitted, 10U);
  ASSERT_TRUE((**store_->get(Space::Queues, queues_key("x/1"))).contains("\x05x/m10"));

  for (int i = 0; i < 11; ++i) {
    fold({.key = fmt::format("x/m{}", i), .withdraw = true, .erased = true});
  }

  const auto stored = store_->get(Space::Queues, queues_key("x/1"));
  ASSERT_TRUE(stored && *stored);
  // Keys stand behind their lengths.
  EXPECT_FALSE((*stored)->contains("\x04x/m0"));
  EXPECT_FALSE((*stored)->contains("\x05x/m10"));
  EXPECT_EQ(queues_->item("x/1")->messages.size(), 999U);
}

}  // namespace
}  // namespace vigie
