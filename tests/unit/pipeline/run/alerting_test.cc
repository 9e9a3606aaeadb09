#include "pipeline/run/alerting.h"

#include <gtest/gtest.h>
#include <prometheus/registry.h>

#include "pipeline/alerts/alert.h"
#include "tests/fakes/metric.h"
#include "tests/fakes/scratch_log.h"
#include "tests/unit/pipeline/alerts_cuts.h"

namespace vigie {
namespace {

// A theme that is talked about for half an hour, and calm before and after.
class AlertingTest : public testing::Test {
 protected:
  AlertingTest() {
    constexpr Minute kBurst = kStart + 600;
    const auto cuts = cuts_of(kStart, kBurst + 120, [](Minute minute) -> std::int64_t {
      return 2 + (minute >= kBurst && minute < kBurst + 30 ? 30 : 0);
    });
    std::vector<Record> records;
    for (const Cut& cut : cuts) {
      for (CutRecord& part : cut_records(cut)) {
        records.push_back(
            {Topic::Counters, Partition{0}, std::move(part.key), std::move(part.json)});
      }
      for (Alert& alert : detector_.fold(cut)) raised_.push_back(std::move(alert));
    }
    if (!log_->append(std::move(records))) std::abort();
    log_.take();
  }

  void open(Alerting::Turn turn) {
    auto opened = Alerting::open(*log_, log_.store(), registry_, {}, std::move(turn));
    ASSERT_TRUE(opened) << opened.error().message;
    alerting_ = std::move(*opened);
  }
  void drain() {
    while (true) {
      const auto stepped = alerting_->step(std::chrono::milliseconds{0});
      ASSERT_TRUE(stepped) << stepped.error().message;
      if (*stepped == 0) return;
    }
  }
  // States of the alerts that were written since the last call.
  std::vector<AlertState> written() {
    std::vector<AlertState> out;
    for (const Record& record : ScratchLog::of(Topic::Alerts, log_.take())) {
      const auto alert = parse_alert(*record.value);
      EXPECT_TRUE(alert);
      if (alert) out.push_back(alert->state);
    }
    return out;
  }
  // As another node does.
  void write(const Alert& alert) {
    Record record{Topic::Alerts, Partition{0}, alert.id, {}};
    append_json(record.value.emplace(), alert);
    ASSERT_TRUE(log_->append({std::move(record)}));
    log_.take();
  }

  const std::vector<AlertState> both_ = {AlertState::Firing, AlertState::Resolved};
  prometheus::Registry registry_;
  ScratchLog log_;
  SurgeDetector detector_{{}, 1};
  std::vector<Alert> raised_;
  std::unique_ptr<Alerting> alerting_;
};

TEST_F(AlertingTest, WritesWhatItRaisesWhereThereAreNoOtherNodes) {
  ASSERT_EQ(raised_.size(), 2U);
  open({});
  drain();
  EXPECT_EQ(written(), both_);
  EXPECT_EQ(metric(registry_, "vigie_alerts_total"), 2);
}

TEST_F(AlertingTest, WritesNothingUntilItIsItsTurnAndThenWhatWasRaisedMeanwhile) {
  bool mine = false;
  open([&] { return mine; });
  drain();
  EXPECT_TRUE(written().empty());
  EXPECT_EQ(metric(registry_, "vigie_alerts_total"), 0);
  mine = true;
  drain();
  EXPECT_EQ(written(), both_);
  drain();
  EXPECT_TRUE(written().empty());
}

TEST_F(AlertingTest, LeavesWhatAnotherNodeHasWritten) {
  bool mine = false;
  open([&] { return mine; });
  drain();
  for (const Alert& alert : raised_) write(alert);
  mine = true;
  drain();
  EXPECT_TRUE(written().empty());
}

TEST_F(AlertingTest, EndsWhatAnotherNodeOnlyBegan) {
  bool mine = false;
  open([&] { return mine; });
  drain();
  write(raised_[0]);
  mine = true;
  drain();
  EXPECT_EQ(written(), std::vector{AlertState::Resolved});
}

// A node that lost its disk folds all cuts again.
TEST_F(AlertingTest, OpensNothingAgainThatIsOver) {
  for (const Alert& alert : raised_) write(alert);
  open([] { return true; });
  drain();
  EXPECT_TRUE(written().empty());
}

}  // namespace
}  // namespace vigie
