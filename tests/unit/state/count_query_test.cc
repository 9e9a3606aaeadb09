#include "state/count_query.h"

#include <gtest/gtest.h>

#include "tests/fakes/scratch_store.h"

namespace vigie {
namespace {

const Time kAsOf = *parse_time("2026-06-01T10:00:30Z");

TEST(CountQuery, ChoosesBucketsByWhatIsKept) {
  const auto bucket = [](CountWords words) {
    const auto query = read_count_query(words, kAsOf);
    return query ? query->bucket : 0;
  };
  EXPECT_EQ(bucket({}), kMinuteSeconds);
  EXPECT_EQ(bucket({.window = "25h"}), kHourSeconds);
  EXPECT_EQ(bucket({.window = "2h", .end = "2026-05-31T10:00:00Z"}), kHourSeconds);
  EXPECT_EQ(bucket({.dimension = "author", .id = "ab"}), kHourSeconds);
  EXPECT_EQ(bucket({.dimension = "theme", .id = "a", .measure = "authors"}), kHourSeconds);
}

TEST(CountQuery, SaysWhichWordIsWrong) {
  const auto problem = [](CountWords words) {
    const auto query = read_count_query(words, kAsOf);
    return query ? std::string() : query.error().message;
  };
  EXPECT_EQ(problem({.dimension = "x"}).find("dimension:"), 0U);
  EXPECT_EQ(problem({.dimension = "theme"}).find("id:"), 0U);
  EXPECT_EQ(problem({.id = "some"}).find("id:"), 0U);
  EXPECT_EQ(problem({.measure = "x"}).find("measure:"), 0U);
  EXPECT_EQ(problem({.measure = "authors"}).find("measure:"), 0U);
  EXPECT_EQ(problem({.window = "x"}).find("window:"), 0U);
  EXPECT_EQ(problem({.window = "36d"}).find("window:"), 0U);
  EXPECT_EQ(problem({.dimension = "author", .id = "a", .window = "30m"}).find("window:"), 0U);
  EXPECT_EQ(problem({.step = "7s"}).find("step:"), 0U);
  EXPECT_EQ(problem({.window = "35d", .step = "90m"}).find("step:"), 0U);
  EXPECT_EQ(problem({.end = "now"}).find("end:"), 0U);
  EXPECT_EQ(problem({.end = "2026-06-03T00:00:00Z"}).find("end:"), 0U);
}

TEST(CountQuery, PointsCoverTheWindowAndAddUpToTheTotal) {
  ScratchStore store;
  CounterBatch counters(*store, Partition{0});
  Measures one{};
  at(one, Measure::Mentions) = 1;
  for (int minutes = 0; minutes < 300; ++minutes) {
    counters.add(Series{Dimension::All, "all", ""}, minute_of(kAsOf) - minutes, one, kAsOf);
  }
  StoreBatch batch;
  ASSERT_TRUE(counters.flush(batch));
  ASSERT_TRUE(store->write(batch, Durability::Buffered));
  const auto query = read_count_query({.window = "100m", .step = "30m"}, kAsOf);
  ASSERT_TRUE(query);

  const auto found = answer(*query, CounterReader(*store, 1), AuthorSetReader(*store, 1));

  ASSERT_TRUE(found);
  std::vector<std::int64_t> values;
  for (const CountPoint& point : found->points) values.push_back(point.value);
  EXPECT_EQ(values, (std::vector<std::int64_t>{30, 30, 30, 10}));
  EXPECT_EQ(found->total.value, 100);
  EXPECT_EQ(format_time(found->points[0].start), "2026-06-01T08:21:00Z");
}

// Whether compaction has dropped it or not.
TEST(CountQuery, WhatHasExpiredIsNotTold) {
  ScratchStore store;
  CounterBatch counters(*store, Partition{0});
  Measures one{};
  at(one, Measure::Mentions) = 1;
  const Hour now = hour_of(kAsOf);
  for (const Hour hour : {now - 35 * 24, now - 35 * 24 + 1}) {
    counters.add(Series{Dimension::Kind, "post", ""}, hour * 60, one, std::nullopt);
  }
  StoreBatch batch;
  ASSERT_TRUE(counters.flush(batch));
  ASSERT_TRUE(store->write(batch, Durability::Buffered));

  const std::string end = format_time(start_of_hour(now - 34 * 24));
  const auto query =
      read_count_query({.dimension = "kind", .id = "post", .window = "35d", .end = end}, kAsOf);
  ASSERT_TRUE(query);
  const auto answered = answer(*query, CounterReader(*store, 1), AuthorSetReader(*store, 1));

  ASSERT_TRUE(answered);
  EXPECT_EQ(answered->total.value, 1);
}

}  // namespace
}  // namespace vigie
