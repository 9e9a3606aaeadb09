// What differs from one dimension to another: keys, buckets, how long they are kept, rankings.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "state/counters.h"
#include "tests/fakes/scratch_store.h"

namespace vigie {
namespace {

constexpr Partition kPartition{3};

Measures mentions(std::int64_t n) {
  Measures measures{};
  at(measures, Measure::Mentions) = n;
  return measures;
}

void write(Store& store, CounterBatch& batch) {
  StoreBatch changes;
  ASSERT_TRUE(batch.flush(changes));
  ASSERT_TRUE(store.write(changes, Durability::Buffered));
  batch.settled();
}

std::vector<Dimension> every_dimension() {
  std::vector<Dimension> all;
  for (std::size_t i = 1; i <= kDimensions; ++i) all.push_back(static_cast<Dimension>(i));
  return all;
}

TEST(Dimension, HasANameThatIsReadBack) {
  for (const Dimension dimension : every_dimension()) {
    EXPECT_FALSE(name(dimension).empty());
    EXPECT_EQ(parse_dimension(name(dimension)), dimension);
    EXPECT_EQ(is_pair(dimension), name(dimension).find("×") != std::string_view::npos);
  }
  EXPECT_FALSE(parse_dimension(""));
  EXPECT_FALSE(parse_dimension("theme×"));
}

TEST(CounterKey, IsReadBackInEveryDimension) {
  for (const Dimension dimension : every_dimension()) {
    for (const auto& [id, other] : std::vector<std::pair<std::string, std::string>>{
             {"a", "b"}, {"", ""}, {"with/slash×", "h"}, {std::string("n\0l", 3), "\xff\x01"}}) {
      const CounterKey key{.partition = kPartition,
                           .series = {dimension, id, is_pair(dimension) ? other : ""},
                           .granularity = Granularity::Hour,
                           .bucket = -7};
      const auto parsed = parse_counter_key(counter_key(key));
      ASSERT_TRUE(parsed) << name(dimension);
      EXPECT_EQ(parsed->series, key.series);
      EXPECT_EQ(parsed->partition, key.partition);
      EXPECT_EQ(parsed->granularity, key.granularity);
      EXPECT_EQ(parsed->bucket, key.bucket);
    }
  }
}

TEST(CounterKey, IsNoneWhenItIsCut) {
  for (const Dimension dimension : every_dimension()) {
    const std::string key = counter_key({kPartition, {dimension, "a", ""}, Granularity::Hour, 5});
    for (std::size_t size = 0; size < key.size(); ++size) {
      EXPECT_FALSE(parse_counter_key(key.substr(0, size))) << name(dimension) << ' ' << size;
    }
  }
}

TEST(PairId, IsItsHalvesJoined) {
  EXPECT_EQ(id_text(Series{Dimension::ThemeHashtag, "delivery", "späť"}), "delivery×späť");
  EXPECT_EQ(series_of(Dimension::ThemeLink, "delivery×https://a.example/×"),
            (Series{Dimension::ThemeLink, "delivery", "https://a.example/×"}));
  EXPECT_FALSE(series_of(Dimension::ThemeLink, "delivery"));
  EXPECT_EQ(series_of(Dimension::Hashtag, "2×3"), (Series{Dimension::Hashtag, "2×3", ""}));
}

TEST(Buckets, OfAuthorsAndRankedPairsAreHours) {
  ScratchStore store;
  CounterBatch batch(*store, kPartition);
  for (const Dimension dimension : every_dimension()) {
    batch.add(Series{dimension, "a", is_pair(dimension) ? "b" : ""}, 61, mentions(1), {});
  }
  StoreBatch changes;
  const auto flushed = batch.flush(changes);

  ASSERT_TRUE(flushed);
  std::map<Dimension, int> buckets;
  for (const CounterBatch::Change& change : *flushed) ++buckets[change.series.dimension];
  for (const Dimension dimension : every_dimension()) {
    const bool hours_only = dimension == Dimension::Author ||
                            dimension == Dimension::ThemeHashtag ||
                            dimension == Dimension::ThemeLink ||
                            dimension == Dimension::ThemeAuthor || is_of_members(dimension);
    EXPECT_EQ(buckets[dimension], hours_only ? 1 : 2) << name(dimension);
  }
}

TEST(Buckets, AreKeptAsLongAsTheirDimensionSays) {
  const Time now = start_of_hour(10'000);
  const auto expired = [&](Dimension dimension, int days) {
    return counter_expired(dimension, Granularity::Hour, 10'000 - days * 24, now);
  };
  EXPECT_FALSE(expired(Dimension::Theme, 111));
  EXPECT_TRUE(expired(Dimension::Theme, 112));
  EXPECT_FALSE(expired(Dimension::Competitor, 34));
  EXPECT_TRUE(expired(Dimension::Competitor, 35));
  EXPECT_FALSE(expired(Dimension::AuthorBrand, 62));
  EXPECT_TRUE(expired(Dimension::AuthorBrand, 63));
  EXPECT_TRUE(expired(Dimension::AmbassadorAuthor, 35));
  EXPECT_FALSE(expired(Dimension::ThemeLink, 7));
  EXPECT_TRUE(expired(Dimension::ThemeLink, 8));
  EXPECT_TRUE(counter_expired(Dimension::Theme, Granularity::Minute, (10'000 - 25) * 60, now));
}

TEST(Buckets, OfLongDimensionsFreezeWhenTheOthersExpire) {
  ScratchStore store;
  CounterBatch batch(*store, kPartition);
  const Minute event = 10'000 * 60;
  batch.add(Series{Dimension::Theme, "a", ""}, event, mentions(5), start_of_minute(event));
  write(*store, batch);

  batch.add(Series{Dimension::Theme, "a", ""}, event, mentions(-5),
            start_of_minute(event) + kHoursKept);
  write(*store, batch);

  const auto hours = CounterReader(*store, 4).series(Series{Dimension::Theme, "a", ""},
                                                     Granularity::Hour, 0, 20'000);
  ASSERT_TRUE(hours);
  ASSERT_EQ(hours->size(), 1U);
  EXPECT_EQ(at((*hours)[0].value, Measure::Mentions), 5);
}

TEST(CounterReader, ReadsHoursOfRankedPairsInOrder) {
  ScratchStore store;
  for (const std::int32_t partition : {0, 2}) {
    CounterBatch batch(*store, Partition{partition});
    for (const Hour hour : {-1, 5, 7}) {
      batch.add(Series{Dimension::ThemeHashtag, "a", "tag"}, hour * 60, mentions(hour + 2), {});
      batch.add(Series{Dimension::ThemeHashtag, "a", "tagged"}, hour * 60, mentions(100), {});
    }
    write(*store, batch);
  }

  const auto hours = CounterReader(*store, 3).series(Series{Dimension::ThemeHashtag, "a", "tag"},
                                                     Granularity::Hour, -1, 6);

  ASSERT_TRUE(hours);
  ASSERT_EQ(hours->size(), 2U);
  EXPECT_EQ((*hours)[0].bucket, -1);
  EXPECT_EQ(at((*hours)[0].value, Measure::Mentions), 2);
  EXPECT_EQ((*hours)[1].bucket, 5);
  EXPECT_EQ(at((*hours)[1].value, Measure::Mentions), 14);
}

TEST(CounterReader, HasNoMinutesWhereHoursAreCounted) {
  ScratchStore store;
  const auto minutes = CounterReader(*store, 1).series(Series{Dimension::Author, "a", ""},
                                                       Granularity::Minute, 0, 1);
  ASSERT_FALSE(minutes);
  EXPECT_EQ(minutes.error().code, Code::Invalid);
}

TEST(CounterReader, TotalsAreOfTheWindowAndOverPartitions) {
  for (const Dimension dimension : {Dimension::ThemeHashtag, Dimension::ThemeNetwork}) {
    ScratchStore store;
    for (const std::int32_t partition : {0, 1}) {
      CounterBatch batch(*store, Partition{partition});
      for (const Hour hour : {3, 4, 5, 6}) {
        batch.add(Series{dimension, "a", "x"}, hour * 60, mentions(hour), {});
      }
      batch.add(Series{dimension, "a", fmt::format("only-{}", partition)}, 240, mentions(1), {});
      batch.add(Series{dimension, "ab", "x"}, 240, mentions(50), {});
      write(*store, batch);
    }

    const auto totals = CounterReader(*store, 2).totals(dimension, "a", 4, 5, 100);

    ASSERT_TRUE(totals);
    std::map<std::string, std::int64_t> found;
    for (const auto& [other, measures] : *totals) found[other] = at(measures, Measure::Mentions);
    EXPECT_EQ(found,
              (std::map<std::string, std::int64_t>{{"only-0", 1}, {"only-1", 1}, {"x", 18}}));
  }
}

TEST(CounterReader, TotalsOfADimensionAreByItsIds) {
  ScratchStore store;
  CounterBatch batch(*store, kPartition);
  batch.add(Series{Dimension::City, "FR/Lyon", ""}, 240, mentions(2), {});
  batch.add(Series{Dimension::City, "FR/Paris", ""}, 240, mentions(3), {});
  write(*store, batch);
  const CounterReader reader(*store, 4);

  const auto totals = reader.totals(Dimension::City, "", 0, 10, 2);
  ASSERT_TRUE(totals);
  EXPECT_EQ(at(totals->at("FR/Lyon"), Measure::Mentions), 2);
  EXPECT_EQ(at(totals->at("FR/Paris"), Measure::Mentions), 3);

  const auto too_many = reader.totals(Dimension::City, "", 0, 10, 1);
  ASSERT_FALSE(too_many);
  EXPECT_EQ(too_many.error().code, Code::Invalid);
}

}  // namespace
}  // namespace vigie
