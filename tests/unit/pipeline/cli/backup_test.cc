#include "pipeline/cli/backup.h"

#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "pipeline/cli/author_secret.h"
#include "pipeline/cli/commands.h"
#include "state/contributions.h"
#include "state/stream_time.h"
#include "tests/fakes/scratch_store.h"

namespace vigie {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;

const Time kNow = *parse_time("2026-11-20T12:30:00Z");

// An instance with a record and its counts, and a place for backups.
class Backups : public testing::Test {
 protected:
  Backups() {
    config_.data_dir = root_.path() / "data";
    EXPECT_TRUE(author_secret(config_));
    count("x/1");
  }
  static LedgerRecord record() {
    LedgerRecord record;
    record.event_minute = minute_of(kNow);
    record.expires = minute_of(kNow + kLedgerKept) + 1;
    record.network = "x";
    record.queue = "none";
    return record;
  }
  std::unique_ptr<Store> open() const {
    auto store = Store::open(state(), {});
    if (!store) ADD_FAILURE() << store.error().message;
    return store ? std::move(*store) : nullptr;
  }
  void count(const std::string& key) const {
    const auto store = open();
    Ledger ledger(*store, Partition{0});
    CounterBatch counters(*store, Partition{0});
    Authors authors(*store);
    ledger.put(key, record());
    book(Partition{0}, record(), 1, std::nullopt, counters, authors);
    StoreBatch batch;
    EXPECT_TRUE(counters.flush(batch));
    ledger.flush(batch);
    batch.put(Space::Meta, stream_time_key(Partition{0}), encode_stream_time(kNow));
    EXPECT_TRUE(store->write(batch, Durability::Synced));
  }
  Result<BackupInfo> back_up(Time now = kNow) const {
    const fs::path checkpoint = root_.path() / "checkpoint";
    fs::remove_all(checkpoint);
    EXPECT_TRUE(open()->checkpoint(checkpoint));
    return make_backup(config_, checkpoint, to(), now, {});
  }
  Result<fs::path> restore(bool force, AtPoint at_point = {}) const {
    auto found = find_backup(to());
    if (!found) return found;
    return restore_backup(config_, *found,
                          {.force = force, .now = kNow, .at_point = std::move(at_point)});
  }
  static std::uint64_t records(const fs::path& directory) {
    StoreOptions options;
    options.read_only = true;
    const auto store = Store::open(directory, options);
    if (!store) {
      ADD_FAILURE() << store.error().message;
      return 0;
    }
    std::uint64_t count = 0;
    EXPECT_TRUE((*store)->scan(Space::Ledger, "", "", [&](auto, auto) { return ++count > 0; }));
    return count;
  }
  fs::path state() const { return config_.data_dir / "state"; }
  fs::path to() const { return root_.path() / "backups"; }

  ScratchDirectory root_;
  Config config_;
};

TEST_F(Backups, BringBackWhatWasThere) {
  const auto info = back_up();
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->ledger_records, 1U);
  EXPECT_GT(info->counters, 0U);
  EXPECT_EQ(info->stream_time, "2026-11-20T12:30:00Z");
  fs::remove_all(config_.data_dir);
  fs::create_directories(config_.data_dir);

  const auto aside = restore(false);

  ASSERT_TRUE(aside) << aside.error().message;
  EXPECT_EQ(*aside, fs::path());
  EXPECT_EQ(records(state()), 1U);
  // The same authors are known by the same keys.
  EXPECT_TRUE(fs::exists(config_.data_dir / "author.key"));
}

TEST_F(Backups, AreOfOneMomentThoughTheStoreGoesOn) {
  ASSERT_TRUE(back_up());
  count("x/2");
  count("x/3");
  ASSERT_EQ(records(state()), 3U);

  const auto aside = restore(true);

  ASSERT_TRUE(aside) << aside.error().message;
  EXPECT_EQ(records(state()), 1U);
  EXPECT_EQ(records(*aside), 3U);
}

TEST_F(Backups, DoNotReplaceAStoreUnasked) {
  ASSERT_TRUE(back_up());

  const auto aside = restore(false);

  ASSERT_FALSE(aside);
  EXPECT_EQ(aside.error().code, Code::Invalid);
  EXPECT_TRUE(aside.error().message.contains("--force")) << aside.error().message;
}

TEST_F(Backups, AreRefusedWhenAByteOfThemIsWrong) {
  const auto info = back_up();
  ASSERT_TRUE(info);
  for (const auto& entry : fs::directory_iterator(info->directory / "state")) {
    if (entry.path().extension() != ".sst") continue;
    // A copy, for the store may share the file.
    std::ifstream in(entry.path(), std::ios::binary);
    std::string bytes{std::istreambuf_iterator<char>(in), {}};
    bytes[bytes.size() / 2] ^= 1;
    fs::remove(entry.path());
    std::ofstream(entry.path(), std::ios::binary) << bytes;
    break;
  }

  const auto aside = restore(true);

  ASSERT_FALSE(aside);
  EXPECT_EQ(aside.error().code, Code::Corrupt);
  EXPECT_EQ(records(state()), 1U);
}

