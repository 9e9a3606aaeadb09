#include "pipeline/run/worker.h"

#include <set>

#include <gtest/gtest.h>

#include "pipeline/alerts/alert.h"
#include "pipeline/core/bytes.h"
#include "pipeline/log/record_format.h"
#include "pipeline/run/author_fold.h"
#include "pipeline/run/rule_cost_board.h"
#include "state/author_sets.h"
#include "state/counters.h"
#include "state/cut.h"
#include "tests/fakes/acme.h"
#include "tests/fakes/dealing_log.h"
#include "tests/fakes/metric.h"
#include "tests/fakes/refusing_log.h"
#include "tests/fakes/scratch_log.h"

namespace vigie {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

const Time kNow = *parse_time("2026-11-20T12:00:00Z");

class Working : public testing::Test {
 protected:
  Working() { start(); }

  void start(std::size_t max_batch = 2000) {
    worker_.emplace(
        *log_, log_.store(), keys_, [this] { return rules_; }, registry_,
        WorkerOptions{.max_batch = max_batch});
    ASSERT_TRUE(worker_->start());
  }
  // As after kill -9: what was not committed is gone.
  void restart() {
    worker_.reset();
    log_.reopen();
    start();
  }

  void log(const Mention& mention) {
    std::string value;
    append_json(value, mention);
    log_bytes(std::move(value));
  }
  void log_bytes(std::string value) {
    Record record;
    record.key = "x/1";
    record.value = std::move(value);
    const auto appended = log_->append({record});
    ASSERT_TRUE(appended) << appended.error().message;
  }
  std::size_t step() {
    const auto done = worker_->step(milliseconds{0});
    if (!done) ADD_FAILURE() << done.error().message;
    return done.value_or(0);
  }
  void drain() {
    while (step() > 0) {
    }
  }

  std::vector<Cut> cuts() {
    std::vector<Cut> out;
    CutJoiner joiner;
    for (const Record& record : ScratchLog::of(Topic::Counters, log_.take())) {
      EXPECT_TRUE(is_cut_key(record.key));
      auto part = parse_cut_part(record.value.value_or(""));
      if (!part) ADD_FAILURE() << part.error().message;
      if (!part) continue;
      if (auto cut = joiner.add(std::move(*part))) out.push_back(std::move(*cut));
    }
    return out;
  }
  std::int64_t everything() {
    std::int64_t sum = 0;
    const auto buckets = CounterReader(log_.store(), 1)
                             .series({Dimension::All, "all"}, Granularity::Hour, hour_of(kNow) - 48,
                                     hour_of(kNow) + 48);
    if (!buckets) ADD_FAILURE() << buckets.error().message;
    for (const auto& bucket : *buckets) {
      sum += bucket.value[static_cast<std::size_t>(Measure::Mentions)];
    }
    return sum;
  }

