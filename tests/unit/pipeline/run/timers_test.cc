#include "pipeline/run/timers.h"

#include <gtest/gtest.h>
#include <prometheus/registry.h>

#include "tests/fakes/metric.h"
#include "tests/fakes/scratch_log.h"

namespace vigie {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using Type = ConversationRecord::Type;

const Time kNow = *parse_time("2026-11-20T12:00:00Z");

class TimersTest : public testing::Test {
 protected:
  TimersTest() { open(); }

  void open() {
    timers_.reset();
    view_.reset();
    auto view = View::open(*log_, log_.store(), registry_.emplace_back(), {});
    if (!view) std::abort();
    view_ = std::move(*view);
    auto timers = Timers::open(*log_, log_.store(), *view_, registry_.back(), {});
    if (!timers) std::abort();
    timers_ = std::move(*timers);
    fold();
  }
  void fold() {
    while (view_->step(milliseconds{0}).value_or(0) > 0) {
    }
  }
  void put(ConversationRecord event) {
    Record record;
    record.topic = Topic::Conversations;
    record.key = event.conversation = "x/thread";
    append_json(record.value.emplace(), event);
    ASSERT_TRUE(log_->append({record}));
    fold();
  }
  void message() {
    ConversationRecord record;
    record.seen_at = record.message.event_time = kNow;
    record.message.key = "x/1";
    record.message.queue = "social";
    record.message.priority = "high";
    record.message.sla_seconds = 3600;
    put(record);
  }
  void claim() {
    ConversationRecord record;
    record.type = Type::Claim;
    record.seen_at = kNow;
    record.action = {"a1", "ana", "", std::chrono::seconds{1800}, ""};
    put(record);
  }
  std::size_t step() { return timers_->step(milliseconds{0}).value_or(99); }
  std::vector<std::string> written() {
    std::vector<std::string> out;
    for (const Record& record : ScratchLog::of(Topic::Conversations, log_.take())) {
      const auto parsed = parse_conversation_record(record.key, *record.value);
      if (!parsed) ADD_FAILURE() << parsed.error().message;
      out.emplace_back(parsed->type == Type::Timer ? name(parsed->timer) : name(parsed->type));
    }
    return out;
  }
  static std::vector<std::string> changes(Feed& feed) {
    std::vector<std::string> out;
    for (const Feed::Event& event : feed.read("0:0", 100)->events) {
      const std::size_t at = event.data.find(R"("change":")") + 10;
      out.push_back(event.data.substr(at, event.data.find('"', at) - at));
    }
    return out;
  }

  ScratchLog log_;
  std::deque<prometheus::Registry> registry_;
  std::unique_ptr<View> view_;
  std::unique_ptr<Timers> timers_;
};

TEST_F(TimersTest, FiresWhatIsDueByStreamTimeOnceAndTellsTheFeed) {
  message();
  claim();
  log_.take();
  EXPECT_EQ(step(), 0U);
  view_->advance(kNow + minutes{30});
  EXPECT_EQ(step(), 1U);
  // Not folded yet: it is not written again.
  EXPECT_EQ(step(), 0U);
  fold();
  EXPECT_EQ(view_->queues().item("x/thread")->state, ItemState::Open);
  EXPECT_EQ(step(), 0U);
  view_->advance(kNow + hours{2});
  EXPECT_EQ(step(), 2U);
  fold();

  EXPECT_EQ(written(), (std::vector<std::string>{"lease", "response_warning", "response_breach"}));
  EXPECT_EQ(changes(view_->social()),
            (std::vector<std::string>{"message", "claim", "lease", "response_warning",
                                      "response_breach"}));
  EXPECT_EQ(step(), 0U);
}

TEST_F(TimersTest, FiresAgainAfterARestartOnlyWhatWasNotFolded) {
  message();
  view_->advance(kNow + minutes{50});
  log_.take();
  EXPECT_EQ(step(), 1U);
  open();
  view_->advance(kNow + minutes{50});
  EXPECT_EQ(step(), 0U);
  EXPECT_EQ(written(), std::vector<std::string>{"response_warning"});
}

TEST_F(TimersTest, WhatTwoNodesFireTakesEffectOnce) {
  message();
  auto other = *Timers::open(*log_, log_.store(), *view_, registry_.emplace_back(), {});
  view_->advance(kNow + minutes{50});
  EXPECT_EQ(step(), 1U);
  EXPECT_EQ(other->step(milliseconds{0}), 1U);
  fold();
  EXPECT_EQ(changes(view_->social()), (std::vector<std::string>{"message", "response_warning"}));
}

TEST_F(TimersTest, SnapshotsAndExpiryKeepTheTopicWithinItsRetention) {
  message();
  view_->advance(kNow + hours{2});
  step();
  fold();
  log_.take();
  view_->advance(kNow + hours{24 * 27});
  step();
  fold();
  view_->advance(kNow + hours{24 * 35});
  step();
  fold();
  EXPECT_EQ(written(), (std::vector<std::string>{"snapshot", "expiry"}));
  EXPECT_FALSE(view_->queues().item("x/thread"));
  EXPECT_EQ(view_->social().read("0:0", 100)->events.back().type, "gone");
}

}  // namespace
}  // namespace vigie
