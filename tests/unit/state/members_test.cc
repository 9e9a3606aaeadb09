#include "state/members.h"

#include <gtest/gtest.h>

#include "tests/fakes/scratch_store.h"

namespace vigie {
namespace {

constexpr std::int32_t kPartitions = 2;
constexpr Hour kNow = 490'000;

AuthorKey author(std::uint8_t number) {
  return AuthorKey{number};
}
std::string hashed(const AuthorKey& author) {
  const KeyedHash hash = erased(author);
  return hex(hash);
}

class Members : public ::testing::Test {
 protected:
  void count(const Series& series, Hour hour, Measure measure, std::int64_t value,
             Partition partition = Partition{0}) {
    Measures delta{};
    at(delta, measure) = value;
    CounterBatch counters(*store_, partition);
    counters.add(series, hour * 60, delta, std::nullopt);
    StoreBatch batch;
    ASSERT_TRUE(counters.flush(batch));
    ASSERT_TRUE(store_->write(batch, Durability::Buffered));
  }
  void wrote(std::uint8_t who, Hour hour, Partition partition = Partition{0}) {
    count({Dimension::Author, hex(author(who)), {}}, hour, Measure::Mentions, 1, partition);
  }
  void about_brand(std::uint8_t who, Hour hour, std::int64_t times) {
    count({Dimension::AuthorBrand, hashed(author(who)), "acme"}, hour, Measure::Mentions, times);
  }
  void answered(std::uint8_t who, Hour hour) {
    count({Dimension::AmbassadorAuthor, "x:@ana", hashed(author(who))}, hour, Measure::Own, 1);
  }
  void saw(std::uint8_t who, Hour hour) {
    Authors authors(*store_);
    authors.saw(author(who), start_of_hour(hour));
    StoreBatch batch;
    authors.flush_rows(batch);
    ASSERT_TRUE(store_->write(batch, Durability::Buffered));
  }
  AmbassadorSummary ana(Hour first, Hour last) {
    std::size_t budget = kMostAnswered;
    const auto found =
        ambassador_summary(counters_, "x:@ana", "acme", first, last, start_of_hour(kNow), budget);
    EXPECT_TRUE(found);
    return found.value_or(AmbassadorSummary{});
  }

