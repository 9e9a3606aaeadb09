#include "state/ledger.h"

#include <algorithm>
#include <numeric>
#include <random>

#include <gtest/gtest.h>

#include "tests/fakes/scratch_store.h"

namespace vigie {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

const Time kNow = *parse_time("2026-11-20T12:00:00Z");

LedgerRecord full_record() {
  LedgerRecord record;
  record.late = true;
  record.hidden = true;
  record.question = true;
  record.author_new = true;
  record.version = -5;
  record.content = 0xfedcba9876543210U;
  record.event_minute = minute_of(kNow);
  record.expires = minute_of(kNow) + 100;
  record.kind = Kind::Conversion;
  record.network = "x";
  record.conversation = "x/1";
  record.brand = "acme";
  record.competitors = {"globex"};
  record.themes = {"a", "b"};
  record.campaigns = {"c"};
  record.hashtags = {"été"};
  record.links = {"https://example.org/"};
  record.country = "FR";
  record.city = "Lyon";
  record.ambassador = "ana";
  record.conversion = "purchase";
  record.queue = "social";
  record.route = "r";
  record.priority = "high";
  record.rules = "0123456789abcdef";
  record.author[3] = 7;
  record.of_members = true;
  record.ambassadors = {"x:@ana", "x:7"};
  record.answered = KeyedHash{9};
  record.snapshot_at = kNow;
  record.snapshot = {1, std::nullopt, 0, 1'000'000'000'000, std::nullopt};
  record.journal = {{minute_of(kNow) - 3, {1, 0, -2, 0, 0}}, {minute_of(kNow), {0, 5, 0, 0, 9}}};
  return record;
}

TEST(LedgerRecord, ComesBackFromItsBytes) {
  const auto read = decode_ledger(encode(full_record()));

  ASSERT_TRUE(read);
  EXPECT_EQ(*read, full_record());
  EXPECT_EQ(*decode_ledger(encode(LedgerRecord{})), LedgerRecord{});
  LedgerRecord named;
  named.ambassadors = {"x:@ana"};
  EXPECT_EQ(*decode_ledger(encode(named)), named);
}

TEST(LedgerRecord, IsRefusedWhenCutAtAnyByte) {
  const std::string bytes = encode(full_record());

  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_ledger(std::string_view(bytes).substr(0, size))) << size;
  }
  EXPECT_FALSE(decode_ledger(bytes + "x"));
}

TEST(Snapshot, MovesEachToldCountByItsDifference) {
  LedgerRecord record;
  EXPECT_TRUE(take_snapshot(record, {.likes = 10, .shares = 2}, kNow, kNow));
  EXPECT_TRUE(take_snapshot(record, {.likes = 7, .views = 100}, kNow + minutes{5}, kNow));

  ASSERT_EQ(record.journal.size(), 2U);
  EXPECT_EQ(record.journal[0].deltas, (EngagementCounts{10, 0, 2, 0, 0}));
  EXPECT_EQ(record.journal[1].deltas, (EngagementCounts{-3, 0, 0, 100, 0}));
  EXPECT_EQ(record.snapshot[0], 7);
  EXPECT_EQ(record.snapshot[2], 2);
}

TEST(Snapshot, OlderThanTheLastChangesNothing) {
  LedgerRecord record;
  take_snapshot(record, {.likes = 10}, kNow, kNow);
  const LedgerRecord before = record;

  EXPECT_FALSE(take_snapshot(record, {.likes = 50}, kNow - minutes{1}, kNow));
  EXPECT_FALSE(take_snapshot(record, {}, kNow + minutes{1}, kNow));
  EXPECT_EQ(record, before);
}

TEST(Snapshot, HasOneJournalEntryAMinute) {
  LedgerRecord record;
  take_snapshot(record, {.likes = 1}, kNow, kNow);
  take_snapshot(record, {.likes = 4}, kNow + std::chrono::seconds{30}, kNow);

  ASSERT_EQ(record.journal.size(), 1U);
  EXPECT_EQ(record.journal[0].deltas[0], 4);
}

TEST(Journal, MergesTheOldestTwoOfAnHourFirst) {
  LedgerRecord record;
  // Two hours with one entry each, then thirty in one hour.
  take_snapshot(record, {.likes = 1}, kNow - hours{3}, std::nullopt);
  take_snapshot(record, {.likes = 2}, kNow - hours{2}, std::nullopt);
  for (int i = 0; i < 30; ++i) {
    take_snapshot(record, {.likes = 3 + i}, kNow + minutes{i}, std::nullopt);
  }
  ASSERT_EQ(record.journal.size(), kJournalEntries);

  take_snapshot(record, {.likes = 1000}, kNow + minutes{40}, std::nullopt);

  ASSERT_EQ(record.journal.size(), kJournalEntries);
  EXPECT_EQ(record.journal[0].minute, minute_of(kNow - hours{3}));
  EXPECT_EQ(record.journal[1].minute, minute_of(kNow - hours{2}));
  EXPECT_EQ(record.journal[2].minute, minute_of(kNow) + 1);
  EXPECT_EQ(record.journal[2].deltas[0], 2);
}