TEST_F(Backups, AreRefusedWithoutOneOfTheirFiles) {
  const auto info = back_up();
  ASSERT_TRUE(info);
  fs::remove(info->directory / "state" / "CURRENT");

  const auto aside = restore(true);

  ASSERT_FALSE(aside);
  EXPECT_EQ(aside.error().code, Code::Corrupt);
}

TEST_F(Backups, AreRefusedWhenAManifestNamesAFileElsewhere) {
  const auto info = back_up();
  ASSERT_TRUE(info);
  const fs::path file = info->directory / "manifest.json";
  std::ifstream in(file);
  std::string json{std::istreambuf_iterator<char>(in), {}};
  json.replace(json.find("state/CURRENT"), 13, "state/../../x");
  std::ofstream(file) << json;

  const auto aside = restore(true);

  ASSERT_FALSE(aside);
  EXPECT_EQ(aside.error().code, Code::Corrupt);
}

TEST_F(Backups, FitTheInstanceTheyWereMadeOf) {
  ASSERT_TRUE(back_up());
  config_.log.partitions = 4;
  EXPECT_EQ(restore(true).error().message,
            (to() / "backup-20261120T123000000Z: has 1 partitions, the config says 4").string());
  config_.log.partitions = 1;
  config_.author_key.emplace().fill(7);
  const auto aside = restore(true);
  ASSERT_FALSE(aside);
  EXPECT_TRUE(aside.error().message.contains("another secret")) << aside.error().message;
}

TEST_F(Backups, HoldNoSecretOfTheConfig) {
  config_.author_key.emplace().fill(7);

  const auto info = back_up();

  ASSERT_TRUE(info);
  EXPECT_FALSE(fs::exists(info->directory / "author.key"));
}

TEST_F(Backups, AreKeptUpToANumber) {
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(back_up(kNow + seconds{i}));
  fs::create_directories(to() / ".partial-20200101T000000Z" / "state");

  const auto removed = keep_backups(to(), 2);

  ASSERT_TRUE(removed);
  EXPECT_EQ(*removed, 3U);
  EXPECT_EQ(find_backup(to())->filename(), "backup-20261120T123003000Z");
  EXPECT_FALSE(fs::exists(to() / "backup-20261120T123001000Z"));
  EXPECT_TRUE(fs::exists(to() / "backup-20261120T123002000Z"));
}

TEST_F(Backups, LeaveAWholeStoreAtEveryPointOfARestore) {
  ASSERT_TRUE(back_up());
  count("x/2");
  std::vector<std::string> points;

  const auto aside = restore(true, [&](std::string_view point) {
    points.emplace_back(point);
    const bool done = point == "restore.exchanged";
    EXPECT_EQ(records(state()), done ? 1U : 2U) << point;
  });

  ASSERT_TRUE(aside) << aside.error().message;
  EXPECT_EQ(points,
            (std::vector<std::string>{"restore.copied", "restore.ready", "restore.exchanged"}));
}

TEST_F(Backups, DoctorRecountsAndNamesAWrongCounter) {
  const fs::path file = root_.path() / "vigie.yaml";
  std::ofstream(file) << "rules: rules.yaml\ndata_dir: " << config_.data_dir.string() << "\n";
  std::ofstream(root_.path() / "rules.yaml") << "brand: {id: acme, query: acme}\n";
  const DoctorCommand command{.config = file.string(), .recount = true};
  testing::internal::CaptureStdout();
  EXPECT_EQ(doctor(command), Exit::Good);
  const std::string good = testing::internal::GetCapturedStdout();
  EXPECT_TRUE(good.contains(" 0 differences")) << good;
  {
    const auto store = open();
    CounterBatch wrong(*store, Partition{0});
    Measures measures{};
    measures[static_cast<std::size_t>(Measure::Likes)] = 3;
    wrong.add({Dimension::Queue, "none", {}}, minute_of(kNow), measures, std::nullopt);
    StoreBatch batch;
    ASSERT_TRUE(wrong.flush(batch));
    ASSERT_TRUE(store->write(batch, Durability::Synced));
  }

  testing::internal::CaptureStdout();
  EXPECT_EQ(doctor(command), Exit::Input);
  const std::string bad = testing::internal::GetCapturedStdout();

  EXPECT_TRUE(
      bad.contains("FAIL  recount  partition 0 queue=none likes of the hour "
                   "2026-11-20T12:00:00Z: stored 3, the ledger has 0"))
      << bad;
  EXPECT_TRUE(bad.contains("2 differences")) << bad;
}

}  // namespace
}  // namespace vigie
