#include "state/store.h"

#include <gtest/gtest.h>

#include "tests/fakes/scratch_store.h"

namespace vigie {
namespace {

std::vector<std::string> keys_between(const Store& store, Space space, std::string_view begin,
                                      std::string_view end) {
  std::vector<std::string> keys;
  EXPECT_TRUE(store.scan(space, begin, end, [&](std::string_view key, std::string_view) {
    keys.emplace_back(key);
    return true;
  }));
  return keys;
}

TEST(Store, KeepsWhatWasWrittenAcrossReopen) {
  ScratchStore store;
  StoreBatch batch;
  batch.put(Space::Ledger, "a", "1");
  ASSERT_TRUE(store->write(batch, Durability::Synced));

  store.reopen();

  const auto value = store->get(Space::Ledger, "a");
  ASSERT_TRUE(value);
  EXPECT_EQ(**value, "1");
}

TEST(Store, LetsTheLaterChangeOfAKeyWin) {
  ScratchStore store;
  StoreBatch batch;
  batch.put(Space::Meta, "a", "1");
  batch.erase(Space::Meta, "a");
  batch.put(Space::Meta, "b", "1");
  batch.put(Space::Meta, "b", "2");
  ASSERT_TRUE(store->write(batch, Durability::Buffered));

  EXPECT_FALSE(store->get(Space::Meta, "a")->has_value());
  EXPECT_EQ(**store->get(Space::Meta, "b"), "2");
}

TEST(Store, KeepsSpacesApart) {
  ScratchStore store;
  StoreBatch batch;
  batch.put(Space::Log, "k", "log");
  batch.put(Space::Latest, "k", "latest");
  ASSERT_TRUE(store->write(batch, Durability::Buffered));

  EXPECT_EQ(**store->get(Space::Log, "k"), "log");
  EXPECT_EQ(**store->get(Space::Latest, "k"), "latest");
  EXPECT_FALSE(store->get(Space::Queues, "k")->has_value());
}

TEST(Store, AnswersManyKeysInTheirOrder) {
  ScratchStore store;
  StoreBatch batch;
  batch.put(Space::Ledger, "a", "1");
  batch.put(Space::Ledger, "c", "3");
  ASSERT_TRUE(store->write(batch, Durability::Buffered));

  const std::vector<std::string_view> keys = {"c", "b", "a"};
  const auto values = store->get_many(Space::Ledger, keys);

  ASSERT_TRUE(values);
  EXPECT_EQ((*values)[0], "3");
  EXPECT_EQ((*values)[1], std::nullopt);
  EXPECT_EQ((*values)[2], "1");
}

TEST(Store, ScansAndErasesHalfOpenRanges) {
  ScratchStore store;
  StoreBatch batch;
  for (const char* key : {"a", "b", "c", "d"}) batch.put(Space::Log, key, "");
  ASSERT_TRUE(store->write(batch, Durability::Buffered));
  EXPECT_EQ(keys_between(*store, Space::Log, "b", "d"), (std::vector<std::string>{"b", "c"}));

  batch.clear();
  batch.erase_range(Space::Log, "b", "d");
  ASSERT_TRUE(store->write(batch, Durability::Buffered));

  EXPECT_EQ(keys_between(*store, Space::Log, "", ""), (std::vector<std::string>{"a", "d"}));
}

TEST(Store, RefusesADirectoryThatIsHeld) {
  ScratchStore store;

  const auto second = Store::open(store.path(), {});

  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::Unavailable);
}

TEST(Store, CanBeReadWhileItIsHeld) {
  ScratchStore store;
  StoreBatch batch;
  batch.put(Space::Counters, "a", "1");
  ASSERT_TRUE(store->write(batch, Durability::Synced));

  const auto reader = Store::open(store.path(), {.read_only = true});

  ASSERT_TRUE(reader) << reader.error().message;
  EXPECT_EQ(**(*reader)->get(Space::Counters, "a"), "1");
}

TEST(Store, TakesOverTheFormatBefore) {
  const ScratchDirectory directory;
  const std::string key =
      "\x01"
      "format";
  {
    auto store = Store::open(directory.path(), {});
    ASSERT_TRUE(store);
    StoreBatch batch;
    batch.put(Space::Meta, key, "1");
    ASSERT_TRUE((*store)->write(batch, Durability::Synced));
  }

  const auto store = Store::open(directory.path(), {});

  ASSERT_TRUE(store);
  EXPECT_EQ((*store)->get(Space::Meta, key)->value(), "3");
}

TEST(Store, RefusesANewerFormat) {
  const ScratchDirectory directory;
  {
    auto store = Store::open(directory.path(), {});
    ASSERT_TRUE(store);
    StoreBatch batch;
    batch.put(Space::Meta,
              "\x01"
              "format",
              "999");
    ASSERT_TRUE((*store)->write(batch, Durability::Synced));
  }

  const auto store = Store::open(directory.path(), {});

  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, Code::Corrupt);
  EXPECT_NE(store.error().message.find("999"), std::string::npos);
}

TEST(PrefixEnd, IsTheFirstKeyBeyondThePrefix) {
  EXPECT_EQ(prefix_end("ab"), "ac");
  EXPECT_EQ(prefix_end(std::string("a\xff", 2)), "b");
  EXPECT_EQ(prefix_end("\xff"), "");
}

TEST(Store, IsVerifiedByAReaderBesideItsOwner) {
  ScratchStore store;
  StoreBatch batch;
  batch.put(Space::Ledger, "a", "1");
  ASSERT_TRUE(store->write(batch, Durability::Synced));
  StoreOptions options;
  options.read_only = true;

  const auto reader = Store::open(store.path(), options);

  ASSERT_TRUE(reader) << reader.error().message;
  EXPECT_TRUE((*reader)->verify());
}

}  // namespace
}  // namespace vigie
