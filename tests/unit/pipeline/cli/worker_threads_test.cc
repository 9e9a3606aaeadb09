#include "pipeline/cli/worker_threads.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>

#include <gtest/gtest.h>
#include <prometheus/registry.h>

#include "tests/fakes/acme.h"
#include "tests/fakes/dealing_log.h"
#include "tests/fakes/scratch_log.h"

namespace vigie {
namespace {

const Time kNow = *parse_time("2026-11-20T12:00:00Z");
constexpr Partition kFirst{0};
constexpr Partition kSecond{1};

// Two workers over a group that deals as the test says.
class TwoWorkers : public testing::Test {
 protected:
  TwoWorkers() {
    config_.log.kind = LogConfig::Kind::Kafka;
    config_.log.kafka.workers = 2;
    log(kFirst, kNow);
    log(kSecond, kNow - std::chrono::hours{5});
  }

  void log(Partition partition, Time seen_at) {
    Record record;
    record.partition = partition;
    record.key = "x/1";
    append_json(record.value.emplace(), acme_mention("1", "acme", seen_at));
    ASSERT_TRUE(inner_->append({record}));
  }
  void start(std::vector<DealingLog::Hand> hands) {
    dealing_.deal(std::move(hands));
    threads_ = std::make_unique<WorkerThreads>(
        WorkerThreads::Parts{.config = config_,
                             .log = dealing_,
                             .store = inner_.store(),
                             .keys = keys_,
                             .rules = [this] { return rules_; },
                             .registry = registry_,
                             .options = {},
                             .holds = [] { return false; },
                             .moved = [this](Time, Time horizon) { moved(horizon); },
                             .ended = [](const Error& error) { ADD_FAILURE() << error.message; }});
    threads_->start();
  }
  void moved(Time horizon) {
    const std::lock_guard lock(mutex_);
    horizon_ = horizon;
    ++told_;
    changed_.notify_all();
  }
  bool comes(Time horizon) {
    return waits([&] { return horizon_ == horizon; });
  }
  // Until each worker has told something since, more than once.
  bool goes_on() {
    const int before = told_;
    return waits([&] { return told_ >= before + 6; });
  }
  bool waits(const std::function<bool()>& condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds{20}, condition);
  }

  Config config_;
  ScratchLog inner_{2};
  DealingLog dealing_{*inner_};
  AuthorKeys keys_{{}};
  std::shared_ptr<const RuleSet> rules_ = acme_rules();
  prometheus::Registry registry_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Time> horizon_;  // guarded by mutex_
  std::atomic<int> told_ = 0;
  std::unique_ptr<WorkerThreads> threads_;  // ends first
};

TEST_F(TwoWorkers, ExpiryGoesByTheOneThatIsBehind) {
  start({{{kFirst}}, {{kSecond}}});

  EXPECT_TRUE(comes(kNow - std::chrono::hours{5}));
}

TEST_F(TwoWorkers, OneWithoutPartitionsDoesNotStopExpiry) {
  start({{{kFirst}}, {{}}});

  EXPECT_TRUE(comes(kNow));
}

TEST_F(TwoWorkers, OneThatIsNotSettledHoldsExpiryBack) {
  start({{{kFirst}}, {{}}});
  ASSERT_TRUE(comes(kNow));

  dealing_.deal({{{kFirst}}, std::nullopt});
  EXPECT_TRUE(comes(Time{}));
  dealing_.deal({{{kFirst}}, {{kSecond}}});
  EXPECT_TRUE(comes(kNow - std::chrono::hours{5}));
}

TEST_F(TwoWorkers, RunOnceEachIsSettledAlsoWithoutPartitions) {
  start({{{kFirst}}, std::nullopt});
  ASSERT_TRUE(goes_on());
  EXPECT_FALSE(threads_->all_run());

  dealing_.deal({{{kFirst}}, {{}}});
  ASSERT_TRUE(comes(kNow));
  EXPECT_TRUE(threads_->all_run());

  dealing_.deal({{{kFirst}}, std::nullopt});
  ASSERT_TRUE(comes(Time{}));
  EXPECT_TRUE(threads_->all_run()) << "partitions that are dealt anew make no node unready";
}

TEST_F(TwoWorkers, NothingExpiresWhereNoneHasPartitions) {
  start({{{}}, {{}}});

  ASSERT_TRUE(goes_on());
  EXPECT_TRUE(comes(Time{}));
}

}  // namespace
}  // namespace vigie
