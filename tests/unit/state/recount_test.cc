#include "state/recount.h"

#include <vector>

#include <gtest/gtest.h>

#include "state/contributions.h"
#include "state/stream_time.h"
#include "tests/fakes/scratch_store.h"

namespace vigie {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

constexpr Partition kPartition{3};
const Time kNow = *parse_time("2026-11-20T12:30:00Z");

LedgerRecord acme_record(Time at, const std::string& author = "ana") {
  LedgerRecord record;
  record.event_minute = minute_of(at);
  record.expires = minute_of(at + kLedgerKept) + 1;
  record.network = "x";
  record.queue = "none";
  record.themes = {"delivery"};
  for (std::size_t i = 0; i < author.size(); ++i) {
    record.author[i] = static_cast<std::uint8_t>(author[i]);
  }
  return record;
}

// A ledger and what it contributes, as a worker writes them.
class RecountTest : public testing::Test {
 protected:
  void keep(const std::string& key, const LedgerRecord& record) {
    ledger_.put(key, record);
    book(kPartition, record, 1, std::nullopt, counters_, authors_);
  }
  void keep_unmatched(const std::string& key, const std::string& network, Time at) {
    ledger_.put_unmatched(key, {.version = 1, .event_minute = minute_of(at), .content = 1});
    book_unmatched(network, Kind::Post, minute_of(at), 1, std::nullopt, counters_);
  }
  void write() {
    StoreBatch batch;
    ASSERT_TRUE(counters_.flush(batch));
    ASSERT_TRUE(authors_.flush_sets(batch));
    ledger_.flush(batch);
    batch.put(Space::Meta, stream_time_key(kPartition), encode_stream_time(kNow));
    ASSERT_TRUE(store_->write(batch, Durability::Buffered));
    counters_.settled();
    authors_.settled();
  }
  // Says something of a counter that the ledger does not.
  void plant(const Series& series, Granularity granularity, std::int32_t bucket, Measure measure,
             int delta) {
    const std::string key = counter_key(CounterKey{kPartition, series, granularity, bucket});
    CounterBatch wrong(*store_, kPartition);
    Measures measures{};
    measures[static_cast<std::size_t>(measure)] = delta;
    wrong.add(series, minute_of(start_of_hour(bucket)), measures, std::nullopt);
    StoreBatch batch;
    const auto changes = wrong.flush(batch);
    ASSERT_TRUE(changes);
    for (const CounterBatch::Change& change : *changes) {
      if (change.granularity != granularity) continue;
      StoreBatch one;
      one.put(Space::Counters, change.key, *change.bytes);
      ASSERT_TRUE(store_->write(one, Durability::Buffered));
      EXPECT_EQ(change.key, key);
    }
  }
  std::vector<std::string> differences(RecountOptions options = {}) {
    std::vector<std::string> out;
    auto done = recount(*store_, options,
                        [&](const Difference& difference) { out.push_back(to_text(difference)); });
    if (!done) ADD_FAILURE() << done.error().message;
    if (done) result_ = *done;
    return out;
  }

