#include "state/store.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>

#include <fmt/format.h>
#include <gmock/gmock.h>
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
  EXPECT_EQ((*store)->get(Space::Meta, key)->value(), "4");
}

// The store asks long after whoever opened it has forgotten its options.
TEST(Store, AsksWhatToDropAsLongAsItIsOpen) {
  const ScratchDirectory directory;
  const std::string old = "an old row, with a key that is too long to be kept in place";
  auto options = std::make_unique<StoreOptions>();
  options->drop = [old](Space space, std::string_view key, std::string_view) {
    return space == Space::Ledger && key == old;
  };
  auto store = Store::open(directory.path(), *options);
  ASSERT_TRUE(store);
  options.reset();
  StoreBatch batch;
  batch.put(Space::Ledger, old, "1");
  batch.put(Space::Ledger, "kept", "2");
  ASSERT_TRUE((*store)->write(batch, Durability::Buffered));

  ASSERT_TRUE((*store)->scour({{Space::Ledger, "", "z"}}));

  EXPECT_FALSE((*store)->get(Space::Ledger, old)->has_value());
  EXPECT_TRUE((*store)->get(Space::Ledger, "kept")->has_value());
}

// The log that a cache is made from says what its rows cannot: that it is of another form, too.
TEST(Store, OfAnOlderFormatThatIsACacheIsMadeAnew) {
  const ScratchDirectory directory;
  {
    auto store = Store::open(directory.path(), {.is_cache = true});
    ASSERT_TRUE(store);
    StoreBatch batch;
    batch.put(Space::Meta,
              "\x01"
              "format",
              "3");
    ASSERT_TRUE((*store)->write(batch, Durability::Synced));
  }

  const auto store = Store::open(directory.path(), {.is_cache = true});

  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, Code::Corrupt);
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
  EXPECT_EQ(store.error().code, Code::Invalid);
  EXPECT_NE(store.error().message.find("999"), std::string::npos);
}

// A store with many writes in its log and in files, closed as by a kill.
class DamagedStore : public testing::Test {
 protected:
  DamagedStore() {
    auto store = Store::open(live_.path(), {});
    if (!store) std::abort();
    for (int i = 0; i < 400; ++i) {
      StoreBatch batch;
      batch.put(Space::Ledger, key(i), std::string(1000, static_cast<char>('a' + i % 26)));
      if (!(*store)->write(batch, Durability::Synced)) std::abort();
      // From here on everything is in files, too, and the rest only in the log.
      if (i == 199 && !(*store)->checkpoint(flushed_.path() / "s")) std::abort();
    }
    std::filesystem::copy(live_.path(), killed(), std::filesystem::copy_options::recursive);
  }
  static std::string key(int i) { return fmt::format("{:04}", i); }
  std::filesystem::path killed() const { return copies_.path() / "killed"; }

  // The newest file of a kind.
  std::filesystem::path file(const std::string& extension) const {
    std::filesystem::path newest;
    for (const auto& entry : std::filesystem::directory_iterator(killed())) {
      const auto& path = entry.path();
      if (path.extension() == extension && path.filename() > newest.filename()) newest = path;
    }
    return newest;
  }
  static void flip(const std::filesystem::path& file, std::uintmax_t at) {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekg(static_cast<std::streamoff>(at));
    const int byte = stream.get();
    stream.seekp(static_cast<std::streamoff>(at));
    stream.put(static_cast<char>(byte ^ 0x55));
  }
  int whole_keys() const {
    auto store = Store::open(killed(), {});
    if (!store) {
      ADD_FAILURE() << store.error().message;
      return 0;
    }
    const std::vector<std::string> keys = keys_between(**store, Space::Ledger, "", "");
    // Nothing is missing before the last one.
    if (!keys.empty()) EXPECT_EQ(keys.back(), key(static_cast<int>(keys.size()) - 1));
    return static_cast<int>(keys.size());
  }
  void expect_refused() const {
    const auto store = Store::open(killed(), {});
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().code, Code::Corrupt) << store.error().message;
    EXPECT_TRUE(store.error().message.contains("vigie restore")) << store.error().message;
  }

  ScratchDirectory live_;
  ScratchDirectory flushed_;
  ScratchDirectory copies_;
};

TEST_F(DamagedStore, HasEveryWriteAfterAKill) {
  EXPECT_EQ(whole_keys(), 400);
}

TEST_F(DamagedStore, EndsAtItsLastWholeWriteWhenTheLogIsCut) {
  const auto log = file(".log");
  std::filesystem::resize_file(log, std::filesystem::file_size(log) - 500);

  EXPECT_EQ(whole_keys(), 399);
}

TEST_F(DamagedStore, EndsAtItsLastWholeWriteWhenThatIsHalfWritten) {
  const auto log = file(".log");
  flip(log, std::filesystem::file_size(log) - 500);

  EXPECT_EQ(whole_keys(), 399);
}

TEST_F(DamagedStore, IsRefusedWithAHoleInItsLog) {
  const auto log = file(".log");
  flip(log, std::filesystem::file_size(log) / 2);

  expect_refused();
}