  ScratchLog log_;
  AuthorKeys keys_{{}};
  std::shared_ptr<const RuleSet> rules_ = acme_rules();
  prometheus::Registry registry_;
  std::optional<Worker> worker_;
};

TEST_F(Working, CutsAMinuteTenSecondsAfterItsEndBeforeTheRecordThatPassesIt) {
  log(acme_mention("1", "acme", kNow + seconds{10}));
  log(acme_mention("2", "acme", kNow + seconds{69}));
  drain();
  EXPECT_TRUE(cuts().empty());

  log(acme_mention("3", "acme", kNow + seconds{70}));
  drain();

  const std::vector<Cut> done = cuts();
  ASSERT_EQ(done.size(), 1U);
  EXPECT_EQ(done[0].minute, minute_of(kNow));
  EXPECT_TRUE(done[0].whole);
  std::int64_t of_hour = 0;
  for (const Cut::Value& value : done[0].values) {
    if (value.granularity == Granularity::Hour) of_hour += value.mentions;
  }
  EXPECT_EQ(of_hour, 2);
}

TEST_F(Working, CutsTheMinuteBeforeAFirstRecordThatMayStillCountInIt) {
  log(acme_mention("1", "acme", kNow + seconds{9}));
  log(acme_mention("2", "acme", kNow + seconds{10}));
  drain();

  const std::vector<Cut> done = cuts();
  ASSERT_EQ(done.size(), 1U);
  EXPECT_EQ(done[0].minute, minute_of(kNow) - 1);
}

TEST_F(Working, CutsEachMinuteOnceAcrossRestarts) {
  std::vector<Minute> minutes_cut;
  for (int i = 0; i < 12; ++i) {
    log(acme_mention(std::to_string(i), "acme", kNow + seconds{30} * i));
    drain();
    for (const Cut& cut : cuts()) minutes_cut.push_back(cut.minute - minute_of(kNow));
    if (i % 3 == 1) restart();
  }

  EXPECT_EQ(minutes_cut, (std::vector<Minute>{-1, 0, 1, 2, 3, 4}));
}

TEST_F(Working, CutsAMinuteThatBeganBeforeARestartWithoutAnyCutBefore) {
  log(acme_mention("1", "acme", kNow + seconds{20}));
  drain();

  restart();
  log(acme_mention("2", "acme", kNow + seconds{90}));
  drain();

  const std::vector<Cut> done = cuts();
  ASSERT_EQ(done.size(), 1U);
  EXPECT_EQ(done[0].minute, minute_of(kNow));
}

TEST_F(Working, TheFirstCutAfterARestartTellsEverything) {
  log(acme_mention("1", "acme", kNow));
  log(acme_mention("2", "acme", kNow + minutes{2}));
  drain();
  cuts();

  restart();
  log(acme_mention("3", "love", kNow + minutes{4}));
  log(acme_mention("4", "love", kNow + minutes{6}));
  drain();

  const std::vector<Cut> done = cuts();
  ASSERT_EQ(done.size(), 2U);
  EXPECT_TRUE(done[0].whole);
  EXPECT_FALSE(done[0].values.empty());
  EXPECT_FALSE(done[0].authors.empty());
  EXPECT_FALSE(done[1].whole);
}

TEST_F(Working, FinishCutsEveryMinuteThatBegan) {
  log(acme_mention("1", "acme", kNow));
  drain();

  ASSERT_TRUE(worker_->finish());
  ASSERT_TRUE(worker_->finish());

  const std::vector<Cut> done = cuts();
  ASSERT_EQ(done.size(), 1U);
  EXPECT_EQ(done[0].minute, minute_of(kNow));
}

TEST_F(Working, ABrokenRecordIsADeadLetterAndThePartitionGoesOn) {
  log(acme_mention("1", "acme", kNow));
  log_bytes("{\"network\":");
  log(acme_mention("2", "acme", kNow));
  drain();

  EXPECT_EQ(everything(), 2);
  const std::vector<Record> letters = ScratchLog::of(Topic::Deadletter, log_.take());
  ASSERT_EQ(letters.size(), 1U);
  EXPECT_EQ(letters[0].key, "mentions/0");
  EXPECT_NE(letters[0].value->find(R"("position":"1")"), std::string::npos);
  EXPECT_EQ(metric(registry_, "vigie_worker_deadletters_total"), 1);
}

TEST_F(Working, GoesOnWhereTheLastCommitStandsAndCountsNothingTwice) {
  for (int i = 0; i < 10; ++i) log(acme_mention(std::to_string(i), "acme", kNow));
  worker_.reset();
  start(3);
  EXPECT_EQ(step(), 3U);
  EXPECT_EQ(everything(), 3);

  restart();
  EXPECT_EQ(step(), 7U);
  EXPECT_EQ(step(), 0U);

  EXPECT_EQ(everything(), 10);
}

TEST_F(Working, WhatIsLoggedAgainAfterARestartCountsOnce) {
  log(acme_mention("1", "acme", kNow));
  log(acme_mention("2", "nothing", kNow));
  drain();

  restart();
  log(acme_mention("1", "acme", kNow));
  log(acme_mention("2", "nothing", kNow));
  drain();

  EXPECT_EQ(everything(), 2);
  EXPECT_EQ(metric(registry_, "vigie_duplicates_total"), 2);
}

TEST_F(Working, AnAuthorWideOpReachesWhatCameBeforeItInTheSameBatch) {
  log(acme_mention("1", "acme", kNow));
  log(acme_author_op(Op::HideAuthor, "7", kNow));
  log(acme_mention("2", "acme", kNow));
  log(acme_author_op(Op::UnhideAuthor, "7", kNow));
  log(acme_author_op(Op::EraseAuthor, "7", kNow));
  log(acme_mention("3", "acme", kNow));

  EXPECT_EQ(step(), 6U);

  EXPECT_EQ(everything(), 1);
}

TEST_F(Working, WhatTookLongIsCommittedBeforeMoreIsApplied) {
  worker_.emplace(
      *log_, log_.store(), keys_, [this] { return rules_; }, registry_,
      WorkerOptions{.longest_batch = milliseconds{0}});
  ASSERT_TRUE(worker_->start());
  for (const char* id : {"1", "2", "3"}) log(acme_mention(id, "acme", kNow));

  EXPECT_EQ(step(), 3U);

  EXPECT_EQ(metric(registry_, "vigie_worker_commit_seconds"), 3);
  EXPECT_EQ(everything(), 3);
}

TEST_F(Working, PollsNoMoreThanOneCommitTakes) {
  worker_.emplace(
      *log_, log_.store(), keys_, [this] { return rules_; }, registry_,
      WorkerOptions{.max_batch = 60, .longest_batch = milliseconds{0}});
  ASSERT_TRUE(worker_->start());
  for (int i = 0; i < 120; ++i) log(acme_mention(std::to_string(i), "acme", kNow));

  EXPECT_EQ(step(), 60U);  // nothing is known yet
  EXPECT_EQ(step(), 50U);  // the least
  EXPECT_EQ(step(), 10U);
  EXPECT_EQ(everything(), 120);
}

TEST_F(Working, StreamTimeSurvivesARestart) {
  log(acme_mention("1", "acme", kNow));
  drain();

  restart();
  log(acme_mention("2", "acme", kNow - minutes{5}));
  drain();

  EXPECT_EQ(worker_->stream_time(), kNow);
}

TEST_F(Working, TellsItsLagAfterEachLookAtTheLogAlsoAnEmptyOne) {
  EXPECT_EQ(step(), 0U);
  EXPECT_GT(metric(registry_, "vigie_worker_looked_timestamp_seconds"), 0);
  EXPECT_EQ(metric(registry_, "vigie_worker_lag_records"), 0);

  worker_.reset();
  start(3);
  for (int i = 0; i < 10; ++i) log(acme_mention(std::to_string(i), "acme", kNow));
  EXPECT_EQ(step(), 3U);
  EXPECT_EQ(metric(registry_, "vigie_worker_lag_records"), 7);
}

TEST_F(Working, TellsNoLagOfAPartitionThatWasDealtAway) {
  ScratchLog two(2);
  DealingLog dealing(*two);
  const auto worker = [&](int number) {
    auto made = std::make_unique<Worker>(
        dealing, two.store(), keys_, [this] { return rules_; }, registry_,
        WorkerOptions{.number = number});
    EXPECT_TRUE(made->start());
    return made;
  };
  const auto series = [&] { return metric_series(registry_, "vigie_worker_lag_records"); };
  auto one = worker(1);
  auto other = worker(2);
  dealing.deal({{{Partition{0}, Partition{1}}}, {{}}});
  ASSERT_TRUE(one->step(milliseconds{0}) && other->step(milliseconds{0}));
  EXPECT_EQ(series(), 2U);

  dealing.deal({{{Partition{0}}}, {{Partition{1}}}});
  ASSERT_TRUE(other->step(milliseconds{0}) && one->step(milliseconds{0}));
  EXPECT_EQ(series(), 2U) << "one each, whoever heard of it first";
  dealing.deal({std::nullopt, {{Partition{1}}}});
  ASSERT_TRUE(one->step(milliseconds{0}));
  EXPECT_EQ(series(), 1U);

  other.reset();
  EXPECT_EQ(series(), 0U);
}

TEST_F(Working, LeavesTheRestOfABatchToWhomItsPartitionWent) {
  DealingLog dealing(*log_);
  dealing.deal({{{Partition{0}}}});
  const auto rules_and_deal = [&] {
    dealing.deal({std::vector<Partition>{}});
    return rules_;
  };
  Worker worker(dealing, log_.store(), keys_, rules_and_deal, registry_,
                WorkerOptions{.longest_batch = milliseconds{0}});
  ASSERT_TRUE(worker.start());
  for (const char* id : {"1", "2", "3"}) log(acme_mention(id, "acme", kNow));

  EXPECT_EQ(worker.step(milliseconds{0}), 1U);
  EXPECT_EQ(everything(), 1);
}

// What one worker knew of a partition is old when it comes back from another.
TEST_F(Working, KnowsWhomAnotherHidOrErasedWhileItHadThePartition) {
  for (const Op op : {Op::HideAuthor, Op::EraseAuthor}) {
    ScratchLog two(2);
    DealingLog dealing(*two);
    const auto worker = [&](int number) {
      auto made = std::make_unique<Worker>(
          dealing, two.store(), keys_, [this] { return rules_; }, registry_,
          WorkerOptions{.number = number});
      EXPECT_TRUE(made->start());
      return made;
    };
    const auto log_to_first = [&](const Mention& mention) {
      Record record;
      record.key = "x/1";
      record.partition = Partition{0};
      append_json(record.value.emplace(), mention);
      ASSERT_TRUE(two->append({record}));
    };
    const auto mentions = [&] {
      const auto buckets =
          CounterReader(two.store(), 2)
              .series({Dimension::Brand, "acme"}, Granularity::Hour, hour_of(kNow), hour_of(kNow));
      return !buckets || buckets->empty() ? 0 : at(buckets->front().value, Measure::Mentions);
    };
    const auto one = worker(1);
    const auto other = worker(2);
    dealing.deal({{{Partition{0}}}, {{Partition{1}}}});
    log_to_first(acme_mention("1", "acme", kNow));
    ASSERT_TRUE(one->step(milliseconds{0}));
    ASSERT_EQ(mentions(), 1);

    dealing.deal({{{Partition{1}}}, {{Partition{0}}}});
    log_to_first(acme_author_op(op, "7", kNow + seconds{10}));
    while (other->step(milliseconds{0}).value_or(0) > 0) {
    }
    ASSERT_TRUE(one->step(milliseconds{0}));
    ASSERT_EQ(mentions(), 0) << name(op);
    dealing.deal({{{Partition{0}}}, {{Partition{1}}}});
    // Received before: of an erased author it comes again.
    log_to_first(acme_mention("2", "acme", kNow + seconds{5}));
    while (one->step(milliseconds{0}).value_or(0) > 0) {
    }

    EXPECT_EQ(mentions(), 0) << name(op);
  }
}

TEST_F(Working, TellsViewsElsewhereWhoWroteAndThatNobodyDidAfterAll) {
  WorkerOptions options;
  options.log_is_remote = true;
  worker_.emplace(*log_, log_.store(), keys_, [this] { return rules_; }, registry_, options);
  ASSERT_TRUE(worker_->start());
  ScratchStore elsewhere;
  const auto sets = [&] {
    StoreBatch batch;
    for (const Record& record : ScratchLog::of(Topic::Counters, log_.take())) {
      if (!tells_author_set(record.key)) continue;
      EXPECT_TRUE(fold_author_set(record.key, record.value, batch));
    }
    EXPECT_TRUE(elsewhere->write(batch, Durability::Buffered));
    std::map<std::string, bool> out;  // key of the set: whether anybody is in it
    EXPECT_TRUE(elsewhere->scan(Space::Authors, "", "", [&](auto key, auto value) {
      out[std::string(key)] = !AuthorSet::decode(value)->empty();
      return true;
    }));
    return out;
  };
  const std::string brand = author_set_key(Partition{0}, {Dimension::Brand, "acme"}, hour_of(kNow));

  log(acme_mention("1", "acme", kNow));
  drain();
  EXPECT_EQ(sets(), (std::map<std::string, bool>{{brand, true}}));

  log(acme_op(Op::Delete, "1", kNow));
  drain();
  EXPECT_EQ(sets(), (std::map<std::string, bool>{}));
}

TEST_F(Working, TellsTheChangelogACounterOnceABatchHoweverManyMinutesEndInIt) {
  WorkerOptions options;
  options.log_is_remote = true;
  worker_.emplace(*log_, log_.store(), keys_, [this] { return rules_; }, registry_, options);
  ASSERT_TRUE(worker_->start());
  for (int i = 0; i < 5; ++i) log(acme_mention(std::to_string(i), "acme", kNow + minutes{2 * i}));
  drain();

  std::map<std::string, int> told;
  int cuts = 0;
  for (const Record& record : ScratchLog::of(Topic::Counters, log_.take())) {
    is_cut_key(record.key) ? ++cuts : ++told[record.key];
  }

  EXPECT_EQ(cuts, 4);
  EXPECT_GT(told.size(), 10U);
  for (const auto& [key, times] : told) EXPECT_EQ(times, 1) << key;
  EXPECT_EQ(everything(), 5);
}

TEST_F(Working, TellsWhatTheRulesCostAlsoWhenNothingMoreComes) {
  RuleCostBoard board([this] { return rules_; }, registry_);
  WorkerOptions options;
  options.costs = &board;
  worker_.emplace(*log_, log_.store(), keys_, [this] { return rules_; }, registry_, options);
  ASSERT_TRUE(worker_->start());
  log(acme_mention("1", "acme", kNow));
  EXPECT_EQ(step(), 1U);

  EXPECT_EQ(step(), 0U);

  EXPECT_GE(metric(registry_, "vigie_rule_matches_total"), 1);
}

// A format that is raised where records are written, and not where they are checked, would stop
// every node at its own records.
TEST_F(Working, TellsFormatsThatReadersKnow) {
  log(acme_mention("1", "acme is late", kNow));
  log_bytes("no mention");
  log(acme_mention("2", "acme", kNow + seconds{90}));
  drain();

  std::set<Topic> told;
  for (const Record& record : log_.take()) {
    const auto format = told_format(record.value.value_or(""));
    if (!format) continue;
    told.insert(record.topic);
    EXPECT_EQ(*format, newest_format(record.topic)) << info(record.topic).name;
  }
  for (const Topic topic :
       {Topic::Tagged, Topic::Conversations, Topic::Counters, Topic::Authors, Topic::Deadletter}) {
    EXPECT_TRUE(told.contains(topic)) << info(topic).name;
  }
  std::string alert;
  append_json(alert, Alert{});
  EXPECT_EQ(told_format(alert), newest_format(Topic::Alerts));
}

// Notes which topics are read, in order.
class NotingLog : public RefusingLog {
 public:
  using RefusingLog::RefusingLog;
  std::vector<Topic> opened;
  Result<std::unique_ptr<LogReader>> read(Topic topic, ReadOptions options, Store& store) override {
    opened.push_back(topic);
    return RefusingLog::read(topic, std::move(options), store);
  }
};

// The reader of mentions ends what the worker before left open, and the end of `authors` may lie
// behind that.
TEST_F(Working, OpensItsReaderBeforeItWaitsForTheEndOfAuthors) {
  worker_.reset();
  NotingLog log(*log_);
  AuthorFold fold(log, log_.store());
  WorkerOptions options;
  options.author_fold = &fold;
  Worker worker(log, log_.store(), keys_, [this] { return rules_; }, registry_, options);

  ASSERT_TRUE(worker.start());

  EXPECT_EQ(log.opened, (std::vector{Topic::Mentions, Topic::Authors}));
}

}  // namespace
}  // namespace vigie
