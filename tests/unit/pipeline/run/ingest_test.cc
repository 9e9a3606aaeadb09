#include "pipeline/run/ingest.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "pipeline/run/rule_cost_board.h"
#include "tests/fakes/acme.h"
#include "tests/fakes/metric.h"
#include "tests/fakes/refusing_log.h"
#include "tests/fakes/scratch_log.h"

namespace vigie {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

const Time kNow = *parse_time("2026-11-20T12:00:00Z");
constexpr std::string_view kEnglish = "the parcel that I ordered has still not arrived at my house";

class Ingesting : public testing::Test {
 protected:
  Ingesting() {
    std::ofstream(rules_.path() / "rules.yaml") << kAcmeRules;
    auto opened = RulesSource::open(rules_.path() / "rules.yaml");
    if (!opened) std::abort();
    source_ = std::move(*opened);
    ingest_ = std::make_unique<Ingest>(refusing_, source_.get(),
                                       RecordClock([] { return kNow; }, [] { return minutes{0}; }),
                                       registry_);
  }

  Ingest::Outcome accept(std::vector<Item> items, const IngestOptions& options = {},
                         const std::string& cursor = "") {
    auto outcome = ingest_->accept("forum", std::move(items), cursor, options);
    if (!outcome) ADD_FAILURE() << outcome.error().message;
    return outcome.value_or(Ingest::Outcome{});
  }

  static Mention read(const Record& record) {
    auto mention = MentionReader().read(record.value.value_or(""));
    if (!mention) ADD_FAILURE() << mention.error().message;
    return mention.value_or(Mention{});
  }
  // The one mention that was logged since the last call.
  Mention logged() {
    const std::vector<Record> records = ScratchLog::of(Topic::Mentions, log_.take());
    EXPECT_EQ(records.size(), 1U);
    return records.empty() ? Mention{} : read(records[0]);
  }
  std::string language(std::string text, std::string lang = "", bool detect = true) {
    Mention mention = acme_mention("1", std::move(text), kNow);
    mention.lang = std::move(lang);
    accept({mention}, {.detect_lang = detect});
    return logged().lang;
  }

  ScratchDirectory rules_;
  std::unique_ptr<RulesSource> source_;
  prometheus::Registry registry_;
  prometheus::Registry registry2_;  // of an Ingest that comes after
  ScratchLog log_{3};
  RefusingLog refusing_{*log_};
  std::unique_ptr<Ingest> ingest_;
};

TEST_F(Ingesting, SavesTheCursorWithItsMentions) {
  accept({acme_mention("1", "acme", kNow), acme_mention("2", "acme", kNow)}, {}, "page 2");

  const std::vector<Record> records = log_.take();
  EXPECT_EQ(ScratchLog::of(Topic::Mentions, records).size(), 2U);
  EXPECT_EQ(ScratchLog::of(Topic::Cursors, records).size(), 1U);
  EXPECT_EQ(ingest_->cursor("forum").value_or("failed"), "page 2");
  EXPECT_EQ(ingest_->cursor("another").value_or("failed"), "");
}

TEST_F(Ingesting, KeepsTheCursorWhenTheLogRefuses) {
  accept({acme_mention("1", "acme", kNow)}, {}, "page 2");
  refusing_.refusals = 1;

  const auto outcome = ingest_->accept("forum", {acme_mention("2", "acme", kNow)}, "page 3", {});

  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Code::Unavailable);
  EXPECT_EQ(ingest_->cursor("forum").value_or("failed"), "page 2");
  EXPECT_EQ(metric(registry_, "vigie_ingest_mentions_total"), 1);
}

TEST_F(Ingesting, TakesNothingInWhileItIsRefusedAndLosesNothing) {
  std::optional<Error> refusal = Error{Code::Throttled, "disk: full", std::chrono::seconds{5}};
  ingest_->guard([&] { return refusal; });
  ingest_->announce("forum");

  const auto refused = ingest_->accept("forum", {acme_mention("1", "acme", kNow)}, "page 2", {});
  ASSERT_TRUE(ingest_->tick(minutes{0}));

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::Throttled);
  EXPECT_EQ(log_.take().size(), 0U);
  EXPECT_EQ(ingest_->cursor("forum").value_or("failed"), "");
  EXPECT_EQ(metric(registry_, "vigie_ingest_refused_total"), 1);

  refusal.reset();
  accept({acme_mention("1", "acme", kNow)}, {}, "page 2");
  EXPECT_EQ(ScratchLog::of(Topic::Mentions, log_.take()).size(), 1U);
  EXPECT_EQ(ingest_->cursor("forum").value_or("failed"), "page 2");
}

