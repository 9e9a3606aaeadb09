#include "pipeline/alerts/alert_book.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "pipeline/alerts/alert.h"

namespace vigie {
namespace {

// 2026-06-01T00:00Z
constexpr Minute kStart = 29'671'200;

Series theme(std::string id) {
  return {Dimension::Theme, std::move(id)};
}

Alert sample() {
  Alert alert;
  alert.series = theme("delivery");
  alert.id = alert_id(AlertKind::Surge, alert.series, kStart);
  alert.started_at = start_of_minute(kStart);
  alert.count = alert.peak = 57;
  alert.baseline = 4.25;
  alert.z = 11.2;
  alert.authors = 40;
  alert.window = std::chrono::minutes{5};
  alert.rules_version = "abc";
  alert.evidence = {"poisson", "hour_of_week", 4, 13.4, 1e-12, {"x/1"}};
  return alert;
}

std::string json_of(const Alert& alert) {
  std::string out;
  append_json(out, alert);
  return out;
}

Alert resolved(Alert alert, Minute minute) {
  alert.state = AlertState::Resolved;
  alert.resolved_at = start_of_minute(minute);
  return alert;
}

TEST(Alert, ReadsBackWhatItWrote) {
  const Alert alert = sample();

  EXPECT_TRUE(json_of(alert).starts_with("{\"v\":1,"));
  EXPECT_EQ(parse_alert(json_of(alert)).value(), alert);
  EXPECT_EQ(parse_alert(json_of(resolved(alert, kStart + 9))).value(), resolved(alert, kStart + 9));
}

TEST(Alert, ReadsNothingElse) {
  const std::string good = json_of(sample());

  EXPECT_EQ(parse_alert("").error().code, Code::Corrupt);
  EXPECT_FALSE(parse_alert("[]"));
  EXPECT_FALSE(parse_alert("{\"v\":2}"));
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(parse_alert(good.substr(0, size))) << size;
  }
}

TEST(Alert, HasAnIdThatDependsOnSeriesAndMinute) {
  EXPECT_EQ(sample().id.size(), 32U);
  EXPECT_NE(sample().id, alert_id(AlertKind::Surge, theme("delivery"), kStart + 1));
  EXPECT_NE(sample().id, alert_id(AlertKind::Surge, {Dimension::Campaign, "delivery"}, kStart));
}

TEST(AlertBook, ListsWhatFiresNewestFirst) {
  AlertBook book;
  Alert older = sample();
  Alert newer = sample();
  newer.id = alert_id(AlertKind::Surge, newer.series, kStart + 5);
  newer.started_at = start_of_minute(kStart + 5);

  ASSERT_TRUE(book.fold(older.id, json_of(older)));
  ASSERT_TRUE(book.fold(newer.id, json_of(newer)));

  EXPECT_EQ(book.firing(), (std::vector{json_of(newer), json_of(older)}));
  EXPECT_EQ(book.counts()[0].alerts, 2U);
}

TEST(AlertBook, KeepsAResolvedAlertResolvedWhenItsFirstRecordComesAgain) {
  AlertBook book;
  const Alert alert = sample();
  const Alert end = resolved(alert, kStart + 20);

  ASSERT_TRUE(book.fold(alert.id, json_of(alert)));
  ASSERT_TRUE(book.fold(alert.id, json_of(end)));
  ASSERT_TRUE(book.fold(alert.id, json_of(alert)));

  EXPECT_TRUE(book.firing().empty());
  EXPECT_EQ(book.resolved(10), std::vector{json_of(end)});
  EXPECT_EQ(book.counts()[1].alerts, 1U);
}

TEST(AlertBook, KnowsARecordThatComesAgain) {
  AlertBook book;
  const Alert alert = sample();
  const Alert end = resolved(alert, kStart + 20);

  EXPECT_EQ(book.fold(alert.id, std::nullopt), false);
  EXPECT_EQ(book.fold(alert.id, json_of(alert)), true);
  EXPECT_EQ(book.fold(alert.id, json_of(alert)), false);
  EXPECT_EQ(book.fold(alert.id, json_of(end)), true);
  EXPECT_EQ(book.fold(alert.id, json_of(end)), false);
  EXPECT_EQ(book.fold(alert.id, json_of(alert)), false);
  EXPECT_EQ(book.fold(alert.id, std::nullopt), true);
}

TEST(AlertBook, ForgetsTheOldestResolvedOnesAndWhatATombstoneNames) {
  AlertBook book(2);
  std::vector<std::string> ids;
  for (Minute minute = kStart; minute < kStart + 3; ++minute) {
    Alert alert = resolved(sample(), minute + 20);
    alert.id = alert_id(AlertKind::Surge, alert.series, minute);
    ids.push_back(alert.id);
    ASSERT_TRUE(book.fold(alert.id, json_of(alert)));
  }

  EXPECT_FALSE(book.find(ids[0]));
  EXPECT_TRUE(book.find(ids[1]));
  ASSERT_TRUE(book.fold(ids[1], std::nullopt));

  EXPECT_FALSE(book.find(ids[1]));
  EXPECT_EQ(book.resolved(10).size(), 1U);
}

TEST(AlertBook, RefusesRecordsThatAreNoAlerts) {
  AlertBook book;

  EXPECT_EQ(book.fold("x", "garbage").error().code, Code::Corrupt);
  EXPECT_EQ(book.fold("x", json_of(sample())).error().code, Code::Corrupt);

  EXPECT_TRUE(book.firing().empty());
}

}  // namespace
}  // namespace vigie
