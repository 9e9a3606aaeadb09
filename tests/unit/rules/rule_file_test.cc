#include <fmt/format.h>
#include <gtest/gtest.h>

#include "rules/rule_set.h"

namespace vigie {
namespace {

constexpr std::string_view kWhole = R"(brand:
  id: acme
  query: 'acme OR "acme corp" OR #acme'
  accounts: ["x:@acme", "bluesky:did:plc:abc"]
  ambassadors: ["x:@ana_acme"]
  timezone: Europe/Paris
  business_hours: "mon-fri 09:00-18:00"
competitors:
  - {id: globex, query: 'globex OR @globex'}
lists:
  vip: ["x:@bigfan"]
themes:
  - id: delivery
    query: '(late OR delayed OR "not arrived") NEAR/5 (order OR parcel*)'
    must_match: ["my order is late again"]
    must_not_match: ["up late last night", {text: "late order", author: {handle: bigfan}}]
  - {id: Banking, query: bank}
campaigns:
  - {id: summer, query: '#Summer', from: 2026-06-01T00:00:00Z, until: 2026-09-01T00:00:00Z, must_match: ["#summer"]}
routes:
  - {id: jobs, when: 'theme:delivery', queue: none}
  - {id: brand, when: 'to:brand OR kind:dm', queue: social, sla: 1h, must_match: ["@acme hello"]}
  - {id: rest, when: 'theme:* OR campaign:*', queue: community, priority: high, sla: 15m}
)";

std::vector<std::string> messages(std::string_view yaml) {
  std::vector<std::string> result;
  for (const Diagnostic& diagnostic : RuleSet::compile(yaml, "r.yaml").diagnostics) {
    result.push_back(format(diagnostic));
  }
  return result;
}

std::string first(std::string_view yaml) {
  const std::vector<std::string> all = messages(yaml);
  return all.empty() ? "" : all.front();
}

TEST(RuleFile, AWholeFileCompilesToSortedRulesAndRoutesInOrder) {
  const RuleSet::Compiled compiled = RuleSet::compile(kWhole, "r.yaml");

  ASSERT_TRUE(compiled.rules) << first(kWhole);
  EXPECT_TRUE(compiled.diagnostics.empty());
  const RuleSet& rules = *compiled.rules;
  EXPECT_EQ(rules.brand_id(), "acme");
  EXPECT_EQ(rules.timezone(), "Europe/Paris");
  ASSERT_EQ(rules.open_hours().size(), 5U);
  EXPECT_EQ(rules.open_hours()[4], (OpenHours{4, 540, 1080}));
  std::vector<std::string> labels;
  for (const Rule rule : rules.rules()) labels.emplace_back(rule.label);
  EXPECT_EQ(labels, (std::vector<std::string>{"brand", "competitor:globex", "theme:Banking",
                                              "theme:delivery", "campaign:summer"}));
  ASSERT_EQ(rules.routes().size(), 3U);
  EXPECT_EQ(rules.routes()[1].sla, std::chrono::hours(1));
  EXPECT_EQ(rules.routes()[2].priority, Priority::High);
}

TEST(RuleFile, RouteSaysHowSoonItsItemsAreToBeResolved) {
  const std::string rules =
      "brand: {id: acme, query: acme}\nroutes: [{id: r, when: acme, queue: social";
  const auto with = RuleSet::compile(rules + ", resolve: 2d}]\n", "r.yaml").rules;
  const auto without = RuleSet::compile(rules + "}]\n", "r.yaml").rules;
  ASSERT_TRUE(with && without);

  EXPECT_EQ(with->routes()[0].resolve, std::chrono::hours(48));
  EXPECT_FALSE(without->routes()[0].resolve);
  EXPECT_NE(with->version(), without->version());
  EXPECT_EQ(messages(rules + ", resolve: soon}]\n"),
            std::vector<std::string>{
                "r.yaml:2:54: error: routes: resolve: expected a duration such as 15m, 8h or 2d"});
}

TEST(RuleFile, CasesAreJudgedAndNameTheirLine) {
  const auto compiled = RuleSet::compile(kWhole, "r.yaml");
  ASSERT_TRUE(compiled.rules);

  const std::vector<RuleSet::CaseResult> results = compiled.rules->run_cases();

  ASSERT_EQ(results.size(), 5U);
  EXPECT_EQ(results[0].rule, "theme:delivery");
  EXPECT_EQ(results[0].line, 15U);
  EXPECT_TRUE(results[0].passed);
  EXPECT_TRUE(results[1].passed);
  EXPECT_FALSE(results[2].passed);
  EXPECT_EQ(results[2].text, "late order");
  EXPECT_TRUE(results[3].passed);
  EXPECT_EQ(results[4].rule, "route:brand");
  EXPECT_TRUE(results[4].passed);
}

TEST(RuleFile, SuggestsTheTagOrListThatWasMeant) {
  EXPECT_EQ(messages("brand: {id: acme, query: acme}\n"
                     "lists: {vip: []}\n"
                     "themes: [{id: Delivery, query: a}]\n"
                     "campaigns: [{id: summer, query: b}]\n"
                     "routes:\n"
                     "  - {id: a, queue: none, when: 'theme:delivry'}\n"
                     "  - {id: b, queue: none, when: 'theme:DELIVERY'}\n"
                     "  - {id: c, queue: none, when: 'theme:summer'}\n"
                     "  - {id: d, queue: none, when: 'author:vip'}\n"),
            (std::vector<std::string>{
                "r.yaml:6:33: error: unknown theme \"delivry\"; did you mean \"Delivery\"?",
                "r.yaml:7:33: error: unknown theme \"DELIVERY\"; did you mean \"Delivery\"?",
                "r.yaml:8:33: error: unknown theme \"summer\"; did you mean campaign:summer?",
                "r.yaml:9:33: error: unknown author \"vip\"; did you mean \"list:vip\"?"}));
}

TEST(RuleFile, AnUnknownFieldOfACaseIsAnErrorAtItsPlace) {
  EXPECT_EQ(messages("brand:\n"
                     "  id: acme\n"
                     "  query: acme\n"
                     "  must_match:\n"
                     "    - {text: acme, txt: a}\n"
                     "    - text: acme\n"
                     "      author: {handel: a}\n"
                     "      in_reply_to_author: {name: a}\n"
                     "      mentions: [{id: a}, {followers: 1}]\n"
                     "      place: {contry: FR}\n"
                     "      engagement: {like: 1}\n"
                     "      conversion: {price: 1}\n"
                     "      media: [a, {kind: image}]\n"),
            (std::vector<std::string>{
                "r.yaml:5:20: error: must_match: unknown field \"txt\"; did you mean \"text\"?",
                "r.yaml:7:16: error: must_match: unknown field \"author.handel\"; did you mean "
                "\"handle\"?",
                "r.yaml:8:28: error: must_match: unknown field \"in_reply_to_author.name\"",
                "r.yaml:9:28: error: must_match: unknown field \"mentions.followers\"",
                "r.yaml:10:15: error: must_match: unknown field \"place.contry\"; did you mean "
                "\"country\"?",
                "r.yaml:11:20: error: must_match: unknown field \"engagement.like\"; did you mean "
                "\"likes\"?",
                "r.yaml:12:20: error: must_match: unknown field \"conversion.price\"",
                "r.yaml:13:19: error: must_match: unknown field \"media.kind\""}));
}

TEST(RuleFile, ARouteIsTakenOnlyByWhatMayBeQueued) {
  const auto compiled = RuleSet::compile(
      "brand: {id: acme, query: acme, accounts: ['x:@acme'], ambassadors: ['x:@ana']}\n"
      "competitors: [{id: globex, query: globex}]\n"
      "routes:\n"
      "  - id: all\n"
      "    when: 'NOT zzz'\n"
      "    queue: community\n"
      "    must_match: [acme, {text: hi, kind: dm}]\n"
      "    must_not_match:\n"
      "      - hello\n"
      "      - globex\n"
      "      - {text: acme, author: {handle: acme}}\n"
      "      - {text: acme, author: {handle: ana}}\n"
      "      - {text: acme, kind: click}\n"
      "      - {text: acme, kind: conversion}\n"
      "      - {text: acme, kind: reaction}\n",
      "r.yaml");
  ASSERT_TRUE(compiled.rules);

  const std::vector<RuleSet::CaseResult> results = compiled.rules->run_cases();

  ASSERT_EQ(results.size(), 9U);
  for (const RuleSet::CaseResult& result : results) EXPECT_TRUE(result.passed) << result.line;
}

TEST(RuleFile, EveryErrorIsReportedInTheOrderOfTheFile) {
  EXPECT_EQ(messages("brand:\n"
                     "  id: a b\n"
                     "  query: 'acme AND ('\n"
                     "  timezone: Mars/Base\n"
                     "  business_hours: always\n"
                     "  acounts: []\n"
                     "themes:\n"
                     "  - {id: late, query: 'langg:fr'}\n"
                     "  - {id: late, query: 'ok'}\n"
                     "routes:\n"
                     "  - {id: r, when: 'theme:lade', queue: soshal, priority: max, sla: soon}\n"),
            (std::vector<std::string>{
                "r.yaml:2:7: error: brand: id \"a b\": expected at most 128 of A-Z a-z 0-9 _ . -",
                "r.yaml:3:21: error: expected a word, a phrase or '('",
                "r.yaml:4:13: error: brand: unknown timezone \"Mars/Base\"; expected a name such "
                "as Europe/Paris",
                "r.yaml:5:19: error: brand: business_hours: expected a form such as \"mon-fri "
                "09:00-18:00; sat "
                "10:00-12:00\", without overlaps",
                "r.yaml:6:3: error: brand: unknown key \"acounts\"; did you mean \"accounts\"?",
                "r.yaml:8:24: error: unknown name \"langg\"; did you mean \"lang\"?",
                "r.yaml:9:10: error: themes: id \"late\" stands twice",
                "r.yaml:11:20: error: unknown theme \"lade\"; did you mean \"late\"?",
                "r.yaml:11:40: error: routes: unknown queue \"soshal\"; expected social, community "
                "or none",
                "r.yaml:11:58: error: routes: unknown priority \"max\"; expected low, normal, high "
                "or urgent",
                "r.yaml:11:68: error: routes: sla: expected a duration such as 15m, 8h or 2d"}));
}

// Each query ends in an unknown name; the error names its place whatever way the text is written.
TEST(RuleFile, ErrorsInAQueryNameTheirPlaceInAnyYamlForm) {
  const std::string head = "brand: {id: a, query: a}\nthemes:\n - id: t\n   query: ";
  EXPECT_TRUE(first(head + "late bad:x\n").starts_with("r.yaml:4:16:"));
  EXPECT_TRUE(first(head + "'it''s bad:x'\n").starts_with("r.yaml:4:18:"));
  EXPECT_TRUE(first(head + "\"\\\"a b\\\" \\u00e9 bad:x\"\n").starts_with("r.yaml:4:27:"));
  EXPECT_TRUE(first(head + "|\n     late OR\n     bad:x\n").starts_with("r.yaml:6:6:"));
  EXPECT_TRUE(first(head + ">-\n     late OR\n     x OR bad:x\n").starts_with("r.yaml:6:11:"));
  EXPECT_TRUE(first(head + "|\n\n     late OR\n     bad:x\n").starts_with("r.yaml:7:6:"));
  EXPECT_TRUE(first(head + ">\n\n\n     late OR bad:x\n").starts_with("r.yaml:7:14:"));
  EXPECT_TRUE(first(head + "late OR\n      bad:x\n").starts_with("r.yaml:5:7:"));
  EXPECT_TRUE(first(head + "\"late \\\n      bad:x\"\n").starts_with("r.yaml:5:7:"));
}

// What the parser says of a query comes before what the compiler says of what stands further left.
TEST(RuleFile, EachOfManyWarningsOfAQueryNamesItsPlace) {
  EXPECT_EQ(messages("brand:\n"
                     "  id: acme\n"
                     "  query: 'acme, it''s and\n"
                     "\n"
                     "    late, or lost'\n"
                     "themes:\n"
                     "  - {id: a, query: \"a\\u00e9 and b, \\\n"
                     "      or c,\"}\n"),
            (std::vector<std::string>{
                "r.yaml:3:11: warning: \"acme,\" is matched as \"acme\"",
                "r.yaml:3:23: warning: \"and\" is a word here; the operator is written AND",
                "r.yaml:5:5: warning: \"late,\" is matched as \"late\"",
                "r.yaml:5:11: warning: \"or\" is a word here; the operator is written OR",
                "r.yaml:7:29: warning: \"and\" is a word here; the operator is written AND",
                "r.yaml:7:33: warning: \"b,\" is matched as \"b\"",
                "r.yaml:8:7: warning: \"or\" is a word here; the operator is written OR",
                "r.yaml:8:10: warning: \"c,\" is matched as \"c\""}));
}

TEST(RuleFile, AKeyStandsOnceInAMapOfMany) {
  std::string yaml = "brand: {id: acme, query: acme}\nlists:\n";
  for (int i = 0; i < 100; ++i) yaml += "  l" + std::to_string(i) + ": ['x:@a']\n";

  EXPECT_EQ(messages(yaml), std::vector<std::string>());
  EXPECT_EQ(messages(yaml + "  l7: ['x:@b']\n"),
            std::vector<std::string>{"r.yaml:103:3: error: \"l7\" stands twice"});
  EXPECT_EQ(messages(yaml + "  l99: ['x:@b']\n"),
            std::vector<std::string>{"r.yaml:103:3: error: \"l99\" stands twice"});
}

TEST(RuleFile, BrokenYamlIsAnErrorWithItsPlace) {
  EXPECT_TRUE(first("brand: [").starts_with("r.yaml:"));
  EXPECT_TRUE(first("brand: &a {id: x}\n").starts_with("r.yaml:1:8: error: anchors"));
  EXPECT_EQ(
      first(""),
      "r.yaml:1:1: error: expected a map with brand, competitors, lists, themes, campaigns or "
      "routes");
  EXPECT_FALSE(RuleSet::compile("- 1", "r").rules);
}

TEST(RuleFile, WrongTypesAreErrorsAndNoCrash) {
  EXPECT_FALSE(
      RuleSet::compile("brand: 1\nthemes: {a: b}\nlists: [1]\nroutes: [1, [2]]\n", "r").rules);
  EXPECT_FALSE(RuleSet::compile("brand: {id: a, query: [b]}\n", "r").rules);
  EXPECT_FALSE(RuleSet::compile("brand: {id: a, query: b, accounts: [acme]}\n", "r").rules);
  EXPECT_FALSE(RuleSet::compile("brand: {id: a, query: b, must_match: [[a]]}\n", "r").rules);
  EXPECT_FALSE(RuleSet::compile("brand: {id: a, query: b, must_match: [{txet: a}]}\n", "r").rules);
}

TEST(RuleFile, RoutesHoldARouteOrAreLeftOut) {
  EXPECT_EQ(first("brand: {id: a, query: a}\nroutes: []\n"),
            "r.yaml:2:9: error: routes: expected a route; leave the key out for the default "
            "routes");
  EXPECT_TRUE(first("brand: {id: a, query: a}\nroutes:\n").contains("expected a route"));
  EXPECT_TRUE(RuleSet::compile("brand: {id: a, query: a}\n", "r").rules);
}

TEST(RuleFile, ACampaignEndsAfterItBegins) {
  EXPECT_EQ(
      first("brand: {id: a, query: a}\ncampaigns:\n"
            "  - {id: c, query: c, from: 2026-02-01T00:00:00Z, until: 2026-01-01T00:00:00Z}\n"),
      "r.yaml:3:58: error: campaigns: until: expected a time after from");
}

TEST(RuleFile, TheBrandQueryCannotAskForItself) {
  EXPECT_EQ(first("brand: {id: a, query: 'a OR is:brand'}\n"),
            "r.yaml:1:29: error: the brand query cannot ask is:brand");
}

std::string version(std::string_view yaml) {
  const auto compiled = RuleSet::compile(yaml, "r");
  return compiled.rules ? compiled.rules->version() : "";
}

TEST(RuleFile, TheVersionChangesWithAnswersOnly) {
  const std::string base =
      version("brand: {id: a, query: acme}\nthemes: [{id: t, query: x}, {id: u, query: y}]\n");
  EXPECT_EQ(base.size(), 16U);
  EXPECT_EQ(version("# comment\nthemes: [{id: u, query: y}, {id: t, query: 'x', must_match: [x]}]\n"
                    "brand: {query: acme, id: a}\n"),
            base);
  EXPECT_NE(
      version("brand: {id: a, query: acme}\nthemes: [{id: t, query: x}, {id: u, query: z}]\n"),
      base);
  EXPECT_NE(version("brand: {id: a, query: acme, accounts: ['x:@a']}\n"
                    "themes: [{id: t, query: x}, {id: u, query: y}]\n"),
            base);
}

// A refused part has no node in the plan, so the group around it must not look at one.
TEST(RuleFile, SaysBothThingsThatAreWrongInTheFirstQueryOfAFile) {
  const auto compiled = RuleSet::compile(
      "routes:\n  - {id: a, when: 'theme:late AND is:qestion', queue: none}\n", "r.yaml");

  EXPECT_EQ(compiled.rules, nullptr);
  std::size_t errors = 0;
  for (const Diagnostic& diagnostic : compiled.diagnostics) errors += diagnostic.is_error;
  EXPECT_EQ(errors, 2U);
}

}  // namespace
}  // namespace vigie
