#include "pipeline/run/connector_runner.h"

#include <condition_variable>

#include <gtest/gtest.h>

#include "tests/fakes/acme.h"
#include "tests/fakes/metric.h"
#include "tests/fakes/refusing_log.h"
#include "tests/fakes/scratch_log.h"
#include "tests/fakes/scripted_connector.h"

namespace vigie {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

const Time kNow = *parse_time("2026-11-20T12:00:00Z");

Batch page(std::string id, std::string cursor) {
  Batch batch;
  batch.items.emplace_back(acme_mention(std::move(id), "acme", kNow));
  batch.cursor = std::move(cursor);
  return batch;
}

Batch end() {
  Batch batch;
  batch.finished = true;
  return batch;
}

class Running : public testing::Test {
 protected:
  ~Running() override { runner_.reset(); }

  void run(RunnerOptions options = {}) {
    options.name = "forum";
    if (options.first_backoff == milliseconds{500}) options.first_backoff = milliseconds{1};
    if (options.longest_backoff == milliseconds{60'000}) options.longest_backoff = milliseconds{4};
    options.say = [this](std::string_view line) {
      const std::lock_guard lock(mutex_);
      said_.emplace_back(line);
      spoke_.notify_all();
    };
    runner_.emplace(std::make_unique<ScriptedConnector>(script_), ingest_, registry_,
                    std::move(options));
  }
  bool wait_said(std::size_t lines) {
    std::unique_lock lock(mutex_);
    return spoke_.wait_for(lock, seconds{30}, [&] { return said_.size() >= lines; });
  }
  // Waits for the source's end.
  bool wait_finished() const {
    const auto deadline = steady_clock::now() + seconds{30};
    while (!runner_->finished() && steady_clock::now() < deadline) std::this_thread::yield();
    return runner_->finished();
  }
  std::vector<std::string> logged() {
    std::vector<std::string> keys;
    for (const Record& record : ScratchLog::of(Topic::Mentions, log_.take())) {
      keys.push_back(record.key);
    }
    return keys;
  }
  std::string cursor() { return ingest_.cursor("forum").value_or("failed"); }

  ScratchLog log_;
  RefusingLog refusing_{*log_};
  prometheus::Registry registry_;
  Ingest ingest_{refusing_, nullptr, RecordClock([] { return kNow; }, [] { return seconds{0}; }),
                 registry_};
  std::shared_ptr<Script> script_ = std::make_shared<Script>();
  std::mutex mutex_;
  std::condition_variable spoke_;
  std::vector<std::string> said_;  // guarded by mutex_
  std::optional<ConnectorRunner> runner_;
};

TEST_F(Running, LogsWhatTheSourceBringsUntilItEnds) {
  script_->add(page("1", "a"));
  script_->add(page("2", "b"));
  script_->add(end());
  run();

  ASSERT_TRUE(wait_finished());
  runner_->stop();
  EXPECT_EQ(logged(), (std::vector<std::string>{"x/1", "x/2"}));
  EXPECT_EQ(cursor(), "b");
  EXPECT_EQ(script_->opened(), (std::vector<std::string>{""}));
  EXPECT_FALSE(runner_->up());
  EXPECT_EQ(runner_->trouble(), "the source has ended");
}

TEST_F(Running, KeepsTheCursorWhenTheLogRefuses) {
  script_->add(page("1", "a"));
  script_->add(page("2", "b"));
  script_->add(page("2", "b"));
  run();
  ASSERT_TRUE(script_->wait_idle());
  ASSERT_EQ(cursor(), "b");

  refusing_.refusals = 1;
  script_->add(page("3", "c"));
  ASSERT_TRUE(script_->wait_opened(2));

  EXPECT_EQ(script_->opened()[1], "b");
  EXPECT_EQ(refusing_.refused, 1);
  script_->add(page("3", "c"));
  script_->add(end());
  ASSERT_TRUE(wait_finished());
  EXPECT_EQ(cursor(), "c");
  EXPECT_EQ(logged(), (std::vector<std::string>{"x/1", "x/2", "x/2", "x/3"}));
}

TEST_F(Running, OpensAgainAtTheLastSavedCursorAfterAFailure) {
  script_->add(page("1", "a"));
  script_->add(fail(Code::Unavailable, "forum: 503"));
  script_->add(page("2", "b"));
  script_->add(end());
  run();

  ASSERT_TRUE(wait_finished());
  EXPECT_EQ(script_->opened(), (std::vector<std::string>{"", "a"}));
  EXPECT_EQ(metric(registry_, "vigie_connector_restarts_total"), 1);
  ASSERT_TRUE(wait_said(1));
  EXPECT_EQ(said_[0], R"(connector=forum error="forum: 503")");
}

TEST_F(Running, TriesUntilTheSourceOpens) {
  for (int i = 0; i < 5; ++i) script_->refuse_open({Code::Unavailable, "forum: refused"});
  script_->add(end());
  run();

  ASSERT_TRUE(wait_finished());
  EXPECT_EQ(script_->opened().size(), 6U);
}

TEST_F(Running, ARefusedConnectorWaitsTheLongestBackOff) {
  script_->refuse_open({Code::Denied, "forum: 401"});
  run({.longest_backoff = hours{1}});

  ASSERT_TRUE(wait_said(1));
  runner_->stop();

  EXPECT_EQ(script_->opened().size(), 1U);
}

TEST_F(Running, AThrottledConnectorWaitsAsLongAsItIsTold) {
  script_->refuse_open({Code::Throttled, "forum: 429", milliseconds{20}});
  script_->add(end());
  const auto begun = steady_clock::now();
  run({.first_backoff = hours{1}, .longest_backoff = hours{1}});

  ASSERT_TRUE(wait_finished());
  EXPECT_GE(steady_clock::now() - begun, milliseconds{20});
}

TEST_F(Running, StopsWhileItWaitsForTheSource) {
  run();
  ASSERT_TRUE(script_->wait_idle());
  EXPECT_TRUE(runner_->up());

  const auto begun = steady_clock::now();
  runner_->stop();

  EXPECT_LT(steady_clock::now() - begun, seconds{10});
  EXPECT_FALSE(runner_->up());
  EXPECT_FALSE(runner_->finished());
  EXPECT_EQ(runner_->trouble(), "stopped");
}

TEST_F(Running, StopsWhileItIsPaced) {
  script_->add(page("1", "a"));
  run({.rate = 0.001});
  const auto deadline = steady_clock::now() + seconds{30};
  while (cursor() != "a" && steady_clock::now() < deadline) std::this_thread::yield();
  ASSERT_EQ(cursor(), "a");

  const auto begun = steady_clock::now();
  runner_->stop();

  EXPECT_LT(steady_clock::now() - begun, seconds{10});
}

TEST_F(Running, ASilentSourceIsOpenedAgain) {
  script_->set_last_heard(steady_clock::now() - hours{1});
  run({.stall = seconds{60}});

  ASSERT_TRUE(script_->wait_opened(2));
  script_->set_last_heard(steady_clock::time_point::max());
  ASSERT_TRUE(wait_said(1));
  EXPECT_NE(said_[0].find("nothing heard for 36"), std::string::npos);
}

TEST_F(Running, ASourceThatStandsStillWritesNothing) {
  script_->add(page("1", "page 1"));
  for (int i = 0; i < 5; ++i) {
    Batch nothing;
    nothing.cursor = "page 1";
    script_->add(std::move(nothing));
  }
  script_->add(end());
  run();
  ASSERT_TRUE(wait_finished());

  EXPECT_EQ(ScratchLog::of(Topic::Cursors, log_.take()).size(), 1U);
  EXPECT_EQ(cursor(), "page 1");
}

}  // namespace
}  // namespace vigie