TEST_F(DamagedStore, IsRefusedWithoutOneOfItsFiles) {
  std::filesystem::remove(file(".sst"));

  expect_refused();
}

TEST_F(DamagedStore, IsRefusedWithoutTheFileThatNamesAllOthers) {
  std::filesystem::remove(killed() / "CURRENT");

  expect_refused();
}

TEST_F(DamagedStore, TellsAFlippedByteAndTheWayOut) {
  flip(file(".sst"), 300);

  const auto store = Store::open(killed(), {.way_out = "remove it"});
  ASSERT_TRUE(store) << store.error().message;
  const auto verified = (*store)->verify();
  const auto read = (*store)->scan(Space::Ledger, "", "", [](auto, auto) { return true; });

  ASSERT_FALSE(verified);
  EXPECT_EQ(verified.error().code, Code::Corrupt);
  EXPECT_TRUE(verified.error().message.ends_with("; remove it")) << verified.error().message;
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::Corrupt);
}

TEST_F(DamagedStore, IsWholeInItsCheckpoint) {
  const auto store = Store::open(flushed_.path() / "s", {});

  ASSERT_TRUE(store) << store.error().message;
  EXPECT_EQ(keys_between(**store, Space::Ledger, "", "").size(), 200);
}

TEST_F(DamagedStore, IsHeldOnlyWhileSomeoneHasItOpen) {
  EXPECT_FALSE(store_is_held(killed()));
  EXPECT_FALSE(store_is_held(copies_.path() / "nothing"));
}

TEST(StoreSnapshot, SeesNothingOfLaterWrites) {
  ScratchStore store;
  StoreBatch batch;
  batch.put(Space::Ledger, "a", "1");
  ASSERT_TRUE(store->write(batch, Durability::Buffered));
  const auto moment = store->snapshot();
  batch.clear();
  batch.put(Space::Ledger, "a", "2");
  batch.put(Space::Counters, "b", "2");
  ASSERT_TRUE(store->write(batch, Durability::Buffered));

  std::string seen;
  const auto see = [&](std::string_view key, std::string_view value) {
    seen += std::string(key) + "=" + std::string(value) + " ";
    return true;
  };
  ASSERT_TRUE(moment->scan(Space::Ledger, "", "", see));
  ASSERT_TRUE(moment->scan(Space::Counters, "", "", see));

  EXPECT_EQ(seen, "a=1 ");
}

TEST(Store, TellsThePointsACrashIsTriedAt) {
  const ScratchDirectory directory;
  std::vector<std::string> points;
  std::mutex mutex;
  StoreOptions options;
  options.at_point = [&](std::string_view point) {
    const std::lock_guard lock(mutex);
    points.emplace_back(point);
  };
  {
    auto store = Store::open(directory.path(), options);
    ASSERT_TRUE(store);
    ASSERT_TRUE((*store)->checkpoint(directory.path() / "checkpoint"));
  }

  const std::vector<std::string> wanted = {"store.write.before", "store.write.after",
                                           "store.checkpoint", "store.flush.begin",
                                           "store.flush.end"};
  EXPECT_THAT(points, testing::IsSupersetOf(wanted));
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

// Every file of a store, one after the other.
std::string bytes_of(const std::filesystem::path& directory) {
  std::string out;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    std::ifstream stream(entry.path(), std::ios::binary);
    out.append(std::istreambuf_iterator<char>(stream), {});
  }
  return out;
}

TEST(Store, AfterScouringNoFileHoldsWhatWasDeletedOrOverwritten) {
  ScratchDirectory directory;
  StoreOptions options;
  options.compress = false;
  auto store = Store::open(directory.path(), options);
  ASSERT_TRUE(store);
  const auto put = [&](std::string_view key, std::string_view value) {
    StoreBatch batch;
    batch.put(Space::Ledger, key, value);
    ASSERT_TRUE((*store)->write(batch, Durability::Buffered));
  };
  for (int i = 0; i < 1000; ++i) put("\x01key" + std::to_string(i), "value");
  put("\x01secretkey", "secretvalue");
  put("\x01kept", "oldvalue");
  ASSERT_TRUE((*store)->scour({}));
  ASSERT_TRUE(bytes_of(directory.path()).contains("secretkey"));
  put("\x01kept", "newvalue");
  StoreBatch erased;
  erased.erase(Space::Ledger, "\x01secretkey");
  ASSERT_TRUE((*store)->write(erased, Durability::Synced));

  ASSERT_TRUE((*store)->scour({{Space::Ledger, "\x01secretkey", "\x01secretkey"},
                               {Space::Ledger, "\x01kept", "\x01kept"}}));

  const std::string bytes = bytes_of(directory.path());
  EXPECT_FALSE(bytes.contains("secretkey"));
  EXPECT_FALSE(bytes.contains("secretvalue"));
  EXPECT_FALSE(bytes.contains("oldvalue"));
  EXPECT_TRUE(bytes.contains("newvalue"));
  EXPECT_EQ(**(*store)->get(Space::Ledger, "\x01key7"), "value");
}

}  // namespace
}  // namespace vigie
