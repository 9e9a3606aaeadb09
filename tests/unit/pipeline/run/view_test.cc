#include "pipeline/run/view.h"

#include <gtest/gtest.h>
#include <prometheus/registry.h>

#include "pipeline/alerts/alert.h"
#include "pipeline/run/records.h"
#include "state/author_sets.h"
#include "state/authors.h"
#include "state/counter_key.h"
#include "state/queues.h"
#include "tests/fakes/away_log.h"
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
  const auto fold = [&](std::int64_t messages) {
    AuthorSetRecord told =
        author_record(author_set_key(Partition{0}, brand, hour_of(kNow)), 7, messages);
    Record record;
    record.topic = Topic::Counters;
    record.key = std::move(told.key);
    record.value = std::move(told.value);
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

  fold(2);
  EXPECT_EQ(authors(), 1);
  // A set is no counter.
  EXPECT_TRUE((*view)->counters().dump({}, [](auto&&...) { FAIL(); }));

  fold(0);
  EXPECT_EQ(authors(), 0);
  EXPECT_TRUE((*view)->author_sets().dump({}, [](auto&&...) { FAIL(); }));
}

// What it cannot read it neither skips nor takes for read: the records before are told again.
TEST(ViewElsewhere, StopsAtARecordOfCountersThatItCannotRead) {
  for (const std::string& key :
       {std::string("\x03x"), std::string("\x02x"), std::string("\x09 of a newer version")}) {
    ScratchLog log;
    prometheus::Registry registry;
    ViewOptions options;
    options.fold_state = true;
    auto view = View::open(*log, log.store(), registry, options);
    ASSERT_TRUE(view) << view.error().message;
    const std::string counter =
        counter_key({{}, {Dimension::Brand, "acme", {}}, Granularity::Hour, 5});
    Measures measures{};
    at(measures, Measure::Mentions) = 3;
    ASSERT_TRUE(log->append({{Topic::Counters, {}, counter, encode(measures)},
                             {Topic::Counters, {}, key, std::string("?")}}));

    for (int tries = 0; tries < 2; ++tries) {
      const auto stepped = (*view)->step(milliseconds{0});
      ASSERT_FALSE(stepped);
      EXPECT_EQ(stepped.error().code, Code::Corrupt);
      EXPECT_FALSE(log.store().get(Space::Counters, counter)->has_value());
    }
  }
}

class ViewOfKafka : public testing::Test {
 protected:
  // A view that folds all that workers write, and has come to the end.
  void follow() {
    prometheus::Registry registry;
    ViewOptions options;
    options.fold_state = true;
    auto view = View::open(away_, log_.store(), registry, std::move(options));
    ASSERT_TRUE(view) << view.error().message;
    while ((*view)->step(milliseconds{0}).value_or(0) > 0) {
    }
  }
  void keep(Space space, const std::string& key) {
    StoreBatch batch;
    batch.put(space, key, "\x01");
    ASSERT_TRUE(log_.store().write(batch, Durability::Buffered));
  }
  bool has(Space space, const std::string& key) {
    const auto found = log_.store().get(space, key);
    return found && found->has_value();
  }
  static std::string counter(const std::string& theme, Granularity granularity) {
    return counter_key({Partition{0}, {Dimension::Theme, theme, ""}, granularity, 7});
  }

  ScratchLog log_;
  AwayLog away_{*log_};
};

TEST_F(ViewOfKafka, AsksWhereATopicEndsBeforeAFollowerIsToldToReset) {
  prometheus::Registry registry;
  auto view = View::open(*log_, log_.store(), registry, {});
  ASSERT_TRUE(view);
  EXPECT_FALSE((*view)->social().read("0:7", 10)->reset);
  EXPECT_FALSE((*view)->alert_feed().read("0:7", 10)->reset);
  // Of a brand of which something comes with every poll.
  ASSERT_TRUE(log_->append({{Topic::Conversations, Partition{0}, "x/1", "{}"}}));

  ASSERT_TRUE((*view)->step(milliseconds{0}));

  EXPECT_TRUE((*view)->social().read("0:7", 10)->reset);
  EXPECT_FALSE((*view)->community().read("0:7", 10)->reset) << "nobody was in doubt there";
  EXPECT_TRUE((*view)->alert_feed().read("0:7", 10)->reset);
}

TEST_F(ViewOfKafka, KnowsAllAlertsAlsoWhenItLostTheWayToThemAtFirst) {
  Alert alert;
  alert.series = {Dimension::Theme, "bikes", ""};
  alert.started_at = kNow;
  alert.id = alert_id(alert.kind, alert.series, minute_of(kNow));
  Record record{Topic::Alerts, Partition{0}, alert.id, std::nullopt};
  append_json(record.value.emplace(), alert);
  ASSERT_TRUE(log_->append({record}));
  follow();
  prometheus::Registry registry;
  away_.unreachable = Topic::Alerts;
  auto view = View::open(away_, log_.store(), registry, {});
  ASSERT_TRUE(view);
  ASSERT_FALSE((*view)->step(milliseconds{0}));
  ASSERT_TRUE((*view)->alerts().firing().empty());

  away_.unreachable.reset();
  ASSERT_TRUE((*view)->step(milliseconds{0}));

  EXPECT_EQ((*view)->alerts().firing().size(), 1U) << "it was folded by the view before it";
}

TEST_F(ViewOfKafka, KeepsNothingThatLeftTheTopicsWhileItWasAway) {
  const std::vector<std::pair<Space, std::string>> gone = {
      {Space::Latest, latest_key(Topic::Tagged, "x/gone")},
      {Space::Counters, counter("gone", Granularity::Minute)},
      {Space::Counters, counter("gone", Granularity::Hour)},
      {Space::Authors, author_set_key(Partition{0}, {Dimension::Theme, "gone", ""}, 7)},
      {Space::Authors, first_seen_key(AuthorKeys({}).of("x", "gone"))}};
  const AuthorKey author = AuthorKeys({}).of("x", "7");
  const std::string first_seen = first_seen_json(kNow);
  ASSERT_TRUE(log_->append(
      {{Topic::Counters, Partition{0}, counter("kept", Granularity::Minute), "m"},
       {Topic::CountersLong, Partition{0}, counter("kept", Granularity::Hour), "h"},
       {Topic::Authors, Partition{0}, hex(author.data(), author.size()), first_seen}}));
  follow();
  for (const auto& [space, key] : gone) keep(space, key);
  keep(Space::Ledger, "\x01of a worker");
  follow();
  for (const auto& [space, key] : gone) ASSERT_TRUE(has(space, key)) << testing::PrintToString(key);

  away_.away = true;
  follow();

  for (const auto& [space, key] : gone)
    EXPECT_FALSE(has(space, key)) << testing::PrintToString(key);
  EXPECT_TRUE(has(Space::Counters, counter("kept", Granularity::Minute)));
  EXPECT_TRUE(has(Space::Counters, counter("kept", Granularity::Hour)));
  EXPECT_TRUE(has(Space::Authors, first_seen_key(author)));
  EXPECT_TRUE(has(Space::Ledger, "\x01of a worker"));
}

}  // namespace
}  // namespace vigie