  ScratchStore store_;
  CounterReader counters_{*store_, kPartitions};
  FirstSeenReader first_seen_{*store_};
};

TEST_F(Members, AreNewcomersInTheFirstSpanThatSawThem) {
  saw(1, 105);
  saw(2, 90);
  saw(3, 115);
  wrote(1, 105);
  wrote(1, 112, Partition{1});
  wrote(2, 109);
  wrote(2, 109, Partition{1});
  wrote(3, 119);
  wrote(3, 120);
  wrote(4, 99);

  const std::array<Hour, 3> edges = {100, 110, 120};
  const auto spans = members_by_span(counters_, first_seen_, edges);

  ASSERT_TRUE(spans);
  ASSERT_EQ(spans->size(), 2U);
  EXPECT_EQ((*spans)[0].members, 2);
  EXPECT_EQ((*spans)[0].newcomers, 1);
  EXPECT_EQ((*spans)[0].returning(), 1);
  EXPECT_EQ((*spans)[1].members, 2);
  EXPECT_EQ((*spans)[1].newcomers, 1);
}

TEST_F(Members, WhoWroteNothingThatCountsAreNone) {
  saw(1, 105);
  count({Dimension::Author, hex(author(1)), {}}, 105, Measure::Likes, 7);
  count({Dimension::Author, hex(author(2)), {}}, 105, Measure::Own, 1);

  const std::array<Hour, 2> edges = {100, 110};
  const auto spans = members_by_span(counters_, first_seen_, edges);

  ASSERT_TRUE(spans);
  EXPECT_EQ((*spans)[0].members, 0);
}

TEST_F(Members, OneAuthorIsToldInAllAndByTheme) {
  saw(1, kNow - 900);
  const std::string name = hex(author(1));
  for (const int ago : {2, 100, 30 * 24}) {
    wrote(1, kNow - ago);
    count({Dimension::ThemeAuthor, "late", name}, kNow - ago, Measure::Mentions, 1, Partition{1});
  }
  count({Dimension::Author, name, {}}, kNow - 1, Measure::Likes, 4);
  count({Dimension::ThemeAuthor, "other", hex(author(2))}, kNow - 2, Measure::Mentions, 1);

  const std::vector<std::string> themes = {"late", "other"};
  const auto found =
      author_summary(counters_, first_seen_, author(1), themes, kNow - 35 * 24, kNow);

  ASSERT_TRUE(found);
  EXPECT_EQ(found->first_seen, start_of_hour(kNow - 900));
  EXPECT_EQ(found->last_hour, kNow - 2);
  EXPECT_EQ(at(found->total, Measure::Mentions), 3);
  EXPECT_EQ(at(found->total, Measure::Likes), 4);
  ASSERT_EQ(found->themes.size(), 1U);
  EXPECT_EQ(found->themes[0].id, "late");
  EXPECT_EQ(at(found->themes[0].total, Measure::Mentions), 2);
}

TEST_F(Members, NobodyKnowsAnAuthorWhoNeverWrote) {
  const auto found = author_summary(counters_, first_seen_, author(9), {}, kNow - 35 * 24, kNow);

  ASSERT_TRUE(found);
  EXPECT_FALSE(found->first_seen);
  EXPECT_FALSE(found->last_hour);
  EXPECT_TRUE(is_zero(found->total));
}

TEST_F(Members, ActivityOfAnAmbassadorHalvesWithEachWeek) {
  const Series ana_{Dimension::Ambassador, "x:@ana", {}};
  count(ana_, kNow, Measure::Own, 1);
  count(ana_, kNow - 7 * 24, Measure::Mentions, 3, Partition{1});
  count(ana_, kNow - 14 * 24, Measure::Own, 2);
  count(ana_, kNow - 29 * 24, Measure::Own, 50);
  count({Dimension::Ambassador, "x:@bob", {}}, kNow, Measure::Own, 50);

  const AmbassadorSummary found = ana(kNow - 28 * 24 + 1, kNow);

  EXPECT_EQ(found.by, 3);
  EXPECT_EQ(found.about, 3);
  EXPECT_EQ(found.activity, 1 + 1.5 + 0.5);
}

TEST_F(Members, NurturedAreThoseWhoMentionTheBrandMoreAfterAnAnswer) {
  constexpr Hour kDay = 24;
  const Hour long_ago = kNow - 30 * kDay;
  answered(1, long_ago);
  answered(1, long_ago + 5);
  about_brand(1, long_ago - 28 * kDay - 1, 100);
  about_brand(1, long_ago - 28 * kDay, 1);
  about_brand(1, long_ago, 100);
  about_brand(1, long_ago + 1, 1);
  about_brand(1, long_ago + 28 * kDay, 2);
  about_brand(1, long_ago + 28 * kDay + 1, 100);
  answered(2, kNow - 2);
  about_brand(2, kNow - 3, 2);
  about_brand(2, kNow, 1);
  answered(3, kNow - 40 * kDay);

  const AmbassadorSummary found = ana(kNow - 35 * kDay, kNow);

  EXPECT_EQ(found.answers, 3);
  EXPECT_EQ(found.answered, 2);
  EXPECT_EQ(found.before, 1 + 2);
  EXPECT_EQ(found.after, 3 + 1);
  EXPECT_EQ(found.nurtured, 1);
  EXPECT_EQ(found.pending, 1);
}

TEST_F(Members, ADamagedFirstSightIsNoAnswer) {
  StoreBatch batch;
  batch.put(Space::Authors, first_seen_key(author(1)), "\x01short");
  ASSERT_TRUE(store_->write(batch, Durability::Buffered));
  const AuthorKey one = author(1);

  const auto found = first_seen_.of(std::span(&one, 1));

  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Code::Corrupt);
}

}  // namespace
}  // namespace vigie