TEST_F(Ingesting, SavesACursorThatBringsNothing) {
  accept({}, {}, "page 9");

  EXPECT_EQ(ingest_->cursor("forum").value_or("failed"), "page 9");
}

TEST_F(Ingesting, WritesAuthorWideOpsIntoEveryPartition) {
  accept({acme_author_op(Op::EraseAuthor, "7", kNow)});

  std::vector<std::int32_t> partitions;
  for (const Record& record : ScratchLog::of(Topic::Mentions, log_.take())) {
    partitions.push_back(number(record.partition));
    EXPECT_EQ(read(record).op, Op::EraseAuthor);
  }
  EXPECT_EQ(partitions, (std::vector<std::int32_t>{0, 1, 2}));
}

TEST_F(Ingesting, DropsWhatNoRuleWantsAndCountsIt) {
  Mention to_brand = acme_mention("2", "hello", kNow);
  to_brand.mentions = std::vector{Person{.id = "", .handle = "acme"}};
  Mention dm = acme_mention("3", "hello", kNow);
  dm.kind = Kind::Dm;
  Mention ambassador = acme_mention("4", "hello", kNow);
  ambassador.author.handle = "ana";

  const auto outcome = accept({acme_mention("1", "nothing", kNow), to_brand, dm, ambassador},
                              {.keep_matched = true});

  EXPECT_EQ(outcome.dropped, 1U);
  EXPECT_EQ(outcome.logged, 3U);
  EXPECT_EQ(metric(registry_, "vigie_ingest_dropped_total"), 1);
  EXPECT_EQ(ScratchLog::of(Topic::Mentions, log_.take()).size(), 3U);
}

TEST_F(Ingesting, KeepsWithTheOldRulesForAWhileAfterAReload) {
  std::string other(kAcmeRules);
  other.replace(other.find("query: 'acme'"), 13, "query: 'newname'");
  std::ofstream(rules_.path() / "rules.yaml") << other;
  ASSERT_TRUE(source_->reload(false));

  const auto outcome = accept({acme_mention("1", "acme", kNow), acme_mention("2", "newname", kNow),
                               acme_mention("3", "nothing", kNow)},
                              {.keep_matched = true});

  EXPECT_EQ(outcome.logged, 2U);
}

TEST_F(Ingesting, TellsWhatTheRulesInForceCostAtTheDoor) {
  RuleCostBoard board([this] { return source_->current(); }, registry_);
  prometheus::Registry other;
  Ingest ingest(refusing_, source_.get(), RecordClock([] { return kNow; }), other, &board);

  auto outcome = ingest.accept("forum", {acme_mention("1", "acme", kNow)}, "", {});
  ASSERT_TRUE(outcome);
  EXPECT_EQ(metric(registry_, "vigie_rule_matches_total"), 0) << "nothing was matched";
  outcome = ingest.accept("forum", {acme_mention("2", "acme", kNow)}, "", {.keep_matched = true});

  ASSERT_TRUE(outcome);
  EXPECT_GE(metric(registry_, "vigie_rule_matches_total"), 1);
}

TEST_F(Ingesting, DropsNothingButCreates) {
  Mention update = acme_mention("1", "nothing", kNow);
  update.op = Op::Update;

  const auto outcome =
      accept({update, acme_op(Op::Delete, "2", kNow), acme_op(Op::Engagement, "3", kNow)},
             {.keep_matched = true});

  EXPECT_EQ(outcome.logged, 3U);
}

TEST_F(Ingesting, AMentionThatIsTooLargeIsADeadLetter) {
  const Mention large = acme_mention("1", std::string(kMaxMentionBytes, 'a'), kNow);

  const auto outcome = accept({large, acme_mention("2", "acme", kNow)}, {}, "page 2");

  EXPECT_EQ(outcome.logged, 1U);
  EXPECT_EQ(outcome.dead_lettered, 1U);
  const std::vector<Record> records = log_.take();
  ASSERT_EQ(ScratchLog::of(Topic::Deadletter, records).size(), 1U);
  EXPECT_NE(ScratchLog::of(Topic::Deadletter, records)[0].value->find("larger than 524288 bytes"),
            std::string::npos);
  EXPECT_EQ(ScratchLog::of(Topic::Cursors, records).size(), 1U);
}

