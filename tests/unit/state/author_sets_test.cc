#include "state/author_sets.h"

#include <random>

#include <gtest/gtest.h>

#include "pipeline/core/bytes.h"
#include "state/authors.h"
#include "tests/fakes/scratch_store.h"

namespace vigie {
namespace {

const Series kTheme{Dimension::Theme, "late"};

std::uint64_t author(std::uint64_t n) {
  return std::mt19937_64(n)();
}

AuthorSet set_of(std::uint64_t first, std::uint64_t last) {
  AuthorSet set;
  for (std::uint64_t i = first; i < last; ++i) set.count(author(i), 1);
  return set;
}

AuthorSet stored_and_read(const AuthorSet& set) {
  auto read = AuthorSet::decode(set.encode());
  EXPECT_TRUE(read);
  return read ? std::move(*read) : AuthorSet();
}

void put(Store& store, Partition partition, const Series& series, Hour hour, const AuthorSet& set) {
  StoreBatch batch;
  batch.put(Space::Authors, author_set_key(partition, series, hour), set.encode());
  ASSERT_TRUE(store.write(batch, Durability::Buffered));
}

TEST(AuthorSet, IsExactAndTakesBackUpTo256) {
  AuthorSet set = set_of(0, 256);
  EXPECT_EQ(set.size(), (AuthorCount{256, false}));

  set.count(author(0), 1);
  set.count(author(0), -1);
  EXPECT_EQ(set.size(), (AuthorCount{256, false}));
  set.count(author(0), -1);
  EXPECT_EQ(set.size(), (AuthorCount{255, false}));
  EXPECT_EQ(stored_and_read(set).size(), (AuthorCount{255, false}));
}

TEST(AuthorSet, OfOneMoreIsAnEstimateThatTakesNothingBack) {
  AuthorSet set = set_of(0, 257);
  EXPECT_TRUE(set.size().estimate);
  EXPECT_NEAR(static_cast<double>(set.size().authors), 257, 257 * 0.08);

  const AuthorCount before = set.size();
  EXPECT_FALSE(set.count(author(0), -1));
  EXPECT_EQ(set.size(), before);
  EXPECT_EQ(stored_and_read(set).size(), before);
  EXPECT_EQ(set.named().size(), AuthorSet::kNamed);
  EXPECT_EQ(stored_and_read(set).named(), set.named());
}

// One that comes and goes before the next one is no 257th.
TEST(AuthorSet, TestsItsLimitAfterEachMessage) {
  AuthorSet set = set_of(0, 255);
  for (std::uint64_t i = 300; i < 310; ++i) {
    set.count(author(i), 1);
    set.count(author(i), -1);
  }
  EXPECT_EQ(set.size(), (AuthorCount{255, false}));
}

TEST(AuthorSet, SaysWhetherAnythingChanged) {
  AuthorSet set;
  EXPECT_FALSE(set.count(author(1), -1));
  EXPECT_TRUE(set.count(author(1), 1));
  EXPECT_TRUE(set.count(author(1), 1));
  EXPECT_TRUE(set.empty() == false);
  EXPECT_TRUE(set.count(author(1), -2));
  EXPECT_TRUE(set.empty());
}

TEST(AuthorSet, RefusesDamagedBytes) {
  for (const AuthorSet& set : {set_of(0, 3), set_of(0, 300)}) {
    const std::string bytes = set.encode();
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      ASSERT_FALSE(AuthorSet::decode(std::string_view(bytes).substr(0, size))) << size;
    }
    EXPECT_FALSE(AuthorSet::decode(bytes + "x"));
  }
}

TEST(AuthorSet, ReadsWhatWasStoredBeforeThereWereSketches) {
  std::string exact("\x01\x00\x01", 3);
  put_fixed(exact, author(1));
  put_varint(exact, 7);
  std::string named("\x01\x01\x01", 3);
  put_fixed(named, author(1));
  put_varint(named, 7);

  ASSERT_TRUE(AuthorSet::decode(exact));
  EXPECT_EQ(AuthorSet::decode(exact)->size(), (AuthorCount{1, false}));
  ASSERT_TRUE(AuthorSet::decode(named));
  EXPECT_EQ(AuthorSet::decode(named)->size(), (AuthorCount{1, true}));
}

TEST(AuthorUnion, IsExactAsLongAsItCanBe) {
  AuthorUnion all;
  all.add(set_of(0, 200));
  all.add(set_of(100, 256));
  EXPECT_EQ(all.size(), (AuthorCount{256, false}));

  all.add(set_of(256, 257));
  EXPECT_TRUE(all.size().estimate);
  EXPECT_NEAR(static_cast<double>(all.size().authors), 257, 257 * 0.08);
}

// Partitions are added in any number and order.
TEST(AuthorUnion, OfPartsIsThatOfTheWhole) {
  AuthorUnion parts;
  for (std::uint64_t i = 0; i < 10; ++i) parts.add(set_of(i * 90, i * 90 + 100));
  AuthorUnion other_way;
  for (std::uint64_t i = 10; i-- > 0;) other_way.add(set_of(i * 90, i * 90 + 100));
  AuthorUnion whole;
  whole.add(set_of(0, 910));

  EXPECT_EQ(parts.size(), whole.size());
  EXPECT_EQ(other_way.size(), whole.size());
}

TEST(AuthorSetReader, ReadsAWindowOfOneSeriesOverAllPartitions) {
  ScratchStore store;
  put(*store, Partition{0}, kTheme, 4, set_of(0, 1));
  put(*store, Partition{0}, kTheme, 5, set_of(0, 2));
  put(*store, Partition{1}, kTheme, 7, set_of(1, 4));
  put(*store, Partition{1}, kTheme, 8, set_of(0, 9));
  put(*store, Partition{0}, {Dimension::Theme, "later"}, 5, set_of(0, 9));
  put(*store, Partition{0}, {Dimension::Campaign, "late"}, 5, set_of(0, 9));

  AuthorUnion all;
  std::vector<Hour> hours;
  ASSERT_TRUE(AuthorSetReader(*store, 2).series(kTheme, 5, 7, [&](Hour hour, const AuthorSet& set) {
    hours.push_back(hour);
    all.add(set);
  }));

  EXPECT_EQ(hours, (std::vector<Hour>{5, 7}));
  EXPECT_EQ(all.size(), (AuthorCount{4, false}));
}

TEST(AuthorSetReader, HoursBeforeTheEpochSortBeforeThoseAfter) {
  ScratchStore store;
  put(*store, Partition{0}, kTheme, -2, set_of(0, 1));
  put(*store, Partition{0}, kTheme, 1, set_of(1, 2));

  std::vector<Hour> hours;
  ASSERT_TRUE(AuthorSetReader(*store, 1).series(
      kTheme, -3, 1, [&](Hour hour, const AuthorSet&) { hours.push_back(hour); }));
  EXPECT_EQ(hours, (std::vector<Hour>{-2, 1}));
}

TEST(AuthorSetReader, SaysThatASetIsDamaged) {
  ScratchStore store;
  StoreBatch batch;
  batch.put(Space::Authors, author_set_key(Partition{0}, kTheme, 5), "\x02\x00\x09");
  ASSERT_TRUE(store->write(batch, Durability::Buffered));

  const AuthorSetReader reader(*store, 1);
  EXPECT_EQ(reader.series(kTheme, 0, 9, [](Hour, const AuthorSet&) {}).error().code, Code::Corrupt);
  EXPECT_EQ(reader.dump({}, [](const Series&, Hour, AuthorCount) {}).error().code, Code::Corrupt);
}

TEST(AuthorSetRecords, AreReadFromFilesAndFromTheLogOfAStoreThatIsOpenedAgain) {
  const ScratchDirectory directory;
  const std::string key = author_set_key(Partition{1}, kTheme, 5);
  {
    auto store = Store::open(directory.path(), {});
    ASSERT_TRUE(store);
    for (std::uint64_t author = 0; author < 100; ++author) {
      StoreBatch batch;
      for (const std::int64_t messages : {1, author % 3 == 0 ? 0 : 2}) {
        const AuthorSetRecord record = author_record(key, author, messages);
        ASSERT_TRUE(fold_author_set(record.key, record.value, batch));
      }
      ASSERT_TRUE((*store)->write(batch, Durability::Buffered));
      if (author % 40 == 0) ASSERT_TRUE((*store)->scour({{Space::Authors, key, key}}));
    }
  }
  const auto store = Store::open(directory.path(), {});
  ASSERT_TRUE(store);
  const auto stored = (*store)->get(Space::Authors, key);
  ASSERT_TRUE(stored && *stored);
  const auto set = AuthorSet::decode(**stored);
  ASSERT_TRUE(set);
  EXPECT_EQ(set->size(), (AuthorCount{66, false}));
  EXPECT_EQ(set->messages_of(1), 2);
  EXPECT_EQ(set->messages_of(3), 0);
}

TEST(AuthorSetRecords, OfOneAuthorLeaveASketchAsItIs) {
  ScratchStore store;
  const std::string key = author_set_key(Partition{1}, kTheme, 5);
  const AuthorSet sketch = set_of(0, 300);
  StoreBatch batch;
  for (const AuthorSetRecord& record :
       {author_record(key, 7, 1), whole_set_record(key, sketch), author_record(key, 900, 1)}) {
    ASSERT_TRUE(fold_author_set(record.key, record.value, batch));
  }
  ASSERT_TRUE(store->write(batch, Durability::Buffered));
  EXPECT_EQ(store->get(Space::Authors, key)->value(), sketch.encode());
}

TEST(AuthorSetRecords, ThatAreDamagedAreRefused) {
  StoreBatch batch;
  const AuthorSetRecord good = author_record(author_set_key(Partition{1}, kTheme, 5), 7, 1);
  EXPECT_FALSE(fold_author_set(good.key, "", batch));
  EXPECT_FALSE(fold_author_set(good.key, "\x01\x01", batch));
  EXPECT_FALSE(fold_author_set(good.key, "\x80", batch));
  for (std::size_t size = 0; size < good.key.size(); ++size) {
    EXPECT_FALSE(fold_author_set(good.key.substr(0, size), good.value, batch)) << size;
  }
  const AuthorSetRecord whole = whole_set_record(author_set_key(Partition{1}, kTheme, 5), {});
  EXPECT_FALSE(fold_author_set(whole.key, set_of(0, 3).encode(), batch));
  EXPECT_FALSE(fold_author_set(whole.key, set_of(0, 300).encode() + "x", batch));
  EXPECT_FALSE(fold_author_set(whole.key.substr(0, 9), std::nullopt, batch));
  EXPECT_FALSE(fold_author_set("\x02", std::nullopt, batch));
  EXPECT_FALSE(fold_author_set("\x04" + good.key.substr(1), good.value, batch));
  EXPECT_TRUE(batch.empty());
}

}  // namespace
}  // namespace vigie
