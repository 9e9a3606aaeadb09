// Rows that are folded from a compacted topic, on a node that comes and goes.
#include <chrono>

#include "tests/contract/log_world.h"
#include "tests/kafka/broker.h"

namespace vigie {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

class KafkaFold : public testing::Test {
 protected:
  KafkaFold() {
    options_.wall = [this] { return Time{} + hours{1'000} + moved_; };
    options_.steady = [this] { return std::chrono::steady_clock::now() + moved_; };
    world_ = std::make_unique<LogWorld>([this](Store&) { return KafkaLog::open(options_); });
  }

  std::unique_ptr<LogReader> reader(bool wipes = true) {
    ReadOptions read;
    read.group = "view";
    if (wipes) {
      read.wipe = [this](Store&) -> Result<void> {
        ++wiped_;
        return {};
      };
    }
    return reader_of(*world_, Topic::Tagged, std::move(read));
  }
  void write(int partition, std::string key, std::optional<std::string> value) {
    append(world_->log(), {record(Topic::Tagged, partition, std::move(key), std::move(value))});
  }
  static std::size_t fold(LogReader& reader) {
    const std::size_t count = read_to_end(reader).size();
    const auto committed = commit_all(reader);
    EXPECT_TRUE(committed) << committed.error().message;
    return count;
  }

  hours moved_{};
  KafkaOptions options_ = fresh_kafka_options();
  std::unique_ptr<LogWorld> world_;
  int wiped_ = 0;
};

TEST_F(KafkaFold, BeginsAnewAfterMoreThanTombstonesAreKept) {
  write(0, "a", "1");
  write(1, "b", "2");
  ASSERT_EQ(fold(*reader()), 2U);
  write(0, "a", std::nullopt);
  moved_ += hours{21};

  ASSERT_EQ(fold(*reader()), 3U);
  EXPECT_EQ(wiped_, 1);

  write(1, "b", "3");
  moved_ += hours{19};
  EXPECT_EQ(fold(*reader()), 1U) << "it goes on from there";
  EXPECT_EQ(wiped_, 1);
}

TEST_F(KafkaFold, GoesOnAfterADayOfWhichItWasThereUntilTheMorning) {
  write(0, "a", "1");
  {
    auto idle = reader();
    ASSERT_EQ(fold(*idle), 1U);
    for (int i = 0; i < 3; ++i) {
      moved_ += hours{15};
      ASSERT_TRUE(idle->poll(10, milliseconds{0}));
    }
  }
  moved_ += hours{15};

  EXPECT_EQ(fold(*reader()), 0U);
  EXPECT_EQ(wiped_, 0);
}

TEST_F(KafkaFold, BeginsAnewWhenItWasNeverAtTheEnd) {
  for (int i = 0; i < 9; ++i) write(0, "a", "1");
  {
    auto slow = reader();
    for (int i = 0; i < 2; ++i) {
      const auto polled = slow->poll(1, milliseconds{10'000});
      ASSERT_TRUE(polled) << polled.error().message;
      ASSERT_EQ(polled->size(), 1U);
      ASSERT_TRUE(commit_all(*slow));
      moved_ += hours{15};
    }
  }

  EXPECT_EQ(fold(*reader()), 9U);
  EXPECT_EQ(wiped_, 1);
}

TEST_F(KafkaFold, IsNoMoreWholeForWhatWasReadAndNotKept) {
  write(0, "a", "1");
  {
    auto lazy = reader();
    ASSERT_EQ(read_to_end(*lazy).size(), 1U);
    for (int i = 0; i < 2; ++i) {
      moved_ += hours{11};
      const auto polled = lazy->poll(10, milliseconds{0});
      ASSERT_EQ(polled.has_value(), i == 0);
    }
  }

  EXPECT_EQ(fold(*reader()), 1U);
  EXPECT_EQ(wiped_, 1);
}

TEST_F(KafkaFold, BeginsAnewOnAMachineThatSlept) {
  write(0, "a", "1");
  auto asleep = reader();
  ASSERT_EQ(fold(*asleep), 1U);
  moved_ += hours{48};

  const auto polled = asleep->poll(10, milliseconds{0});

  ASSERT_FALSE(polled);
  EXPECT_EQ(polled.error().code, Code::Unavailable);
  EXPECT_EQ(wiped_, 0);
  EXPECT_EQ(fold(*reader()), 1U);
  EXPECT_EQ(wiped_, 1);
}

TEST_F(KafkaFold, BeginsAnewWhereAnEarlierVersionDidNotSayWhenItWasThere) {
  write(0, "a", "1");
  ASSERT_EQ(fold(*reader(false)), 1U);

  EXPECT_EQ(fold(*reader()), 1U);
  EXPECT_EQ(wiped_, 1);
  EXPECT_EQ(fold(*reader()), 0U);
  EXPECT_EQ(wiped_, 1);
}

TEST_F(KafkaFold, IsNotBegunAnewWhenThatFails) {
  write(0, "a", "1");
  ASSERT_EQ(fold(*reader()), 1U);
  moved_ += hours{21};
  ReadOptions refusing{.group = "view"};
  refusing.wipe = [](Store&) { return fail(Code::Unavailable, "not now"); };

  EXPECT_FALSE(world_->log().read(Topic::Tagged, std::move(refusing), world_->store()));

  EXPECT_EQ(fold(*reader()), 1U);
  EXPECT_EQ(wiped_, 1);
}

}  // namespace
}  // namespace vigie
