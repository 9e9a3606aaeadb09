// Rankings and reports over counters, through the server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/acme.h"
#include "tests/unit/pipeline/api/api_fixture.h"

namespace vigie {
namespace {

using testing::HasSubstr;
using testing::Not;

class ReportTest : public ApiTest {
 protected:
  // Adds to the hour that lies `hours_ago` whole hours before the one of now_.
  void count(const Series& series, int hours_ago, Measure measure, std::int64_t value) {
    Measures delta{};
    at(delta, measure) = value;
    counted_.add(series, (hour_of(now_) - hours_ago) * 60, delta, now_);
  }
  void begin() {
    StoreBatch batch;
    ASSERT_TRUE(counted_.flush(batch));
    write(batch);
    rules_ = acme_rules();
    start();
  }

  CounterBatch counted_{*store_, Partition{0}};
};

TEST_F(ReportTest, RanksAThemesHashtagsWithinTheWindow) {
  count({Dimension::ThemeHashtag, "delivery", "late"}, 0, Measure::Mentions, 3);
  count({Dimension::ThemeHashtag, "delivery", "late"}, 5, Measure::Mentions, 4);
  count({Dimension::ThemeHashtag, "delivery", "b"}, 1, Measure::Mentions, 5);
  count({Dimension::ThemeHashtag, "delivery", "a"}, 1, Measure::Mentions, 5);
  count({Dimension::ThemeHashtag, "praise", "other"}, 0, Measure::Mentions, 50);
  count({Dimension::ThemeHashtag, "delivery", "gone"}, 24, Measure::Mentions, 50);
  begin();

  const Answer all = get("/api/v1/top?by=hashtag&theme=delivery&window=24h&limit=2");
  const Answer hours = get("/api/v1/top?by=hashtag&theme=delivery&window=2h");

  EXPECT_THAT(all.body, HasSubstr(R"("bucket_seconds":3600,"by":"hashtag",)"
                                  R"("dimension":"theme×hashtag","within":"delivery",)"
                                  R"("measure":"mentions","ids":3,"top":[{"id":"late","value":7},)"
                                  R"({"id":"a","value":5}]})"));
  EXPECT_THAT(hours.body, HasSubstr(R"("top":[{"id":"a","value":5},{"id":"b","value":5},)"
                                    R"({"id":"late","value":3}])"));
}

TEST_F(ReportTest, RanksByAnotherMeasureAndWithinACampaign) {
  count({Dimension::CampaignAmbassador, "summer", "ana"}, 1, Measure::Conversions, 2);
  count({Dimension::CampaignAmbassador, "summer", "bob"}, 1, Measure::Conversions, 9);
  count({Dimension::CampaignAmbassador, "summer", "quiet"}, 1, Measure::Mentions, 9);
  begin();

  const Answer answer = get("/api/v1/top?by=ambassador&campaign=summer&measure=conversions");

  EXPECT_THAT(answer.body, HasSubstr(R"("top":[{"id":"bob","value":9},{"id":"ana","value":2}])"));
}

TEST_F(ReportTest, SaysWhatCannotBeRanked) {
  begin();

  EXPECT_THAT(get("/api/v1/top?by=nothing").body, HasSubstr("expected one of network, kind"));
  EXPECT_THAT(get("/api/v1/top?by=link").body, HasSubstr("name a theme or a campaign"));
  EXPECT_THAT(get("/api/v1/top?by=city&theme=delivery").body, HasSubstr("not counted by theme"));
  EXPECT_THAT(get("/api/v1/top?by=link&theme=delivery&window=9d").body,
              HasSubstr("expected 1m to 8d"));
  EXPECT_THAT(get("/api/v1/top?by=country&window=30m").body, HasSubstr("expected 1h or more"));
  EXPECT_EQ(get("/api/v1/top?by=country&measure=none").status, 400);
}

TEST_F(ReportTest, CountersOfPairsAreAskedForByBothHalves) {
  count({Dimension::ThemeLink, "delivery", "https://a.example/×"}, 1, Measure::Mentions, 3);
  count({Dimension::ThemeNetwork, "delivery", "x"}, 0, Measure::Mentions, 4);
  begin();

  const Answer link =
      get("/api/v1/counters?dimension=theme%C3%97link&id=delivery%C3%97https://a.example/%C3%97"
          "&window=2h");
  const Answer network =
      get("/api/v1/counters?dimension=theme%C3%97network&id=delivery%C3%97x&window=1h&step=1h");

  EXPECT_THAT(link.body, HasSubstr(R"("id":"delivery×https://a.example/×")"));
  EXPECT_THAT(link.body, HasSubstr(R"("bucket_seconds":3600,"step_seconds":3600,"total":3)"));
  EXPECT_THAT(network.body, HasSubstr(R"("bucket_seconds":60,"step_seconds":3600,"total":4)"));
  EXPECT_THAT(get("/api/v1/counters?dimension=theme%C3%97link&id=delivery").body,
              HasSubstr("halves joined by ×"));
}

TEST_F(ReportTest, WindowsAreAsLongAsTheirHoursAreKept) {
  count({Dimension::Theme, "delivery", ""}, 34 * 24, Measure::Mentions, 4);
  begin();

  EXPECT_THAT(get("/api/v1/counters?dimension=theme&id=delivery&window=112d").body,
              HasSubstr(R"("total":4)"));
  EXPECT_THAT(get("/api/v1/counters?dimension=theme&id=delivery&window=113d").body,
              HasSubstr("expected 1m to 112d"));
  EXPECT_THAT(get("/api/v1/counters?dimension=kind&id=post&window=36d").body,
              HasSubstr("expected 1m to 35d"));
  EXPECT_THAT(get("/api/v1/counters?dimension=theme&id=delivery&measure=authors&window=36d").body,
              HasSubstr("expected 1m to 35d"));
}

TEST_F(ReportTest, SharesOfVoiceAddUpToOne) {
  count({Dimension::Brand, "acme", ""}, 1, Measure::Mentions, 30);
  count({Dimension::Competitor, "globex", ""}, 1, Measure::Mentions, 10);
  begin();
  rules_ = RuleSet::compile(
               std::string(kAcmeRules) + "competitors:\n  - {id: globex, query: 'globex'}\n",
               "acme.yaml")
               .rules;

  const Answer answer = get("/api/v1/share-of-voice?window=2h");

  EXPECT_THAT(answer.body,
              HasSubstr(R"("formula":"share_of_voice/1","by":"mentions","total":40,"shares":[)"
                        R"({"dimension":"brand","id":"acme","value":30,"estimate":false,)"
                        R"("share":0.75},)"
                        R"({"dimension":"competitor","id":"globex","value":10,"estimate":false,)"
                        R"("share":0.25}])"));
  EXPECT_THAT(get("/api/v1/share-of-voice?by=authors").body, HasSubstr(R"("share":null)"));
  EXPECT_EQ(get("/api/v1/share-of-voice?by=likes").status, 400);
}

TEST_F(ReportTest, TagsAreReportedBesideTheWindowBefore) {
  count({Dimension::Theme, "delivery", ""}, 1, Measure::Mentions, 9);
  count({Dimension::Theme, "delivery", ""}, 1, Measure::Likes, 18);
  count({Dimension::Theme, "delivery", ""}, 3, Measure::Mentions, 6);
  begin();

  const Answer answer = get("/api/v1/reports/tags?window=2h");

  EXPECT_THAT(
      answer.body,
      HasSubstr(R"("themes":[{"id":"delivery","mentions":9,"own":0,"questions":0,"likes":18,)"
                R"("replies":0,"shares":0,"views":0,"clicks":0,"conversions":0,"authors":0,)"
                R"("estimate":false,"mentions_before":6,"change":0.5,)"
                R"("engagement_per_mention":2,"engagement_rate":null)"));
  EXPECT_THAT(answer.body, HasSubstr(R"("campaigns":[{"id":"summer","mentions":0)"));
}

TEST_F(ReportTest, PlacesAreSharesOfWhatIsKnown) {
  count({Dimension::Country, "FR", ""}, 1, Measure::Mentions, 3);
  count({Dimension::Country, "DE", ""}, 1, Measure::Mentions, 1);
  count({Dimension::City, "FR/Lyon", ""}, 1, Measure::Mentions, 2);
  begin();

  const Answer answer = get("/api/v1/reports/places?window=1d&limit=1");

  EXPECT_THAT(answer.body, HasSubstr(R"("countries":{"mentions":4,"places":2,"top":[)"
                                     R"({"id":"FR","mentions":3,"share":0.75}]})"));
  EXPECT_THAT(answer.body, HasSubstr(R"("cities":{"mentions":2,"places":1,"top":[)"
                                     R"({"id":"FR/Lyon","mentions":2,"share":1}]})"));
}

TEST_F(ReportTest, BestTimesAreHoursOfTheWeekInTheBrandsZone) {
  // now_ is a Monday, 10:00:30 in UTC, noon in Paris: the hour an hour ago began at 11:00 there.
  for (int hours_ago = 1; hours_ago < 5 * 168; ++hours_ago) {
    const bool mondays_at_11 = (hours_ago - 1) % 168 == 0;
    count({Dimension::Brand, "acme", ""}, hours_ago, Measure::Mentions, mondays_at_11 ? 7 : 1);
  }
  begin();
  std::string rules(kAcmeRules);
  rules.replace(rules.find("UTC"), 3, "Europe/Paris");
  rules_ = RuleSet::compile(rules, "acme.yaml").rules;

  const Answer answer = get("/api/v1/best-times?limit=1");

  EXPECT_THAT(answer.body, HasSubstr(R"("formula":"best_times/1","dimension":"brand","id":"acme",)"
                                     R"("timezone":"Europe/Paris","enough_data":true,"weeks":4)"));
  EXPECT_THAT(answer.body, HasSubstr(R"("times":[{"weekday":"mon","hour":11,)"));
  EXPECT_THAT(answer.body, HasSubstr(R"("activity":35,"hours":5}])"));
  // Four weeks are enough when four are asked for, wherever they end.
  const Answer four = get("/api/v1/best-times?limit=1&window=28d");
  EXPECT_THAT(four.body, HasSubstr(R"("enough_data":true,"weeks":4)"));
  EXPECT_EQ(get("/api/v1/best-times?limit=1&window=28d&end=2026-06-02T09:00:00Z").body.substr(70),
            get("/api/v1/best-times?limit=1&window=28d&end=2026-06-01T10:59:59Z").body.substr(70));
}

TEST_F(ReportTest, BestTimesSayThatThereIsNotEnough) {
  count({Dimension::Brand, "acme", ""}, 30, Measure::Mentions, 500);
  begin();

  const Answer answer = get("/api/v1/best-times");

  EXPECT_THAT(answer.body, HasSubstr(R"("enough_data":false,"weeks":0,"weeks_needed":4,)"
                                     R"("mentions":500,"mentions_needed":200,"times":[])"));
}

TEST_F(ReportTest, FormulasAreListed) {
  begin();

  EXPECT_THAT(get("/api/v1/formulas").body,
              HasSubstr(R"({"id":"click_through","version":1,"is":"clicks / views"})"));
}

TEST_F(ReportTest, AnAuthorIsToldWithTheirThemes) {
  const AuthorKey author = keys_.of("x", "7");
  count({Dimension::Author, hex(author), {}}, 2, Measure::Mentions, 3);
  count({Dimension::ThemeAuthor, "delivery", hex(author)}, 2, Measure::Mentions, 2);
  Authors authors(*store_);
  authors.saw(author, *parse_time("2026-05-01T08:00:00Z"));
  StoreBatch batch;
  authors.flush_rows(batch);
  write(batch);
  begin();

  const Answer answer = get("/api/v1/authors/x/7");

  EXPECT_THAT(answer.body, HasSubstr(R"("first_seen":"2026-05-01T08:00:00Z",)"
                                     R"("last_hour":"2026-06-01T08:00:00Z","mentions":3,)"));
  EXPECT_THAT(answer.body, HasSubstr(R"("themes":[{"id":"delivery","mentions":2,)"));
  EXPECT_EQ(get("/api/v1/authors/x/8").status, 404);
  EXPECT_EQ(get("/api/v1/authors/X!/7").status, 400);
}

TEST_F(ReportTest, MembersAreToldByWeeksOfTheBrandsZone) {
  // Monday, 2026-06-01, 10:00 is ten hours into the week.
  const AuthorKey author = keys_.of("x", "7");
  count({Dimension::Author, hex(author), {}}, 9, Measure::Mentions, 1);
  count({Dimension::Author, hex(author), {}}, 11, Measure::Mentions, 1);
  Authors authors(*store_);
  authors.saw(author, now_ - std::chrono::hours{11});
  StoreBatch batch;
  authors.flush_rows(batch);
  write(batch);
  begin();

  const Answer answer = get("/api/v1/reports/members?weeks=1");

  EXPECT_THAT(
      answer.body,
      HasSubstr(R"("formula":"members/1","timezone":"UTC","weeks":[)"
                R"({"begin":"2026-05-25T00:00:00Z","end":"2026-06-01T00:00:00Z","complete":true,)"
                R"("members":1,"newcomers":1,"returning":0},)"
                R"({"begin":"2026-06-01T00:00:00Z","end":"2026-06-01T11:00:00Z","complete":false,)"
                R"("members":1,"newcomers":0,"returning":1}])"));
  EXPECT_EQ(get("/api/v1/reports/members?weeks=5").status, 400);
}

TEST_F(ReportTest, WeeksBeginAtMidnightOnBothSidesOfAChangeOfClocks) {
  begin();
  rules_ =
      RuleSet::compile("brand: {id: acme, query: acme, timezone: Europe/Paris}", "acme.yaml").rules;
  now_ = *parse_time("2026-03-31T10:00:00Z");

  const Answer answer = get("/api/v1/reports/members?weeks=1");

  EXPECT_THAT(answer.body,
              HasSubstr(R"("begin":"2026-03-22T23:00:00Z","end":"2026-03-29T22:00:00Z")"));
}

TEST_F(ReportTest, AmbassadorsAreToldWithWhatCameOfTheirAnswers) {
  const KeyedHash hash = erased(keys_.of("x", "7"));
  const std::string author = hex(hash);
  count({Dimension::Ambassador, "x:@ana", {}}, 0, Measure::Own, 2);
  count({Dimension::AmbassadorAuthor, "x:@ana", author}, 3, Measure::Own, 1);
  count({Dimension::AuthorBrand, author, "acme"}, 4, Measure::Mentions, 1);
  count({Dimension::AuthorBrand, author, "acme"}, 1, Measure::Mentions, 2);
  begin();

  const Answer answer = get("/api/v1/reports/ambassadors");

  EXPECT_THAT(answer.body,
              HasSubstr(R"("formulas":["ambassador_activity/1","nurtured/1"],"ambassadors":[)"
                        R"({"id":"x:@ana","by":2,"about":0,"activity":1.999)"));
  EXPECT_THAT(answer.body,
              HasSubstr(R"("answers":1,"authors_answered":{"authors":1,"nurtured":1,"pending":1,)"
                        R"("brand_mentions_before":1,"brand_mentions_after":2}})"));
}

}  // namespace
}  // namespace vigie
