// A broker that dies: what was acknowledged stays, and health tells.
#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

#include <fmt/format.h>

#include "tests/contract/log_world.h"
#include "tests/kafka/broker.h"

namespace vigie {
namespace {

using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

LogWorld::Open opening(const KafkaOptions& options) {
  return [options](Store&) { return KafkaLog::open(options); };
}

TEST(KafkaBrokerRestart, LosesNothingThatWasAcknowledged) {
  if (!KafkaBroker::shared().ours()) {
    GTEST_SKIP() << "skipped: kills the broker, and VIGIE_TEST_KAFKA names one of somebody else";
  }
  const KafkaOptions options = fresh_kafka_options();
  LogWorld world(opening(options));
  std::atomic<int> acknowledged = 0;
  std::atomic<bool> enough = false;
  std::vector<std::set<std::string>> kept(2);
  std::vector<std::jthread> writers;
  for (std::size_t t = 0; t < kept.size(); ++t) {
    writers.emplace_back([&, t] {
      for (int i = 0; !enough; ++i) {
        const std::string key = fmt::format("{}/{}", t, i);
        while (!world.log().append({record(Topic::Mentions, i % 3, key, "v")})) {
        }
        kept[t].insert(key);
        ++acknowledged;
      }
    });
  }
  auto reader = reader_of(world, Topic::Mentions, {.group = "workers", .shared = true});
  std::set<std::string> seen;
  const auto read_some = [&] {
    auto polled = reader->poll(1000, milliseconds{50});
    if (!polled) {
      ASSERT_EQ(polled.error().code, Code::Unavailable) << polled.error().message;
      return;
    }
    for (const LogRecord& r : *polled) seen.emplace(r.key);
    if (polled->empty()) return;
    auto committed = commit_all(*reader);
    if (!committed) {
      reader.reset();
      reader = reader_of(world, Topic::Mentions, {.group = "workers", .shared = true});
    }
  };
  const auto deadline = SteadyClock::now() + std::chrono::seconds{60};
  while (seen.size() < 200 && SteadyClock::now() < deadline) read_some();

  KafkaBroker::shared().kill();
  KafkaBroker::shared().start();

  const int before = acknowledged;
  while ((acknowledged < before + 200 || seen.size() < static_cast<std::size_t>(before) + 200) &&
         SteadyClock::now() < deadline) {
    read_some();
  }
  enough = true;
  writers.clear();
  std::set<std::string> all;
  for (const auto& keys : kept) all.insert(keys.begin(), keys.end());
  while (!std::ranges::includes(seen, all) && SteadyClock::now() < deadline) read_some();
  EXPECT_GT(all.size(), static_cast<std::size_t>(before));
  EXPECT_TRUE(std::ranges::includes(seen, all));
  EXPECT_TRUE(world.log().healthy());
}

TEST(KafkaBrokerRestart, ShowsInHealthWhileItIsDown) {
  if (!KafkaBroker::shared().ours()) {
    GTEST_SKIP() << "skipped: kills the broker, and VIGIE_TEST_KAFKA names one of somebody else";
  }
  KafkaOptions options = fresh_kafka_options();
  options.delivery_timeout = milliseconds{1'000};
  LogWorld world(opening(options));

  KafkaBroker::shared().kill();
  auto appended = world.log().append({record(Topic::Mentions, 0, "a", "1")});
  auto healthy = world.log().healthy();
  KafkaBroker::shared().start();

  ASSERT_FALSE(appended);
  EXPECT_EQ(appended.error().code, Code::Unavailable);
  ASSERT_FALSE(healthy);
  EXPECT_EQ(healthy.error().code, Code::Unavailable);
  const auto deadline = SteadyClock::now() + std::chrono::seconds{30};
  while (SteadyClock::now() < deadline &&
         !world.log().append({record(Topic::Mentions, 0, "a", "1")})) {
  }
  EXPECT_TRUE(world.log().healthy());
}

}  // namespace
}  // namespace vigie
