#include "pipeline/cli/cache_store.h"

#include <filesystem>
#include <string>

#include <gtest/gtest.h>
#include <prometheus/registry.h>

#include "tests/fakes/metric.h"
#include "tests/fakes/scratch_store.h"

namespace vigie {
namespace {

constexpr const char* kRebuilds = "vigie_store_rebuilds_total";
constexpr std::string_view kKey = "\x01k";

void put(Store& store, Space space, std::string_view key, std::string_view value) {
  StoreBatch batch;
  batch.put(space, key, value);
  ASSERT_TRUE(store.write(batch, Durability::Synced));
}

// A store with one row, which is closed.
void make(const std::filesystem::path& directory) {
  auto store = Store::open(directory, {});
  ASSERT_TRUE(store);
  put(**store, Space::Ledger, kKey, "v");
}

TEST(CacheStore, KeepsAStoreThatIsWhole) {
  const ScratchDirectory data;
  prometheus::Registry registry;
  make(data.path() / "state");

  const auto store = open_cache(data.path(), "state", {}, registry);

  ASSERT_TRUE(store) << store.error().message;
  EXPECT_EQ(*(*store)->get(Space::Ledger, kKey), std::optional<std::string>("v"));
  EXPECT_EQ(metric(registry, kRebuilds), 0);
}

TEST(CacheStore, SetsAsideWhatCannotBeOpened) {
  const ScratchDirectory data;
  prometheus::Registry registry;
  make(data.path() / "state");
  std::filesystem::remove(data.path() / "state" / "CURRENT");

  const auto store = open_cache(data.path(), "state", {}, registry);

  ASSERT_TRUE(store) << store.error().message;
  EXPECT_EQ(*(*store)->get(Space::Ledger, kKey), std::optional<std::string>());
  EXPECT_EQ(metric(registry, kRebuilds), 1);
  EXPECT_TRUE(std::filesystem::exists(data.path() / "state.damaged"));
}

TEST(CacheStore, SetsAsideWhatWasFoundDamagedWhileItWasOpen) {
  const ScratchDirectory data;
  prometheus::Registry registry;
  make(data.path() / "state");
  make(data.path() / "state.damaged");
  ASSERT_TRUE(mark_damaged(data.path(), "state"));

  {
    const auto store = open_cache(data.path(), "state", {}, registry);
    ASSERT_TRUE(store) << store.error().message;
    EXPECT_EQ(*(*store)->get(Space::Ledger, kKey), std::optional<std::string>());
    put(**store, Space::Ledger, kKey, "anew");
  }

  const auto again = open_cache(data.path(), "state", {}, registry);
  EXPECT_EQ(*(*again)->get(Space::Ledger, kKey), std::optional<std::string>("anew"));
  EXPECT_EQ(metric(registry, kRebuilds), 1);
}

TEST(CacheStore, RefusesANewerFormat) {
  const ScratchDirectory data;
  prometheus::Registry registry;
  {
    auto store = Store::open(data.path() / "state", {});
    ASSERT_TRUE(store);
    put(**store, Space::Meta,
        "\x01"
        "format",
        "999");
  }

  const auto store = open_cache(data.path(), "state", {}, registry);

  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, Code::Invalid);
  EXPECT_FALSE(std::filesystem::exists(data.path() / "state.damaged"));
}

TEST(CacheStore, DropsWhatWasSetAsideLongAgo) {
  const ScratchDirectory data;
  prometheus::Registry registry;
  const auto aside = data.path() / "state.damaged";
  make(aside);
  std::filesystem::last_write_time(
      aside, std::filesystem::file_time_type::clock::now() - std::chrono::hours{73});

  ASSERT_TRUE(open_cache(data.path(), "state", {}, registry));

  EXPECT_FALSE(std::filesystem::exists(aside));
}

}  // namespace
}  // namespace vigie