  ScratchStore store_;
  Ledger ledger_{*store_, kPartition};
  CounterBatch counters_{*store_, kPartition};
  Authors authors_{*store_};
  Recounted result_;
};

using Lines = std::vector<std::string>;

TEST_F(RecountTest, FindsNothingWhereCountersFollowTheLedger) {
  keep("x/1", acme_record(kNow - minutes{5}));
  keep("x/2", acme_record(kNow - hours{200}, "ben"));
  keep_unmatched("x/3", "x", kNow - hours{2});
  keep_unmatched("bluesky/4", "bluesky", kNow - hours{2});
  write();

  EXPECT_EQ(differences(), Lines{});
  EXPECT_EQ(result_.records, 4);
  EXPECT_GT(result_.buckets, 10);
  EXPECT_EQ(result_.author_sets, 2);
}

TEST_F(RecountTest, NamesABucketThatSaysMore) {
  keep("x/1", acme_record(kNow - minutes{5}));
  write();
  plant({Dimension::Theme, "delivery", {}}, Granularity::Hour, hour_of_minute(minute_of(kNow)),
        Measure::Likes, 4);

  EXPECT_EQ(differences(), (Lines{"partition 3 theme=delivery likes of the hour "
                                  "2026-11-20T12:00:00Z: stored 4, the ledger has 0"}));
  EXPECT_EQ(result_.differences, 1);
}

TEST_F(RecountTest, NamesABucketThatIsMissing) {
  const Minute minute = minute_of(kNow - minutes{5});
  keep("x/1", acme_record(kNow - minutes{5}));
  write();
  StoreBatch batch;
  batch.erase(Space::Counters,
              counter_key(CounterKey{
                  kPartition, {Dimension::Kind, "mention", {}}, Granularity::Minute, minute}));
  ASSERT_TRUE(store_->write(batch, Durability::Buffered));

  EXPECT_EQ(differences(), (Lines{"partition 3 kind=mention mentions of the minute "
                                  "2026-11-20T12:25:00Z: stored 0, the ledger has 1"}));
}

TEST_F(RecountTest, CountsUnmatchedMessagesOfAllNetworksTogether) {
  keep_unmatched("x/3", "x", kNow - minutes{30});
  keep_unmatched("bluesky/4", "bluesky", kNow - minutes{30});
  write();
  plant({Dimension::Network, "bluesky", {}}, Granularity::Hour, hour_of_minute(minute_of(kNow)),
        Measure::Mentions, 1);

  EXPECT_EQ(differences(), (Lines{"partition 3 network=(unmatched, all) mentions of the hour "
                                  "2026-11-20T12:00:00Z: stored 3, the ledger has 2"}));
}

TEST_F(RecountTest, KnowsTheLeastANetworkHas) {
  keep("x/1", acme_record(kNow - minutes{30}));
  keep("x/2", acme_record(kNow - minutes{30}));
  write();
  plant({Dimension::Network, "x", {}}, Granularity::Hour, hour_of_minute(minute_of(kNow)),
        Measure::Mentions, -1);

  EXPECT_EQ(differences(), (Lines{"partition 3 network=x mentions of the hour "
                                  "2026-11-20T12:00:00Z: stored 1, the ledger has 2 or more"}));
}

TEST_F(RecountTest, NamesASetOfAuthorsThatIsWrong) {
  keep("x/1", acme_record(kNow - minutes{5}));
  write();
  authors_.count(kPartition, {Dimension::Theme, "delivery", {}}, hour_of_minute(minute_of(kNow)),
                 acme_record(kNow, "zoe").author, 1);
  StoreBatch batch;
  ASSERT_TRUE(authors_.flush_sets(batch));
  ASSERT_TRUE(store_->write(batch, Durability::Buffered));

  EXPECT_EQ(differences(), (Lines{"partition 3 theme=delivery authors of the hour "
                                  "2026-11-20T12:00:00Z: stored 2, the ledger has 1"}));
}

TEST_F(RecountTest, TakesASketchForRightWhoseAuthorsWereTakenBack) {
  for (int i = 0; i < 300; ++i) {
    const LedgerRecord record = acme_record(kNow - minutes{5}, std::to_string(i));
    keep("x/" + std::to_string(i), record);
  }
  write();
  for (int i = 0; i < 100; ++i) {
    LedgerRecord record = acme_record(kNow - minutes{5}, std::to_string(i));
    book(kPartition, record, -1, std::nullopt, counters_, authors_);
    record.state = LedgerRecord::State::Deleted;
    ledger_.put("x/" + std::to_string(i), record);
  }
  write();

  EXPECT_EQ(differences(), Lines{});
}

TEST_F(RecountTest, LeavesOutWhatTheLedgerHasForgotten) {
  // Their records are gone, the buckets not yet.
  const Hour old = hour_of_minute(minute_of(kNow - hours{36 * 24}));
  plant({Dimension::Theme, "delivery", {}}, Granularity::Hour, old, Measure::Mentions, 5);
  const Hour unmatched = hour_of_minute(minute_of(kNow - hours{8 * 24}));
  plant({Dimension::All, "all", {}}, Granularity::Hour, unmatched, Measure::Mentions, 5);
  write();

  EXPECT_EQ(differences(), Lines{});
  EXPECT_EQ(result_.expired, 2);
}

TEST_F(RecountTest, GivesTheSameAnswerInManyPasses) {
  for (int i = 0; i < 200; ++i) {
    keep("x/" + std::to_string(i), acme_record(kNow - minutes{i}, std::to_string(i)));
  }
  write();
  plant({Dimension::Theme, "delivery", {}}, Granularity::Hour, hour_of_minute(minute_of(kNow)),
        Measure::Likes, 4);
  const Lines in_one = differences();
  const Recounted once = result_;
  RecountOptions options;
  options.max_held = 200;

  EXPECT_EQ(differences(options), in_one);
  EXPECT_EQ(in_one.size(), 1);
  EXPECT_GT(result_.passes, 4);
  EXPECT_EQ(result_.buckets, once.buckets);
  EXPECT_EQ(result_.records, once.records);
}

TEST_F(RecountTest, SeesOneMomentWhileTheWorkerGoesOn) {
  keep("x/1", acme_record(kNow - minutes{5}));
  write();
  int asked = 0;
  RecountOptions options;
  // Between the ledger and the counters, and in the middle of each.
  for (int i = 0; i < 5000; ++i) keep("x/a" + std::to_string(i), acme_record(kNow - minutes{5}));
  write();
  options.stopped = [&] {
    keep("x/b" + std::to_string(asked++), acme_record(kNow - minutes{5}));
    write();
    return false;
  };

  EXPECT_EQ(differences(options), Lines{});
  EXPECT_GT(asked, 0);
  EXPECT_EQ(result_.records, 5001);
}

TEST_F(RecountTest, EndsWhenItIsTold) {
  for (int i = 0; i < 5000; ++i) keep("x/" + std::to_string(i), acme_record(kNow));
  write();
  RecountOptions options;
  options.stopped = [] { return true; };

  const auto done = recount(*store_, options, [](const Difference&) {});

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::Closed);
}

}  // namespace
}  // namespace vigie
