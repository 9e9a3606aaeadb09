#include "pipeline/run/view.h"

#include <gtest/gtest.h>
#include <prometheus/registry.h>

#include "state/author_sets.h"
#include "state/queues.h"
#include "tests/fakes/scratch_log.h"

namespace vigie {
namespace {

using std::chrono::milliseconds;

const Time kNow = *parse_time("2026-11-20T12:00:00Z");

class Viewing : public testing::Test {
 protected:
  Viewing() { open(); }

  void open() {
    registry_ = std::make_unique<prometheus::Registry>();
    auto opened = View::open(*log_, log_.store(), *registry_, {});
    if (!opened) std::abort();
    view_ = std::move(*opened);
  }
  void restart() {
    view_.reset();
    log_.reopen();
    open();
  }
  void message(const std::string& id, const std::string& queue, const std::string& priority) {
    ConversationRecord record;
    record.message.key = "x/" + id;
    record.message.event_time = kNow;
    record.message.inbound = !queue.empty();
    record.message.queue = queue;
    record.message.route = "r";
    record.message.priority = priority;
    put(record);
  }
  void withdraw(const std::string& id) {
    ConversationRecord record;
    record.type = ConversationRecord::Type::Withdraw;
    record.message.key = "x/" + id;
    put(record);
  }
  void put(ConversationRecord event) {
    event.seen_at = kNow;
    Record record;
    record.topic = Topic::Conversations;
    record.key = "x/thread";
    append_json(record.value.emplace(), event);
    ASSERT_TRUE(log_->append({record}));
    while (view_->step(milliseconds{0}).value_or(0) > 0) {
    }
  }
  // Type and state of every event of a feed from its beginning.
  static std::vector<std::string> events(Feed& feed) {
    std::vector<std::string> out;
    const auto page = feed.read("0:0", 100);
    if (!page) ADD_FAILURE() << page.error().message;
    for (const Feed::Event& event : page->events) {
      const std::size_t queue = event.data.find(R"("queue":")") + 9;
      out.push_back(event.type + " " +
                    event.data.substr(queue, event.data.find('"', queue) - queue));
    }
    return out;
  }
  static std::string last_id(Feed& feed) { return feed.read("0:0", 100)->last_id; }

  ScratchLog log_;
  std::unique_ptr<prometheus::Registry> registry_;
  std::unique_ptr<View> view_;
};

TEST_F(Viewing, TheFeedOfAQueueThatAnItemLeavesIsTold) {
  message("1", "community", "normal");
  message("2", "social", "urgent");

  EXPECT_EQ(events(view_->community()),
            (std::vector<std::string>{"item community", "moved social"}));
  EXPECT_EQ(events(view_->social()), std::vector<std::string>{"item social"});
}

TEST_F(Viewing, BothFeedsMoveOnWithEveryRecord) {
  message("reply", "", "");
  message("1", "social", "normal");

  EXPECT_EQ(last_id(view_->social()), "0:2");
  EXPECT_EQ(last_id(view_->community()), "0:2");
}

TEST_F(Viewing, AWithdrawnItemIsToldToItsOwnQueue) {
  message("1", "social", "normal");
  withdraw("1");

  EXPECT_EQ(events(view_->social()), (std::vector<std::string>{"item social", "item social"}));
  EXPECT_TRUE(events(view_->community()).empty());
  EXPECT_EQ(view_->queues().open_items("social"), 0U);
}

TEST_F(Viewing, FoldsEachRecordOnceAcrossRestarts) {
  message("1", "social", "normal");
  message("2", "social", "high");
  restart();
  while (view_->step(milliseconds{0}).value_or(0) > 0) {
  }

  const auto item = view_->queues().item("x/thread");
  ASSERT_TRUE(item);
  EXPECT_EQ(item->messages.size(), 2U);
  EXPECT_EQ(item->priority, "high");
  EXPECT_EQ(events(view_->social()).size(), 2U);
}

TEST(ViewElsewhere, FoldsCountersAndWhoWroteUntilNobodyDid) {
  ScratchLog log;
  prometheus::Registry registry;
  ViewOptions options;
  options.fold_state = true;
  auto view = View::open(*log, log.store(), registry, options);
  ASSERT_TRUE(view) << view.error().message;
  const Series brand{Dimension::Brand, "acme"};
  AuthorSet set;
  set.count(7, 1);
  const auto fold = [&](std::optional<std::string> value) {
    Record record;
    record.topic = Topic::Counters;
    record.key = kAuthorSetRecord + author_set_key(Partition{0}, brand, hour_of(kNow));
    record.value = std::move(value);
    ASSERT_TRUE(log->append({record}));
    while ((*view)->step(milliseconds{0}).value_or(0) > 0) {
    }
  };
  const auto authors = [&] {
    std::int64_t count = 0;
    EXPECT_TRUE((*view)->author_sets().series(
        brand, hour_of(kNow), hour_of(kNow),
        [&](Hour, const AuthorSet& found) { count += found.size().authors; }));
    return count;
  };

  fold(set.encode());
  EXPECT_EQ(authors(), 1);
  // A set is no counter.
  EXPECT_TRUE((*view)->counters().dump({}, [](auto&&...) { FAIL(); }));

  fold(std::nullopt);
  EXPECT_EQ(authors(), 0);
}

}  // namespace
}  // namespace vigie
