#include "state/counters.h"

#include <gtest/gtest.h>

#include "tests/fakes/scratch_store.h"

namespace vigie {
namespace {

constexpr Partition kPartition{3};

Measures mentions(std::int64_t n) {
  Measures measures{};
  measures[static_cast<std::size_t>(Measure::Mentions)] = n;
  return measures;
}

std::int64_t mentions_of(const Measures& measures) {
  return measures[static_cast<std::size_t>(Measure::Mentions)];
}

void write(Store& store, CounterBatch& batch) {
  StoreBatch changes;
  ASSERT_TRUE(batch.flush(changes));
  ASSERT_TRUE(store.write(changes, Durability::Buffered));
  batch.settled();
}

TEST(Counters, AddUpOverBatchesInMinutesAndHours) {
  ScratchStore store;
  CounterBatch batch(*store, kPartition);
  const Series theme{Dimension::Theme, "delivery"};
  batch.add(theme, 600, mentions(2), std::nullopt);
  batch.add(theme, 601, mentions(1), std::nullopt);
  write(*store, batch);
  batch.add(theme, 600, mentions(5), std::nullopt);
  write(*store, batch);

  const CounterReader reader(*store, 8);
  const auto minutes = reader.series(theme, Granularity::Minute, 0, 1000);
  const auto hours = reader.series(theme, Granularity::Hour, 0, 100);

  ASSERT_TRUE(minutes);
  ASSERT_EQ(minutes->size(), 2U);
  EXPECT_EQ(mentions_of((*minutes)[0].value), 7);
  EXPECT_EQ(mentions_of((*minutes)[1].value), 1);
  ASSERT_EQ(hours->size(), 1U);
  EXPECT_EQ((*hours)[0].bucket, 10);
  EXPECT_EQ(mentions_of((*hours)[0].value), 8);
}

TEST(Counters, AddUpOverFlushesBeforeTheWrite) {
  ScratchStore store;
  CounterBatch batch(*store, kPartition);
  StoreBatch changes;
  batch.add({Dimension::All, "all"}, 60, mentions(2), std::nullopt);
  ASSERT_TRUE(batch.flush(changes));
  batch.add({Dimension::All, "all"}, 60, mentions(3), std::nullopt);

  const auto changed = batch.flush(changes);

  ASSERT_TRUE(changed);
  EXPECT_EQ(mentions_of((*changed)[0].value), 5);
  ASSERT_TRUE(store->write(changes, Durability::Buffered));
  batch.settled();
  const auto hours =
      CounterReader(*store, 8).series({Dimension::All, "all"}, Granularity::Hour, 1, 1);
  EXPECT_EQ(mentions_of(hours->front().value), 5);
}

TEST(Counters, AreToldInTheMiddleOfABatchAndWrittenOnce) {
  ScratchStore store;
  CounterBatch batch(*store, kPartition);
  const Series all{Dimension::All, "all"};
  batch.add(all, 60, mentions(2), std::nullopt);
  write(*store, batch);
  batch.add(all, 60, mentions(3), std::nullopt);
  batch.add(all, 121, mentions(1), std::nullopt);

  const auto middle = batch.changes();
  batch.add(all, 60, mentions(4), std::nullopt);
  const auto end = batch.changes();
  StoreBatch changes;
  const auto flushed = batch.flush(changes);
  const auto again = batch.flush(changes);

  ASSERT_TRUE(middle && end && flushed && again);
  ASSERT_EQ(middle->size(), 4U);
  EXPECT_EQ(mentions_of((*middle)[0].value), 5);
  ASSERT_EQ(end->size(), 2U);
  EXPECT_EQ(mentions_of((*end)[0].value), 9);
  ASSERT_EQ(flushed->size(), 4U);
  EXPECT_EQ(mentions_of((*flushed)[0].value), 9);
  EXPECT_TRUE((*flushed)[0].bytes);
  EXPECT_TRUE(again->empty());
  ASSERT_TRUE(store->write(changes, Durability::Buffered));
  batch.settled();
  const auto hours = CounterReader(*store, 8).series(all, Granularity::Hour, 1, 2);
  ASSERT_EQ(hours->size(), 2U);
  EXPECT_EQ(mentions_of((*hours)[0].value), 9);
  EXPECT_EQ(mentions_of((*hours)[1].value), 1);
}

// What was told in the middle is taken back at the end: the row of before has to go all the same.
TEST(Counters, VanishWhenABatchTakesBackWhatItToldInItsMiddle) {
  ScratchStore store;
  CounterBatch batch(*store, kPartition);
  const Series all{Dimension::All, "all"};
  batch.add(all, 60, mentions(2), std::nullopt);
  write(*store, batch);
  batch.add(all, 60, mentions(3), std::nullopt);
  ASSERT_TRUE(batch.changes());
  batch.add(all, 60, mentions(-5), std::nullopt);

  StoreBatch changes;
  const auto flushed = batch.flush(changes);

  ASSERT_TRUE(flushed);
  ASSERT_EQ(flushed->size(), 2U);
  EXPECT_FALSE((*flushed)[0].bytes);
  EXPECT_FALSE((*flushed)[1].bytes);
  ASSERT_TRUE(store->write(changes, Durability::Buffered));
  const auto hours = CounterReader(*store, 8).series(all, Granularity::Hour, 0, 9);
  ASSERT_TRUE(hours);
  EXPECT_TRUE(hours->empty());
}

TEST(Counters, SumOverPartitions) {
  ScratchStore store;
  for (const int partition : {0, 1, 5}) {
    CounterBatch batch(*store, Partition{partition});
    batch.add({Dimension::All, "all"}, 60, mentions(partition + 1), std::nullopt);
    write(*store, batch);
  }

  const auto hours =
      CounterReader(*store, 6).series({Dimension::All, "all"}, Granularity::Hour, 1, 1);

  ASSERT_EQ(hours->size(), 1U);
  EXPECT_EQ(mentions_of(hours->front().value), 9);
}

TEST(Counters, VanishWhenEverythingIsTakenBack) {
  ScratchStore store;
  CounterBatch batch(*store, kPartition);
  batch.add({Dimension::All, "all"}, 60, mentions(3), std::nullopt);
  write(*store, batch);
  batch.add({Dimension::All, "all"}, 60, mentions(-3), std::nullopt);
  write(*store, batch);

  int keys = 0;
  ASSERT_TRUE(store->scan(Space::Counters, "", "", [&](std::string_view, std::string_view) {
    ++keys;
    return true;
  }));
  EXPECT_EQ(keys, 0);
}

TEST(Counters, SayNothingOfAdditionsThatCancelOut) {
  ScratchStore store;
  CounterBatch batch(*store, kPartition);
  batch.add({Dimension::All, "all"}, 60, mentions(1), std::nullopt);
  batch.add({Dimension::All, "all"}, 60, mentions(-1), std::nullopt);

  StoreBatch changes;
  const auto changed = batch.flush(changes);

  ASSERT_TRUE(changed);
  EXPECT_TRUE(changed->empty());
  EXPECT_TRUE(changes.empty());
}

TEST(Counters, LeaveExpiredBucketsAlone) {
  ScratchStore store;
  CounterBatch batch(*store, kPartition);
  const Time stream_time = start_of_minute(100 * 24 * 60);
  const Minute day_and_an_hour_ago = 100 * 24 * 60 - 25 * 60;
  batch.add({Dimension::All, "all"}, day_and_an_hour_ago, mentions(1), stream_time);
  batch.add({Dimension::All, "all"}, day_and_an_hour_ago + 1, mentions(1), stream_time);
  batch.add({Dimension::All, "all"}, 100 * 24 * 60 - 35 * 24 * 60, mentions(1), stream_time);

  StoreBatch changes;
  const auto changed = batch.flush(changes);

  ASSERT_TRUE(changed);
  ASSERT_EQ(changed->size(), 2U);
  EXPECT_EQ((*changed)[0].granularity, Granularity::Hour);
  EXPECT_EQ(mentions_of((*changed)[0].value), 2);
  EXPECT_EQ((*changed)[1].granularity, Granularity::Minute);
  EXPECT_EQ((*changed)[1].bucket, day_and_an_hour_ago + 1);
}

TEST(Counters, DumpInTheOrderOfNames) {
  ScratchStore store;
  CounterBatch batch(*store, kPartition);
  batch.add({Dimension::Theme, "b"}, 120, mentions(1), std::nullopt);
  batch.add({Dimension::Theme, "a"}, 120, mentions(1), std::nullopt);
  batch.add({Dimension::Campaign, "z"}, 60, mentions(1), std::nullopt);
  batch.add({Dimension::All, "all"}, 60, mentions(4), std::nullopt);
  write(*store, batch);

  std::vector<std::string> lines;
  const auto dumped = CounterReader(*store, 8).dump(
      std::nullopt,
      [&](Dimension dimension, std::string_view id, Measure, Hour hour, std::int64_t value) {
        lines.push_back(std::string(name(dimension)) + ' ' + std::string(id) + ' ' +
                        std::to_string(hour) + ' ' + std::to_string(value));
      });

  ASSERT_TRUE(dumped);
  EXPECT_EQ(lines, (std::vector<std::string>{"all all 1 4", "campaign z 1 1", "theme a 2 1",
                                             "theme b 2 1"}));
}

TEST(Counters, ListTheIdsOfADimension) {
  ScratchStore store;
  CounterBatch batch(*store, Partition{0});
  for (const char* id : {"zz", "a", "with/slash", "long-identifier"}) {
    batch.add({Dimension::Theme, id}, 60, mentions(1), std::nullopt);
  }
  batch.add({Dimension::Campaign, "other"}, 60, mentions(1), std::nullopt);
  write(*store, batch);

  EXPECT_EQ(*CounterReader(*store, 1).ids(Dimension::Theme),
            (std::vector<std::string>{"a", "long-identifier", "with/slash", "zz"}));
}

TEST(CounterKey, KeepsBucketsBefore1970InOrder) {
  ScratchStore store;
  CounterBatch batch(*store, Partition{0});
  batch.add({Dimension::All, "all"}, -61, mentions(1), std::nullopt);
  batch.add({Dimension::All, "all"}, 1, mentions(2), std::nullopt);
  write(*store, batch);

  const auto hours =
      CounterReader(*store, 1).series({Dimension::All, "all"}, Granularity::Hour, -100, 100);

  ASSERT_EQ(hours->size(), 2U);
  EXPECT_EQ((*hours)[0].bucket, -2);
  EXPECT_EQ((*hours)[1].bucket, 0);
}

TEST(CounterKey, RefusesWhatIsNoKey) {
  EXPECT_FALSE(parse_counter_key(""));
  EXPECT_FALSE(parse_counter_key("\x02xxxxxxxx"));
  EXPECT_FALSE(parse_counter_value(""));
  EXPECT_FALSE(parse_counter_value("\x01\xff\xff\xff\xff\x7f"));
}

}  // namespace
}  // namespace vigie