TEST_F(Ingesting, AnAuthorWideOpThatIsTooLargeIsOneDeadLetter) {
  Mention large = acme_author_op(Op::HideAuthor, "7", kNow);
  large.text = std::string(kMaxMentionBytes, 'a');

  accept({large});

  const std::vector<Record> records = log_.take();
  EXPECT_EQ(ScratchLog::of(Topic::Deadletter, records).size(), 1U);
  EXPECT_TRUE(ScratchLog::of(Topic::Mentions, records).empty());
}

TEST_F(Ingesting, WhatCannotBeReadIsADeadLetterWithItsPlace) {
  accept({Undecodable{"no JSON", "line 17", "{"}});

  const std::vector<Record> letters = ScratchLog::of(Topic::Deadletter, log_.take());
  ASSERT_EQ(letters.size(), 1U);
  EXPECT_NE(letters[0].value->find(R"("position":"line 17","reason":"no JSON")"),
            std::string::npos);
  EXPECT_EQ(metric(registry_, "vigie_ingest_deadletters_total"), 1);
}

TEST_F(Ingesting, WritesTicksIntoIdlePartitionsOnly) {
  accept({acme_mention("1", "acme", kNow)});
  const std::vector<Record> first = ScratchLog::of(Topic::Mentions, log_.take());
  ASSERT_EQ(first.size(), 1U);

  ASSERT_TRUE(ingest_->tick(minutes{1}));
  const std::vector<Record> ticks = log_.take();
  EXPECT_EQ(ticks.size(), 2U);
  for (const Record& tick : ticks) {
    EXPECT_NE(tick.partition, first[0].partition);
    EXPECT_EQ(read(tick).op, Op::Tick);
    EXPECT_EQ(read(tick).seen_at, kNow);
  }

  ASSERT_TRUE(ingest_->tick(minutes{1}));
  EXPECT_TRUE(log_.take().empty());
}

TEST_F(Ingesting, FindsTheLanguageOfTwentyLettersOrMore) {
  EXPECT_EQ(language(std::string(kEnglish)), "en");
  EXPECT_EQ(language(std::string(kEnglish), "und"), "en");
  EXPECT_EQ(language("ma commande est encore en retard et personne ne répond"), "fr");
  EXPECT_EQ(language("the parcel arrived"), "");
  EXPECT_EQ(language("12345 67890 12345 67890 !!! 12345"), "");
}

TEST_F(Ingesting, LeavesALanguageThatIsToldAlone) {
  EXPECT_EQ(language(std::string(kEnglish), "de"), "de");
  EXPECT_EQ(language(std::string(kEnglish), "", false), "");
  EXPECT_EQ(language("short", "und"), "und");
}

TEST_F(Ingesting, StampsItsReceiptWhateverTheInputSays) {
  accept({acme_mention("1", "acme", kNow - hours{5})});

  const Mention mention = logged();
  EXPECT_EQ(mention.seen_at, kNow);
  EXPECT_EQ(mention.connector, "forum");
}

TEST_F(Ingesting, WithTimeFromTheInputAMissingReceiptIsTheLaterOfPreviousAndCreated) {
  const IngestOptions options{.time_from_input = true};
  Mention first = acme_mention("1", "acme", kNow - hours{5});
  Mention earlier = acme_mention("2", "acme", kNow - hours{6});
  earlier.seen_at.reset();
  Mention later = acme_mention("3", "acme", kNow - hours{4});
  later.seen_at.reset();

  accept({first, earlier, later}, options);

  std::map<std::string, Time> seen_at;
  for (const Record& record : ScratchLog::of(Topic::Mentions, log_.take())) {
    seen_at[read(record).id] = read(record).seen_at.value_or(Time{});
  }
  EXPECT_EQ(seen_at["1"], kNow - hours{5});
  EXPECT_EQ(seen_at["2"], kNow - hours{5});
  EXPECT_EQ(seen_at["3"], kNow - hours{4});
}

