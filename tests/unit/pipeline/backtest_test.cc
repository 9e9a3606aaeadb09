#include "pipeline/route/backtest.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "pipeline/core/json.h"
#include "tests/rules/fixture.h"

namespace vigie {
namespace {

Mention mention_of(int number, std::string_view text,
                   std::string_view time = "2026-06-03T06:30:00Z") {
  Mention mention = vigie::mention_of(text);
  mention.id = std::to_string(number);
  mention.kind = Kind::Post;
  mention.created_at = parse_time(time);
  return mention;
}

constexpr std::string_view kOld =
    "brand: {id: acme, query: acme, timezone: Europe/Paris}\n"
    "themes: [{id: late, query: late}, {id: gone, query: order}]\n"
    "routes: [{id: rest, when: 'theme:late', queue: community}]\n";
constexpr std::string_view kNew =
    "brand: {id: acme, query: acme, timezone: Europe/Paris}\n"
    "themes: [{id: late, query: 'late OR delayed'}, {id: refund, query: refund}]\n"
    "routes: [{id: money, when: 'theme:refund', queue: social, priority: high},\n"
    "         {id: rest, when: 'theme:late', queue: community}]\n";

std::string json_of(const BacktestReport& report) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  append_fields(json, report);
  json.end_object();
  return out;
}

TEST(Backtest, TellsTheTagsThatAreAddedAndRemoved) {
  Backtest backtest(rules_of(kNew), rules_of(kOld));

  backtest.add(mention_of(1, "late"));
  backtest.add(mention_of(2, "delayed"));
  backtest.add(mention_of(3, "my order\nis delayed"));
  backtest.add(mention_of(4, "nothing"));

  const BacktestReport report = backtest.report();
  EXPECT_EQ(report.matched, 4U);
  const BacktestTag& late = report.tags.at("theme:late");
  EXPECT_EQ(late.old_mentions, 1U);
  EXPECT_EQ(late.new_mentions, 3U);
  EXPECT_EQ(late.added.mentions, 2U);
  EXPECT_EQ(late.removed.mentions, 0U);
  ASSERT_EQ(late.added.first.size(), 2U);
  EXPECT_EQ(late.added.first[1].key, "x/3");
  EXPECT_EQ(late.added.first[1].text, "my order is delayed");
  const BacktestTag& gone = report.tags.at("theme:gone");
  EXPECT_TRUE(gone.in_old && !gone.in_new);
  EXPECT_EQ(gone.removed.mentions, 1U);
  EXPECT_EQ(report.tags.at("brand").new_mentions, 0U);
}

TEST(Backtest, WithoutASetToCompareWithEveryTagIsAdded) {
  Backtest backtest(rules_of(kNew), nullptr);

  backtest.add(mention_of(1, "late"));

  const BacktestReport report = backtest.report();
  EXPECT_FALSE(report.against);
  EXPECT_EQ(report.tags.at("theme:late").added.mentions, 1U);
  EXPECT_EQ(json_of(report).find("\"old\""), std::string::npos);
}

TEST(Backtest, CountsQueuesRoutesAndPrioritiesOfBothSides) {
  Backtest backtest(rules_of(kNew), rules_of(kOld));

  backtest.add(mention_of(1, "late"));
  backtest.add(mention_of(2, "refund, it is late"));
  backtest.add(mention_of(3, "delayed"));

  const BacktestReport report = backtest.report();
  const auto social = static_cast<std::size_t>(Queue::Social);
  const auto community = static_cast<std::size_t>(Queue::Community);
  const auto none = static_cast<std::size_t>(Queue::None);
  EXPECT_EQ(report.old_load.queues[community], 2U);
  EXPECT_EQ(report.new_load.queues[community], 2U);
  EXPECT_EQ(report.new_load.queues[social], 1U);
  EXPECT_EQ(report.moved[community][social], 1U);
  EXPECT_EQ(report.moved[none][community], 1U);
  EXPECT_EQ(report.routes.at("rest").old_mentions, 2U);
  EXPECT_EQ(report.routes.at("money").new_mentions, 1U);
  EXPECT_FALSE(report.routes.at("money").in_old);
  EXPECT_EQ(report.new_load.priorities[static_cast<std::size_t>(Priority::High)], 1U);
}

TEST(Backtest, TheBusiestHourIsToldInTheBrandsTimezone) {
  Backtest backtest(rules_of(kNew), nullptr);

  backtest.add(mention_of(1, "late", "2026-06-03T06:30:00Z"));
  backtest.add(mention_of(2, "late", "2026-06-03T06:59:59Z"));
  backtest.add(mention_of(3, "late", "2026-06-03T07:00:00Z"));
  backtest.add(mention_of(4, "nothing", "2026-06-03T09:00:00Z"));

  const BacktestReport report = backtest.report();
  const auto community = static_cast<std::size_t>(Queue::Community);
  EXPECT_EQ(report.hours, 3U);
  EXPECT_DOUBLE_EQ(report.new_load.mean_per_hour[community], 1.0);
  ASSERT_TRUE(report.new_load.busiest[community]);
  EXPECT_EQ(format_local_hour(report.new_load.busiest[community]->hour), "2026-06-03T08:00+02:00");
  EXPECT_EQ(report.new_load.busiest[community]->mentions, 2U);
  EXPECT_FALSE(report.new_load.busiest[static_cast<std::size_t>(Queue::Social)]);
}

TEST(LocalHours, AnHourThatComesTwiceIsTwo) {
  LocalHours hours("Europe/Paris");

  EXPECT_EQ(format_local_hour(hours.of(*parse_time("2026-10-25T00:30:00Z"))),
            "2026-10-25T02:00+02:00");
  EXPECT_EQ(format_local_hour(hours.of(*parse_time("2026-10-25T01:30:00Z"))),
            "2026-10-25T02:00+01:00");
  EXPECT_EQ(format_local_hour(LocalHours("Asia/Kolkata").of(*parse_time("1969-12-31T23:50:00Z"))),
            "1970-01-01T05:00+05:30");
  EXPECT_EQ(
      format_local_hour(LocalHours("America/St_Johns").of(*parse_time("2026-01-01T00:00:00Z"))),
      "2025-12-31T20:00-03:30");
}

TEST(Backtest, OtherOpsAreCountedAndNotMatched) {
  Backtest backtest(rules_of(kNew), nullptr);
  Mention gone = mention_of(1, "late");
  gone.op = Op::Delete;
  Mention edited = mention_of(1, "late, edited");
  edited.op = Op::Update;

  backtest.add(gone);
  backtest.add(edited);

  const BacktestReport report = backtest.report();
  EXPECT_EQ(report.other_ops, 1U);
  EXPECT_EQ(report.matched, 1U);
  EXPECT_EQ(report.tags.at("theme:late").new_mentions, 1U);
}

TEST(Backtest, ADirectMessageIsMarked) {
  Backtest backtest(rules_of(kNew), nullptr);
  Mention dm = mention_of(1, "late");
  dm.kind = Kind::Dm;

  backtest.add(dm);

  EXPECT_TRUE(backtest.report().tags.at("theme:late").added.first[0].dm);
}

TEST(Backtest, ALongTextIsCutBetweenCharacters) {
  Backtest backtest(rules_of(kNew), nullptr);
  std::string text = "late ";
  for (int i = 0; i < 200; ++i) text += "é";

  backtest.add(mention_of(1, text));

  const std::string shown = backtest.report().tags.at("theme:late").added.first[0].text;
  std::string expected = "late ";
  for (int i = 0; i < 115; ++i) expected += "é";
  EXPECT_EQ(shown, expected + "…");
}

// The sample is of what comes after the first, the same whatever the order of it.
TEST(Backtest, TheSampleDependsOnTheMessagesAlone) {
  const auto keys = [](bool reversed) {
    Backtest backtest(rules_of(kNew), nullptr);
    for (int i = 0; i < 3; ++i) backtest.add(mention_of(i, "late"));
    for (int i = 0; i < 1000; ++i) {
      backtest.add(mention_of(reversed ? 1002 - i : 3 + i, "late"));
    }
    std::string out;
    const BacktestReport report = backtest.report();
    const BacktestSide& side = report.tags.at("theme:late").added;
    for (const BacktestExample& example : side.first) out += example.key + ' ';
    for (const auto& [hash, example] : side.sampled) out += example.key + ' ';
    return out;
  };

  const std::string found = keys(false);

  EXPECT_EQ(found, keys(true));
  EXPECT_TRUE(found.starts_with("x/0 x/1 x/2 x/")) << found;
  EXPECT_EQ(std::ranges::count(found, ' '), 6) << found;
}

TEST(Backtest, FurtherHoursAreCountedAndNotKept) {
  Backtest backtest(rules_of(kNew), nullptr);
  Mention mention = mention_of(1, "late", "2000-01-01T00:00:00Z");

  for (std::size_t i = 0; i < Backtest::kMostHours + 5; ++i) {
    backtest.add(mention);
    *mention.created_at += std::chrono::hours{1};
  }

  const BacktestReport report = backtest.report();
  EXPECT_EQ(report.hours, Backtest::kMostHours);
  EXPECT_EQ(report.beyond_hours, 5U);
  EXPECT_EQ(report.tags.at("theme:late").added.mentions, Backtest::kMostHours + 5);
}

TEST(Backtest, AnAuthorIsNewOnTheFirstLine) {
  const auto rules =
      rules_of("brand: {id: acme, query: acme}\nthemes: [{id: first, query: 'acme author:new'}]\n");
  Backtest backtest(rules, rules);

  backtest.add(mention_of(1, "acme"));
  backtest.add(mention_of(2, "acme"));

  const BacktestReport report = backtest.report();
  EXPECT_EQ(report.tags.at("theme:first").new_mentions, 1U);
  EXPECT_EQ(report.tags.at("theme:first").old_mentions, 1U);
}

TEST(Backtest, SaysTheSameAsJson) {
  Backtest backtest(rules_of("brand: {id: acme, query: acme}\n"), nullptr);

  backtest.add(mention_of(1, "acme"));

  const BacktestReport report = backtest.report();
  EXPECT_EQ(
      json_of(report),
      R"({"rules":")" + report.rules +
          R"(","timezone":"UTC","matched":1,"other_ops":0,"untimed":0,"tags":[{"rule":"brand","new":1,)"
          R"("added":{"mentions":1,"first":[{"mention":"x/1","text":"acme","dm":false}],"sampled":[]}}],)"
          R"("silent_rules":0,"queues":{"new":{"social":{"mentions":0,"mean_per_hour":0,"busiest":null},)"
          R"("community":{"mentions":1,"mean_per_hour":1,"busiest":{"hour":"2026-06-03T06:00+00:00","mentions":1}},)"
          R"("none":{"mentions":0,"mean_per_hour":0,"busiest":null},)"
          R"("priorities":{"low":0,"normal":1,"high":0,"urgent":0}}},)"
          R"("routes":[{"route":"default","new":1}],"hours":1,"left_out":{"hours":0,"authors":0,"examples":0}})");
}

}  // namespace
}  // namespace vigie