TEST(Journal, MergesWithinADayThenAWeekThenTheOldestTwo) {
  LedgerRecord by_day;
  take_snapshot(by_day, {.likes = 1}, kNow - hours{24 * 40}, std::nullopt);
  for (int i = 0; i < 31; ++i) {
    // Every hour of two days and a bit: no hour holds two.
    take_snapshot(by_day, {.likes = 2 + i}, kNow + hours{i}, std::nullopt);
  }
  take_snapshot(by_day, {.likes = 100}, kNow + hours{40}, std::nullopt);
  EXPECT_EQ(by_day.journal.size(), kJournalEntries);
  EXPECT_EQ(by_day.journal[0].minute, minute_of(kNow - hours{24 * 40}));
  EXPECT_EQ(by_day.journal[1].minute, minute_of(kNow + hours{1}));

  LedgerRecord by_week;
  for (int i = 0; i < 33; ++i) {
    take_snapshot(by_week, {.likes = 1 + i}, kNow + hours{24 * i}, std::nullopt);
  }
  // 2026-11-20 is a Friday: it shares its ISO week with the Saturday after it.
  EXPECT_EQ(by_week.journal[0].minute, minute_of(kNow + hours{24}));

  LedgerRecord oldest;
  for (int i = 0; i < 33; ++i) {
    take_snapshot(oldest, {.likes = 1 + i}, kNow + hours{24 * 7 * i}, std::nullopt);
  }
  EXPECT_EQ(oldest.journal[0].minute, minute_of(kNow + hours{24 * 7}));
  EXPECT_EQ(oldest.journal[0].deltas[0], 2);
}

TEST(Journal, KeepsTheSumWhateverComes) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 200; ++round) {
    LedgerRecord record;
    Time time = kNow;
    std::int64_t likes = 0;
    for (int i = 0; i < 100; ++i) {
      time += minutes{random() % (i % 7 == 0 ? 5000 : 30)};
      likes = static_cast<std::int64_t>(random() % 1000);
      take_snapshot(record, {.likes = likes}, time, std::nullopt);
      ASSERT_LE(record.journal.size(), kJournalEntries);
      ASSERT_TRUE(
          std::ranges::is_sorted(record.journal, std::ranges::less{}, &JournalEntry::minute));
    }
    const std::int64_t sum = std::accumulate(
        record.journal.begin(), record.journal.end(), std::int64_t{0},
        [](std::int64_t total, const JournalEntry& e) { return total + e.deltas[0]; });
    ASSERT_EQ(sum, likes) << "round " << round;
  }
}

TEST(Ledger, AnswersFromItsOwnChangesThenFromTheStore) {
  ScratchStore store;
  Ledger ledger(*store, Partition{0});
  const std::vector<std::string> keys = {"x/1", "x/2"};
  ASSERT_TRUE(ledger.prefetch(keys));
  EXPECT_EQ(ledger.find("x/1", std::nullopt), nullptr);
  LedgerRecord record = full_record();
  ledger.put("x/1", record);
  ledger.put_unmatched("x/2", {.version = 4, .event_minute = 9, .content = 3});
  ASSERT_NE(ledger.find("x/1", std::nullopt), nullptr);
  EXPECT_EQ(*ledger.find("x/1", std::nullopt), record);

  StoreBatch batch;
  EXPECT_EQ(ledger.flush(batch).size(), 2U);
  ASSERT_TRUE(store->write(batch, Durability::Buffered));
  ASSERT_TRUE(ledger.prefetch(keys));

  EXPECT_EQ(*ledger.find("x/1", std::nullopt), record);
  EXPECT_EQ(ledger.find_unmatched("x/2", std::nullopt)->version, 4);
  EXPECT_EQ(ledger.find("x/2", std::nullopt), nullptr);
}

TEST(Ledger, StoresAnUnmatchedMessageInSixteenBytes) {
  ScratchStore store;
  Ledger ledger(*store, Partition{0});
  ledger.put_unmatched("bluesky/at://did:plc:abc/app.bsky.feed.post/1", {.version = 1});

  StoreBatch batch;
  const auto changes = ledger.flush(batch);

  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].bytes->size(), 16U);
}

TEST(Ledger, HidesWhatHasExpired) {
  ScratchStore store;
  Ledger ledger(*store, Partition{0});
  LedgerRecord record;
  record.expires = minute_of(kNow);
  ledger.put("x/1", record);
  // A minute that is exactly that old is kept to its end.
  ledger.put_unmatched("x/2", {.event_minute = minute_of(kNow - kUnmatchedKept) - 1});

  EXPECT_EQ(ledger.find("x/1", kNow), nullptr);
  EXPECT_NE(ledger.find("x/1", kNow - minutes{1}), nullptr);
  EXPECT_NE(ledger.find("x/1", std::nullopt), nullptr);
  EXPECT_EQ(ledger.find_unmatched("x/2", kNow), nullptr);
  EXPECT_NE(ledger.find_unmatched("x/2", kNow - minutes{1}), nullptr);

  StoreBatch batch;
  for (const Ledger::Change& change : ledger.flush(batch)) {
    EXPECT_TRUE(ledger_expired(change.key, *change.bytes, kNow));
    EXPECT_FALSE(ledger_expired(change.key, *change.bytes, kNow - minutes{1}));
  }
}

}  // namespace
}  // namespace vigie