TEST_F(Ingesting, StampsOfTheInputGoOnFromTheSavedCursor) {
  Mention first = acme_mention("1", "acme", kNow);
  accept({first}, {.time_from_input = true}, "line 1");
  log_.take();
  ingest_ = std::make_unique<Ingest>(refusing_, source_.get(), RecordClock(), registry2_);
  ASSERT_EQ(ingest_->cursor("forum").value_or("failed"), "line 1");

  Mention later = acme_op(Op::Engagement, "1", kNow);
  later.seen_at.reset();
  accept({later}, {.time_from_input = true}, "line 2");

  EXPECT_EQ(logged().seen_at, kNow);
}

TEST_F(Ingesting, WhatIsSentAgainGetsTheSameStamps) {
  accept({acme_mention("1", "acme", kNow)}, {.time_from_input = true}, "line 1");
  log_.take();
  Mention ahead = acme_mention("2", "acme", kNow + hours{5});
  Mention unstamped = acme_op(Op::Delete, "1", kNow);
  unstamped.seen_at.reset();
  refusing_.refusals = 1;
  ASSERT_FALSE(ingest_->accept("forum", {ahead}, "line 2", {.time_from_input = true}));

  accept({unstamped}, {.time_from_input = true}, "line 2");

  EXPECT_EQ(logged().seen_at, kNow);
}

TEST_F(Ingesting, KeepsWhatARuleWantsOfNewAuthorsAndOfOthers) {
  std::string rules(kAcmeRules);
  rules.insert(rules.find("routes:"), R"(  - {id: first, query: 'hello AND author:new'}
  - {id: again, query: 'goodbye AND NOT author:new'}
)");
  std::ofstream(rules_.path() / "rules.yaml") << rules;
  ASSERT_TRUE(source_->reload(false));

  const auto outcome = accept({acme_mention("1", "hello", kNow), acme_mention("2", "goodbye", kNow),
                               acme_mention("3", "nothing", kNow)},
                              {.keep_matched = true});

  EXPECT_EQ(outcome.logged, 2U);
  EXPECT_EQ(outcome.dropped, 1U);
}

TEST_F(Ingesting, WhatIsTooLargeOnceWrittenDownIsADeadLetterThatNamesIt) {
  accept({acme_mention("17", std::string(kMaxMentionBytes, 'a'), kNow)});

  const std::vector<Record> letters = ScratchLog::of(Topic::Deadletter, log_.take());
  ASSERT_EQ(letters.size(), 1U);
  EXPECT_NE(letters[0].value->find(R"("position":"x/17")"), std::string::npos);
}

TEST_F(Ingesting, NamesOfNetworksAreABoundedLabel) {
  std::vector<Item> items;
  for (int i = 0; i < 200; ++i) {
    Mention mention = acme_mention("1", "acme", kNow);
    mention.network = "n" + std::to_string(i);
    items.emplace_back(std::move(mention));
  }
  accept(std::move(items));

  std::size_t labels = 0;
  for (const auto& family : registry_.Collect()) {
    if (family.name == "vigie_ingest_mentions_total") labels = family.metric.size();
  }
  EXPECT_EQ(labels, 65U);
  EXPECT_EQ(metric(registry_, "vigie_ingest_mentions_total"), 200);
}

TEST_F(Ingesting, AReloadTellsWhetherTheRulesInForceAreThoseOfTheFile) {
  using Reload = RulesSource::Reload;
  const std::filesystem::path file = rules_.path() / "rules.yaml";
  EXPECT_EQ(source_->reload(false).value(), Reload::Unchanged);

  std::string same_size(kAcmeRules);
  same_size.replace(same_size.find("acme"), 4, "ajax");
  std::ofstream(file) << same_size;
  EXPECT_EQ(source_->reload(false).value(), Reload::Changed);
  std::ofstream(file) << kAcmeRules;
  EXPECT_EQ(source_->reload(false).value(), Reload::Changed);

  std::ofstream(file) << "themes: 5";
  EXPECT_FALSE(source_->reload(false));
  std::ofstream(file) << kAcmeRules;
  EXPECT_EQ(source_->reload(false).value(), Reload::SameVersion);

  std::filesystem::rename(file, rules_.path() / "away");
  EXPECT_FALSE(source_->reload(false));
  std::filesystem::rename(rules_.path() / "away", file);
  EXPECT_EQ(source_->reload(false).value(), Reload::SameVersion);
}

}  // namespace
}  // namespace vigie
