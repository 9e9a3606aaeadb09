#include "state/author_set_batch.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <random>
#include <set>
#include <tuple>

#include <gtest/gtest.h>

#include "state/author_sets.h"
#include "state/authors.h"
#include "state/cut.h"
#include "tests/unit/state/authors_fixture.h"

namespace vigie {
namespace {

TEST(AuthorsOfAnHour, AreReadBackFromAnHourOn) {
  ScratchStore store;
  Authors authors(*store);
  const Series theme{Dimension::Theme, "t"};
  authors.count(Partition{0}, theme, 5, author(1), 1);
  authors.count(Partition{0}, theme, 6, author(1), 1);
  authors.count(Partition{0}, theme, 6, author(2), 1);
  authors.count(Partition{1}, theme, 7, author(3), 1);
  write(*store, authors);

  std::vector<Authors::SetChange> sets;
  ASSERT_TRUE(Authors(*store).read_sets(
      Partition{0}, 6, [&](const Authors::SetChange& set) { sets.push_back(set); }));

  ASSERT_EQ(sets.size(), 1U);
  EXPECT_EQ(sets[0].series, theme);
  EXPECT_EQ(sets[0].hour, 6);
  EXPECT_EQ(sets[0].authors.size(), 2U);
}

TEST(AuthorsOfAnHour, TakeBackWhatTheyCounted) {
  ScratchStore store;
  Authors authors(*store);
  const Series theme{Dimension::Theme, "t"};
  authors.count(Partition{0}, theme, 5, author(1), 1);
  authors.count(Partition{0}, theme, 5, author(1), 1);
  authors.count(Partition{0}, theme, 5, author(2), 1);
  write(*store, authors);
  authors.count(Partition{0}, theme, 5, author(1), -1);
  authors.count(Partition{0}, theme, 5, author(2), -1);

  StoreBatch batch;
  const auto changes = authors.flush_sets(batch);

  ASSERT_TRUE(changes);
  ASSERT_EQ(changes->size(), 1U);
  EXPECT_EQ((*changes)[0].authors.size(), 1U);
}

TEST(AuthorsOfAnHour, AddUpOverFlushesBeforeTheWrite) {
  ScratchStore store;
  Authors authors(*store);
  StoreBatch batch;
  authors.count(Partition{0}, {Dimension::Theme, "t"}, 5, author(1), 1);
  ASSERT_TRUE(authors.flush_sets(batch));
  authors.count(Partition{0}, {Dimension::Theme, "t"}, 5, author(2), 1);

  const auto changes = authors.flush_sets(batch);

  ASSERT_TRUE(changes);
  EXPECT_EQ((*changes)[0].authors.size(), 2U);
}

TEST(AuthorsOfAnHour, AreToldInTheMiddleOfABatchAndWrittenOnce) {
  ScratchStore store;
  Authors authors(*store);
  const Series theme{Dimension::Theme, "t"};
  authors.count(Partition{0}, theme, 5, author(1), 1);
  const auto middle = authors.set_changes();
  authors.count(Partition{0}, theme, 5, author(2), 1);
  const auto end = authors.set_changes();

  StoreBatch batch;
  const auto flushed = authors.flush_sets(batch);
  const auto again = authors.flush_sets(batch);

  ASSERT_TRUE(middle && end && flushed && again);
  ASSERT_EQ(middle->size(), 1U);
  EXPECT_EQ((*middle)[0].authors.size(), 1U);
  ASSERT_EQ(end->size(), 1U);
  EXPECT_EQ((*end)[0].authors.size(), 2U);
  ASSERT_EQ(flushed->size(), 1U);
  EXPECT_EQ((*flushed)[0].authors, (*end)[0].authors);
  EXPECT_TRUE((*flushed)[0].names_changed);
  EXPECT_EQ((*flushed)[0].records.size(), 2U);  // one an author
  EXPECT_TRUE(again->empty());
}

TEST(AuthorsOfAnHour, OfWhichNothingChangedAreNotWritten) {
  ScratchStore store;
  Authors authors(*store);
  const Series theme{Dimension::Theme, "t"};
  authors.count(Partition{0}, theme, 5, author(1), 1);
  write(*store, authors);
  authors.count(Partition{0}, theme, 5, author(1), -1);
  authors.count(Partition{0}, theme, 5, author(1), 1);

  StoreBatch batch;
  const auto changes = authors.flush_sets(batch);

  ASSERT_TRUE(changes);
  EXPECT_TRUE(changes->empty());
  EXPECT_EQ(batch.bytes(), StoreBatch().bytes());
}

// Near the limit it depends on the order of the messages whether a set becomes a sketch; how they
// are cut into batches must not matter.
TEST(AuthorsOfAnHour, AreTheSameInBatchesOfAnySize) {
  const Series theme{Dimension::Theme, "t"};
  std::size_t sketches = 0;
  for (unsigned seed = 0; seed < 20; ++seed) {
    std::mt19937 random(seed);
    std::vector<std::pair<AuthorKey, int>> messages;
    std::vector<AuthorKey> wrote;
    for (int i = 0; i < 700; ++i) {
      const bool takes_back = !wrote.empty() && random() % 4 == 0;
      if (takes_back) {
        const std::size_t at = random() % wrote.size();
        messages.emplace_back(wrote[at], -1);
        wrote.erase(wrote.begin() + static_cast<std::ptrdiff_t>(at));
      } else {
        AuthorKey key{};
        for (std::size_t k = 0; k < 8; ++k) key[k] = static_cast<std::uint8_t>(random());
        if (!wrote.empty() && random() % 4 == 0) key = wrote[random() % wrote.size()];
        messages.emplace_back(key, 1);
        wrote.push_back(key);
      }
    }
    std::set<std::string> stored;
    for (const std::size_t size : {1UL, 13UL, 700UL}) {
      ScratchStore store;
      Authors authors(*store);
      for (std::size_t i = 0; i < messages.size(); ++i) {
        authors.count(Partition{0}, theme, 5, messages[i].first, messages[i].second);
        if ((i + 1) % size == 0) write(*store, authors);
      }
      write(*store, authors);
      const auto value = store->get(Space::Authors, author_set_key(Partition{0}, theme, 5));
      ASSERT_TRUE(value && *value);
      stored.insert(**value);
    }
    ASSERT_EQ(stored.size(), 1U) << "seed " << seed;
    sketches += AuthorSet::decode(*stored.begin())->is_sketch() ? 1 : 0;
  }
  // Both kinds were met.
  EXPECT_GT(sketches, 1U);
  EXPECT_LT(sketches, 19U);
}

using Rows = std::map<std::string, std::string>;

Rows rows_of(const Store& store) {
  Rows rows;
  const std::string sets = author_sets_of(Partition{0});
  EXPECT_TRUE(store.scan(Space::Authors, sets, prefix_end(sets), [&](auto key, auto value) {
    if (!AuthorSet::decode(value)->empty()) rows.emplace(key, value);
    return true;
  }));
  return rows;
}

using Records = std::vector<AuthorSetRecord>;

// `first` and then `rest`, each in a write of its own.
Rows folded(const Records& first, const Records& rest = {}) {
  ScratchStore store;
  for (const Records* records : {&first, &rest}) {
    StoreBatch batch;
    for (const AuthorSetRecord& record : *records) {
      EXPECT_TRUE(fold_author_set(record.key, record.value, batch));
    }
    EXPECT_TRUE(store->write(batch, Durability::Buffered));
  }
  return rows_of(*store);
}

// The last record of each key, where it stands, as a compacted topic keeps them, and without
// tombstones later on.
Records compacted(const Records& records, bool with_tombstones) {
  Records out;
  std::set<std::string> later;
  for (std::size_t i = records.size(); i-- > 0;) {
    const bool is_last = later.insert(records[i].key).second;
    if (is_last && (with_tombstones || records[i].value)) out.push_back(records[i]);
  }
  std::ranges::reverse(out);
  return out;
}

// Sets that stay small, that become sketches and that empty again, with erasures between, in
// batches with cuts in the middle.
TEST(AuthorsOfAnHour, AreTheSameWhereTheirRecordsAreFolded) {
  std::size_t sketches = 0;
  std::size_t vanished = 0;
  for (unsigned seed = 0; seed < 6; ++seed) {
    std::mt19937 random(seed);
    ScratchStore store;
    auto authors = std::make_unique<Authors>(*store);
    Records told;
    std::vector<std::tuple<Series, AuthorKey>> wrote;
    std::set<std::string> ever;
    const std::size_t many = seed % 2 == 0 ? 150 : 600;
    for (int batch = 0; batch < 30; ++batch) {
      for (std::size_t i = 0; i < many / 10; ++i) {
        if (!wrote.empty() && random() % 3 == 0) {
          const std::size_t at = random() % wrote.size();
          const auto [series, one] = wrote[at];
          authors->count(Partition{0}, series, 5, one, -1);
          wrote.erase(wrote.begin() + static_cast<std::ptrdiff_t>(at));
        } else {
          const Series series{Dimension::Theme, random() % 5 == 0 ? "b" : "a"};
          const AuthorKey one = author(static_cast<std::uint8_t>(random() % 200),
                                       static_cast<std::uint8_t>(random() % (many / 100)));
          authors->count(Partition{0}, series, 5, one, 1);
          wrote.emplace_back(series, one);
        }
        if (random() % 20 == 0) ASSERT_TRUE(authors->set_changes());
      }
      if (batch % 7 == 6 && !wrote.empty()) {
        const AuthorKey gone = std::get<1>(wrote.front());
        for (const auto& [series, one] : wrote) {
          if (one == gone) authors->count(Partition{0}, series, 5, one, -1);
        }
        std::erase_if(wrote, [&](const auto& one) { return std::get<1>(one) == gone; });
        ASSERT_TRUE(authors->erase(Partition{0}, gone, Time{std::chrono::hours{batch}}));
      }
      if (batch == 20) {
        for (const auto& [series, one] : wrote) authors->count(Partition{0}, series, 5, one, -1);
        wrote.clear();
      }
      StoreBatch written;
      const auto changes = authors->flush_sets(written);
      ASSERT_TRUE(changes);
      for (const Authors::SetChange& change : *changes) {
        told.insert(told.end(), change.records.begin(), change.records.end());
      }
      authors->flush_rows(written);
      ASSERT_TRUE(store->write(written, Durability::Buffered));
      authors->settled();
      if (random() % 4 == 0) authors->reread(Partition{0});
      if (random() % 9 == 0) authors = std::make_unique<Authors>(*store);
      const Rows rows = rows_of(*store);
      if (batch % 3 == 2) {
        const auto middle = told.begin() + static_cast<std::ptrdiff_t>(random() % told.size());
        const Records tail = compacted({middle, told.end()}, true);
        ASSERT_EQ(folded(told), rows) << "seed " << seed << " batch " << batch;
        ASSERT_EQ(folded(compacted(told, false)), rows) << "seed " << seed << " batch " << batch;
        ASSERT_EQ(folded({told.begin(), middle}, tail), rows)
            << "seed " << seed << " batch " << batch;
        ASSERT_EQ(folded(told, told), rows) << "seed " << seed << " batch " << batch;
      }
      std::map<std::string, std::map<std::uint64_t, std::int64_t>> all;
      for (const auto& [series, one] : wrote) {
        ++all[author_set_key(Partition{0}, series, 5)][author_in_sets(one)];
      }
      for (const auto& [key, messages] : all) {
        ASSERT_TRUE(rows.contains(key)) << "seed " << seed << " batch " << batch;
        EXPECT_TRUE(AuthorSet::decode(rows.at(key))->agrees_with(messages))
            << "seed " << seed << " batch " << batch;
      }
      for (const auto& [key, value] : rows) {
        EXPECT_TRUE(all.contains(key) || AuthorSet::decode(value)->is_sketch())
            << "seed " << seed << " batch " << batch;
      }
      for (const auto& [key, value] : rows) {
        ever.insert(key);
        sketches += AuthorSet::decode(value)->is_sketch() ? 1 : 0;
      }
      vanished += ever.size() - rows.size();
    }
  }
  EXPECT_GT(sketches, 10U);
  EXPECT_GT(vanished, 2U);
}

TEST(AuthorsOfAnHour, OfWhichASketchIsMadeAreNamedByNoRecordAnyMore) {
  ScratchStore store;
  Authors authors(*store);
  const Series theme{Dimension::Theme, "t"};
  Records told;
  for (int i = 0; i < 300; ++i) {
    authors.count(Partition{0}, theme, 5,
                  author(static_cast<std::uint8_t>(i), static_cast<std::uint8_t>(i >> 8)), 1);
    if (i != 199 && i != 299) continue;
    StoreBatch batch;
    const auto changes = authors.flush_sets(batch);
    ASSERT_TRUE(changes);
    for (const Authors::SetChange& change : *changes) {
      told.insert(told.end(), change.records.begin(), change.records.end());
    }
    ASSERT_TRUE(store->write(batch, Durability::Buffered));
    authors.settled();
  }

  const Records kept = compacted(told, false);

  ASSERT_EQ(kept.size(), 1U);
  EXPECT_EQ(kept[0].key.front(), kAuthorSetRecord);
}

// Their name is gone from the set while a message of theirs still counts: what is taken back and
// counted again afterwards counts the same in the store and in what is remembered.
TEST(AuthorsOfAnHour, AreRememberedAsTheyAreStored) {
  const Series theme{Dimension::Theme, "t"};
  std::set<std::string> stored;
  for (const bool anew : {false, true}) {
    ScratchStore store;
    auto authors = std::make_unique<Authors>(*store);
    authors->count(Partition{0}, theme, 5, author(1), 1);
    authors->count(Partition{0}, theme, 5, author(2), 1);
    write(*store, *authors);
    ASSERT_TRUE(authors->erase(Partition{0}, author(1), Time{}));
    write(*store, *authors);
    for (int i = 0; i < 2; ++i) {
      if (anew) authors = std::make_unique<Authors>(*store);
      if (i == 0) authors->count(Partition{0}, theme, 5, author(1), -1);
      authors->count(Partition{0}, theme, 5, author(1), 1);
      write(*store, *authors);
    }
    stored.insert(store->get(Space::Authors, author_set_key(Partition{0}, theme, 5))->value());
  }
  EXPECT_EQ(stored.size(), 1U);
}

TEST(AuthorsOfAnHour, AreReadAnewWhenAnotherMayHaveCounted) {
  ScratchStore store;
  Authors authors(*store);
  Authors other(*store);
  const Series theme{Dimension::Theme, "t"};
  authors.count(Partition{0}, theme, 5, author(1), 1);
  write(*store, authors);
  other.count(Partition{0}, theme, 5, author(1), 1);
  write(*store, other);

  authors.reread(Partition{0});
  authors.count(Partition{0}, theme, 5, author(1), 1);
  write(*store, authors);

  const auto stored = store->get(Space::Authors, author_set_key(Partition{0}, theme, 5));
  EXPECT_EQ(AuthorSet::decode(stored->value())->messages_of(author_in_sets(author(1))), 3);
}

TEST(AuthorsOfAnHour, StayBoundedAndTellNoMoreNames) {
  ScratchStore store;
  Authors authors(*store);
  for (int i = 0; i < 400; ++i) {
    authors.count(Partition{0}, {Dimension::Theme, "t"}, 5,
                  author(static_cast<std::uint8_t>(i), static_cast<std::uint8_t>(i >> 8)), 1);
  }

  StoreBatch batch;
  const auto changes = authors.flush_sets(batch);

  ASSERT_TRUE(changes);
  EXPECT_EQ((*changes)[0].authors.size(), Cut::kAuthors);
  EXPECT_TRUE((*changes)[0].names_changed);
  // It is told whole, after each of the authors of whom there may be records has gone.
  ASSERT_EQ((*changes)[0].records.size(), 401U);
  EXPECT_EQ((*changes)[0].records[0].value, std::nullopt);
  EXPECT_LT((*changes)[0].records.back().value->size(), 6000U);

  authors.count(Partition{0}, {Dimension::Theme, "t"}, 5, author(9, 200), 1);
  const auto more = authors.flush_sets(batch);
  ASSERT_TRUE(more);
  ASSERT_EQ(more->size(), 1U);
  EXPECT_FALSE((*more)[0].names_changed);
  EXPECT_EQ((*more)[0].records.size(), 1U);
}

TEST(AuthorsOfAnHour, AnErasedAuthorIsNamedByNoSketch) {
  ScratchStore store;
  Authors authors(*store);
  const Series theme{Dimension::Theme, "t"};
  for (int i = 0; i < 400; ++i) {
    authors.count(Partition{0}, theme, 5,
                  author(static_cast<std::uint8_t>(i), static_cast<std::uint8_t>(i >> 8)), 1);
  }
  write(*store, authors);
  const std::string key = author_set_key(Partition{0}, theme, 5);
  const AuthorSet before = *AuthorSet::decode(**store->get(Space::Authors, key));
  ASSERT_EQ(before.named()[0], 0U);

  const auto stood = authors.erase(Partition{0}, author(0), Time{std::chrono::hours{1}});
  ASSERT_TRUE(stood);
  StoreBatch batch;
  const auto changes = authors.flush_sets(batch);
  ASSERT_TRUE(changes);
  authors.flush_rows(batch);
  ASSERT_TRUE(store->write(batch, Durability::Buffered));

  EXPECT_NE(std::ranges::find(*stood, key), stood->end());
  ASSERT_EQ(changes->size(), 1U);
  EXPECT_TRUE((*changes)[0].names_changed);
  EXPECT_EQ((*changes)[0].authors.size(), Cut::kAuthors - 1);
  const AuthorSet after = *AuthorSet::decode(**store->get(Space::Authors, key));
  EXPECT_NE(after.named()[0], 0U);
  EXPECT_EQ(after.size(), before.size());
}

}  // namespace
}  // namespace vigie
