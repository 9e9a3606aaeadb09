#include "state/authors.h"

#include <chrono>

#include <gtest/gtest.h>

#include "tests/unit/state/authors_fixture.h"

namespace vigie {
namespace {

TEST(Authors, AreNewOnceAlsoWithinABatch) {
  ScratchStore store;
  Authors authors(*store);
  EXPECT_TRUE(*authors.is_new(author(1)));

  authors.saw(author(1), Time{});

  EXPECT_FALSE(*authors.is_new(author(1)));
  write(*store, authors);
  EXPECT_FALSE(*authors.is_new(author(1)));
  EXPECT_FALSE(*Authors(*store).is_new(author(1)));
  EXPECT_TRUE(*authors.is_new(author(2)));
}

TEST(Authors, AreHiddenPerPartitionUntilShownAgain) {
  ScratchStore store;
  Authors authors(*store);
  authors.set_hidden(Partition{1}, author(1), true);
  write(*store, authors);
  EXPECT_TRUE(*authors.hidden(Partition{1}, author(1)));
  EXPECT_FALSE(*authors.hidden(Partition{2}, author(1)));

  authors.set_hidden(Partition{1}, author(1), false);

  EXPECT_FALSE(*authors.hidden(Partition{1}, author(1)));
}

TEST(Authors, IndexTheirMessages) {
  ScratchStore store;
  Authors authors(*store);
  authors.add_message(Partition{0}, author(1), "x/2", 9);
  authors.add_message(Partition{0}, author(1), "x/1", 9);
  authors.add_message(Partition{0}, author(2), "x/3", 9);
  authors.add_message(Partition{1}, author(1), "x/4", 9);
  write(*store, authors);
  authors.remove_message(Partition{0}, author(1), "x/2");
  write(*store, authors);

  EXPECT_EQ(*authors.messages_of(Partition{0}, author(1)), std::vector<std::string>{"x/1"});
}

// Whether the only row of a store is past its keeping.
bool row_expired(const Store& store, Time stream_time) {
  bool expired = false;
  const auto scanned =
      store.scan(Space::Authors, "", "", [&](std::string_view key, std::string_view value) {
        expired = author_row_expired(key, value, stream_time);
        return true;
      });
  EXPECT_TRUE(scanned);
  return expired;
}

TEST(Authors, AnIndexRowGoesInTheWeekAfterItsMessageExpires) {
  constexpr Minute kWeek = 7 * 24 * 60;
  ScratchStore store;
  Authors authors(*store);
  authors.add_message(Partition{0}, author(1), "x/1", 10 * kWeek + 5);
  write(*store, authors);

  EXPECT_FALSE(row_expired(*store, start_of_minute(11 * kWeek - 1)));
  EXPECT_TRUE(row_expired(*store, start_of_minute(11 * kWeek)));

  authors.move_message(Partition{0}, author(1), "x/1", 10 * kWeek + 5, 12 * kWeek);
  write(*store, authors);
  EXPECT_FALSE(row_expired(*store, start_of_minute(13 * kWeek - 1)));
  EXPECT_TRUE(row_expired(*store, start_of_minute(13 * kWeek)));
}

// As a partition that comes from another worker: its rows were folded into the store beside this.
TEST(Authors, ReadAnewWhatAnotherWroteOfAPartition) {
  ScratchStore store;
  Authors authors(*store);
  EXPECT_FALSE(*authors.hidden(Partition{3}, author(1)));
  EXPECT_FALSE(*authors.erased_at(Partition{3}, author(2)));
  Authors other(*store);
  ASSERT_TRUE(other.set_hidden(Partition{3}, author(1), true));
  ASSERT_TRUE(other.erase(Partition{3}, author(2), Time{std::chrono::hours{7}}));
  write(*store, other);

  authors.reread(Partition{3});

  EXPECT_TRUE(*authors.hidden(Partition{3}, author(1)));
  EXPECT_EQ(*authors.erased_at(Partition{3}, author(2)), Time{std::chrono::hours{7}});
}

TEST(Authors, KnowWhoIsHiddenAlsoOfVeryMany) {
  ScratchStore store;
  Authors authors(*store);
  const auto one = [](int i) {
    AuthorKey key{};
    key[3] = static_cast<std::uint8_t>(i);
    key[4] = static_cast<std::uint8_t>(i >> 8);
    return key;
  };
  for (int i = 0; i < 10'050; ++i) {
    ASSERT_TRUE(authors.set_hidden(Partition{0}, one(i), true));
    if (i == 5'000) write(*store, authors);
  }
  ASSERT_TRUE(authors.set_hidden(Partition{0}, one(17), false));
  const auto check = [&](const Authors& asked) {
    EXPECT_TRUE(*asked.hidden(Partition{0}, one(0)));
    EXPECT_TRUE(*asked.hidden(Partition{0}, one(10'049)));
    EXPECT_FALSE(*asked.hidden(Partition{0}, one(17)));
    EXPECT_FALSE(*asked.hidden(Partition{0}, one(10'050)));
    EXPECT_FALSE(*asked.hidden(Partition{1}, one(0)));
  };
  check(authors);
  write(*store, authors);
  check(authors);
  check(Authors(*store));
}

TEST(Authors, AnErasureForgetsWhenTheAuthorWasFirstSeenAndNothingLater) {
  ScratchStore store;
  Authors authors(*store);
  const Time asked_at{std::chrono::hours{10}};
  authors.saw(author(1), asked_at);
  authors.saw(author(2), asked_at + std::chrono::seconds{1});
  write(*store, authors);

  ASSERT_TRUE(authors.erase(Partition{0}, author(1), asked_at));
  ASSERT_TRUE(authors.erase(Partition{0}, author(2), asked_at));
  write(*store, authors);

  EXPECT_TRUE(*authors.is_new(author(1)));
  EXPECT_FALSE(*authors.is_new(author(2)));
  EXPECT_EQ(*authors.erased_at(Partition{0}, author(1)), asked_at);
  EXPECT_EQ(*Authors(*store).erased_at(Partition{0}, author(1)), asked_at);
  EXPECT_FALSE(*authors.erased_at(Partition{1}, author(1)));
  EXPECT_EQ(*Authors(*store).erased_until(Partition{0}), asked_at);
}

}  // namespace
}  // namespace vigie
