#include "rules/lint.h"

#include <algorithm>
#include <array>
#include <chrono>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "pipeline/core/json.h"
#include "rules/query_logic.h"
#include "rules/rule_file.h"
#include "tests/rules/naive_matcher.h"
#include "tests/rules/rule_generator.h"

namespace vigie {
namespace {

const Time kNow = *parse_time("2026-07-01T00:00:00Z");

using Lines = std::vector<std::string>;

Lines warnings_of(const std::string& yaml) {
  EXPECT_TRUE(RuleSet::compile(yaml, "r").rules) << yaml;
  Lines lines;
  for (const Diagnostic& each : lint(yaml, "r", kNow)) {
    EXPECT_FALSE(each.is_error);
    lines.push_back(fmt::format("{}:{}: {}", each.line, each.column, each.message));
  }
  return lines;
}

// What is said of one theme.
Lines of_query(std::string_view query) {
  std::string yaml = "brand: {id: b, query: nobodysbrand, accounts: [\"x:@b\"]}\n";
  yaml += "lists: {vip: [\"x:@fan\"], none: []}\nthemes:\n  - {id: t, query: ";
  append_json_string(yaml, query);
  Lines lines = warnings_of(yaml + "}\n");
  for (std::string& line : lines) line = line.substr(line.find(": ") + 2);
  return lines;
}

std::string dead(std::string_view query) {
  const Lines lines = of_query(query);
  constexpr std::string_view kDead = "this can never match";
  if (lines.size() != 1 || !lines[0].starts_with(kDead)) return "";
  return lines[0].size() == kDead.size() ? "dead" : lines[0].substr(kDead.size() + 2);
}

TEST(Lint, FindsQueriesThatNeverMatchAndSaysWhy) {
  EXPECT_EQ(dead("a AND NOT a"), "a has to be there and must not be");
  EXPECT_EQ(dead("Café -cafe"), "Café has to be there and must not be");
  EXPECT_EQ(dead("#acme -acme"), "what has #acme has acme, which must not be");
  EXPECT_EQ(dead("@acme -acme"), "what has @acme has acme, which must not be");
  EXPECT_EQ(dead("parcels -parcel*"), "what has parcels has parcel*, which must not be");
  EXPECT_EQ(dead("parcel* -par*"), "what has parcel* has par*, which must not be");
  EXPECT_EQ(dead("woman -wom?n"), "what has woman has wom?n, which must not be");
  EXPECT_EQ(dead("\"a b c\" -\"b c\""), "what has \"a b c\" has \"b c\", which must not be");
  EXPECT_EQ(dead("exact:\"A b\" -b"), "what has exact:\"A b\" has b, which must not be");
  EXPECT_EQ(dead("(a NEAR/3 b) -b"), "b has to be there and must not be");
  EXPECT_EQ(dead("(a NEAR/3 b) NOT (b NEAR/5 a)"),
            "what has a NEAR/3 b has b NEAR/5 a, which must not be");
  EXPECT_EQ(dead("(a ONEAR/3 b) NOT (b NEAR/3 a)"),
            "what has a ONEAR/3 b has b NEAR/3 a, which must not be");
  EXPECT_EQ(dead("a lang:fr lang:de"), "lang:fr and lang:de never hold together");
  EXPECT_EQ(dead("network:x network:reddit"), "network:x and network:reddit never hold together");
  EXPECT_EQ(dead("kind:post kind:Reply"), "kind:post and kind:Reply never hold together");
  EXPECT_EQ(dead("author:@a author:@b"), "author:@a and author:@b never hold together");
  EXPECT_EQ(dead("country:FR country:de"), "country:FR and country:de never hold together");
  EXPECT_EQ(dead("site:a.example site:b.example"),
            "site:a.example and site:b.example never hold together");
  EXPECT_EQ(dead("likes>10 likes<5"), "no number is likes>10, likes<5");
  EXPECT_EQ(dead("likes>10 likes<11"), "no number is likes>10, likes<11");
  EXPECT_EQ(dead("likes>=3 likes<=3 NOT likes=3"), "no number is likes>=3, likes<=3, NOT likes=3");
  EXPECT_EQ(dead("likes>10 NOT likes>5"), "no number is likes>10, NOT likes>5");
  EXPECT_EQ(dead("followers>9223372036854775807"), "no number is followers>9223372036854775807");
  EXPECT_EQ(dead("author:ambassador"),
            "author:ambassador never holds: the brand has no ambassadors");
  EXPECT_EQ(dead("a author:list:none"), "author:list:none never holds: the list none is empty");
  EXPECT_EQ(dead("url:a.example/shop NOT url:a.example"),
            "what has url:a.example/shop has url:a.example, which must not be");
  EXPECT_EQ(dead("(a -a) OR (b -b)"), "dead");
  EXPECT_EQ(dead("(a OR b) -a -b"), "dead");
  EXPECT_EQ(dead("a NOT (a OR b)"), "a has to be there and must not be");
  EXPECT_EQ(dead("a (lang:fr OR lang:it) lang:de"), "dead");
}

TEST(Lint, SaysNothingOfQueriesThatCanMatch) {
  for (const std::string_view query : {"a",
                                       "a -b",
                                       "#acme -@acme",
                                       "acme -#acme",
                                       "par* -parcel*",
                                       "w?rd -word",
                                       "\"a b\" -\"b a\"",
                                       "\"a b\" c",
                                       "a \"b\"",
                                       "exact:A -exact:a",
                                       "a -exact:a",
                                       "(a NEAR/5 b) NOT (a NEAR/3 b)",
                                       "(a NEAR/3 b) NOT (a ONEAR/3 b)",
                                       "(a ONEAR/3 b) NOT (b ONEAR/3 a)",
                                       "lang:fr lang:fr-CA",
                                       "lang:fr -lang:fr-CA",
                                       "lang:fr lang:FR",
                                       "a NOT likes>5 NOT likes<=5",
                                       "likes>5 likes<7",
                                       "likes>=5 likes<=5",
                                       "likes>3 followers<2",
                                       "likes>=3 likes<=4 NOT likes=3",
                                       "url:a.example url:b.example",
                                       "site:a.example site:shop.a.example/x",
                                       "site:a.example/x site:a.example/x/y",
                                       "mentions:@a mentions:@b",
                                       "author:@a author:list:vip",
                                       "a (b OR -a)",
                                       "(a OR b) -a",
                                       "wi-fi -wifi",
                                       "wi-fi -\"wi fi\"",
                                       "a author:brand",
                                       "\"@b a\" -@b",
                                       "acme.com -acme",
                                       "has:link NOT url:a.example",
                                       "author:id:1 author:@b",
                                       "city:Lyon country:FR",
                                       "is:brand NOT to:brand",
                                       "/a/ -/b/",
                                       "/a/i -/a/"}) {
    EXPECT_EQ(of_query(query), Lines{}) << query;
  }
}

TEST(Lint, FindsPartsThatNeverHold) {
  EXPECT_EQ(of_query("a OR (b lang:fr lang:de)"),
            Lines{"this part can never hold: lang:fr and lang:de never hold together"});
  EXPECT_EQ(of_query("a NOT (b AND NOT b)"),
            Lines{"this part can never hold: b has to be there and must not be"});
}

TEST(Lint, NamesNetworksThatAreNearlyOnesWeKnow) {
  EXPECT_EQ(of_query("a network:bluesk"),
            Lines{"no network that we know is called \"bluesk\"; did you mean \"bluesky\"?"});
  EXPECT_EQ(of_query("a network:Twitter"),
            Lines{"no network that we know is called \"Twitter\"; did you mean \"x\"?"});
  EXPECT_EQ(of_query("a network:(x OR reddit OR ourforum)"), Lines{});
}

TEST(Lint, NamesLanguagesAndCountriesThatNoCodeIsOf) {
  EXPECT_EQ(of_query("a lang:english"),
            Lines{"no language is called \"english\"; did you mean \"en\"?"});
  EXPECT_EQ(of_query("a lang:jp"), Lines{"no language is called \"jp\"; did you mean \"ja\"?"});
  EXPECT_EQ(of_query("a lang:xy"), Lines{"no language is called \"xy\""});
  EXPECT_EQ(of_query("a lang:(pt-BR OR zh-Hant OR fil OR und OR qme OR cmn OR bh OR EN)"), Lines{});
  EXPECT_EQ(of_query("a country:uk"), Lines{"no country is called \"uk\"; did you mean \"GB\"?"});
  EXPECT_EQ(of_query("a country:France"),
            Lines{"no country code is called \"France\"; did you mean \"FR\"?"});
  EXPECT_EQ(of_query("a country:usa"),
            Lines{"no country code is called \"usa\"; did you mean \"US\"?"});
  EXPECT_EQ(of_query("a country:(fr OR BR OR Elbonia)"), Lines{});
}

// `routes` with themes a, b and c and a competitor.
Lines of_routes(const std::vector<std::string>& routes) {
  std::string yaml = R"(brand: {id: b, query: acme, accounts: ["x:@b"], ambassadors: ["x:@ana"]}
competitors: [{id: g, query: globex}]
themes: [{id: a, query: aa}, {id: b, query: aa lang:fr}, {id: c, query: cc}]
campaigns: [{id: s, query: ss}]
routes:
)";
  for (std::size_t i = 0; i < routes.size(); ++i) {
    yaml += fmt::format("  - {{id: r{}, queue: social, when: ", i);
    append_json_string(yaml, routes[i]);
    yaml += "}\n";
  }
  Lines lines = warnings_of(yaml);
  for (std::string& line : lines) {
    const std::size_t row = std::stoul(line) - 6;
    line = fmt::format("r{}: {}", row, line.substr(line.find(": ") + 2));
  }
  return lines;
}

TEST(Lint, FindsRoutesThatAreNeverTaken) {
  const auto below = [](int one, int other) {
    return fmt::format("r{}: this route is never taken: route:r{} above it holds whenever it does",
                       one, other);
  };

  EXPECT_EQ(of_routes({"theme:*", "theme:a"}), Lines{below(1, 0)});
  EXPECT_EQ(of_routes({"to:brand OR kind:dm", "kind:dm"}), Lines{below(1, 0)});
  EXPECT_EQ(of_routes({"a b", "b AND A"}), Lines{below(1, 0)});
  EXPECT_EQ(of_routes({"is:question", "lang:de", "is:question likes>5"}), Lines{below(2, 0)});
  EXPECT_EQ(of_routes({"is:brand", "to:brand"}), Lines{below(1, 0)});
  EXPECT_EQ(of_routes({"likes>5", "likes>=10"}), Lines{below(1, 0)});
  EXPECT_EQ(of_routes({"NOT lang:de", "lang:fr"}), Lines{below(1, 0)});
  // What a theme asks is known: each mention of theme b has theme a.
  EXPECT_EQ(of_routes({"theme:a", "theme:b"}), Lines{below(1, 0)});
  EXPECT_EQ(of_routes({"lang:fr", "lang:de", "lang:fr OR lang:de"}),
            Lines{"r2: this route is never taken: whenever it holds, one of the routes above it "
                  "does"});
  EXPECT_EQ(of_routes({"theme:a", "theme:b OR theme:c", "theme:*"}),
            (Lines{"r2: this route is never taken: whenever it holds, one of the routes above it "
                   "does"}));
  EXPECT_EQ(of_routes({"theme:a -theme:*"}),
            Lines{"r0: this route is never taken: what has theme:a has theme:*, which must not "
                  "be"});
  const std::string silent =
      "this route is never taken: clicks, conversions, reactions and what the brand and its "
      "ambassadors write are never queued";
  EXPECT_EQ(of_routes({"kind:click OR author:ambassador"}), Lines{"r0: " + silent});
}

TEST(Lint, SaysNothingOfRoutesThatCanBeTaken) {
  EXPECT_EQ(of_routes({"theme:a", "theme:*"}), Lines{});
  EXPECT_EQ(of_routes({"theme:b", "theme:a"}), Lines{});
  EXPECT_EQ(of_routes({"theme:a", "campaign:*", "competitor:g", "is:brand", "NOT is:brand"}),
            Lines{});
  EXPECT_EQ(of_routes({"likes>=10", "likes>5", "NOT likes>5"}), Lines{});
  EXPECT_EQ(of_routes({"lang:fr", "NOT lang:de"}), Lines{});
  EXPECT_EQ(of_routes({"kind:click OR kind:dm", "to:brand"}), Lines{});
  // A campaign also tags what only names it.
  EXPECT_EQ(of_routes({"ss", "campaign:s"}), Lines{});
}

TEST(Lint, FindsTwinsOfOneKind) {
  EXPECT_EQ(warnings_of(R"(brand: {id: b, query: acme}
competitors: [{id: g, query: 'a OR b'}]
themes:
  - {id: one, query: '(a OR b OR B) -c'}
  - {id: two, query: 'NOT c AND (b OR (A OR b))'}
  - {id: three, query: 'a OR b'}
campaigns:
  - {id: s1, query: '#s', until: 2027-01-01T00:00:00Z}
  - {id: s2, query: '#S', from: 2027-01-01T00:00:00Z}
  - {id: s3, query: '#s', from: 2027-02-01T00:00:00Z}
)"),
            (Lines{"5:23: theme:one and theme:two ask the same",
                   "10:22: campaign:s2 and campaign:s3 ask the same"}));
}

TEST(Lint, NamesCampaignsThatAreOver) {
  EXPECT_EQ(warnings_of(R"(brand: {id: b, query: acme}
campaigns:
  - {id: past, query: '#p', until: 2026-07-01T00:00:00Z}
  - {id: on, query: '#o', until: 2026-07-01T00:00:01Z}
  - {id: dead, query: 'a -a'}
)"),
            (Lines{"3:23: campaign:past is over since 2026-07-01T00:00:00Z",
                   "5:24: this can never match (mentions that name the campaign count): a has to "
                   "be there and must not be"}));
}

TEST(Lint, EndsInTimeAndSaysSo) {
  std::string yaml = "brand: {id: b, query: acme}\nroutes:\n";
  for (int i = 0; i < 3000; ++i) {
    yaml += fmt::format("  - {{id: r{}, queue: social, when: 'w{} OR x{} OR (y{} z{})'}}\n", i, i,
                        i, i, i);
  }
  const auto begin = std::chrono::steady_clock::now();

  const Lines lines = warnings_of(yaml);

  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(60));
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_NE(lines[0].find("further warnings may be missing"), std::string::npos);
}

// What both sides know of one generated file: each query of it, and of which mentions it holds.
struct Judged {
  const QueryNode* query = nullptr;
  std::vector<bool> holds;
};

std::vector<Judged> judge(const RuleFile& file, const GeneratedRules& made,
                          const std::vector<Mention>& mentions) {
  std::vector<Judged> result;
  std::vector<const QueryNode*> seen_by_naive;
  for (const NaiveRules::Rule& rule : made.rules.rules) {
    const auto same = std::ranges::find_if(
        file.rules, [&](const RuleSource& one) { return one.label == rule.label; });
    result.push_back({&*same->query.root, {}});
    seen_by_naive.push_back(&rule.query);
  }
  for (std::size_t i = 0; i < made.rules.routes.size(); ++i) {
    result.push_back({&*file.routes[i].when.root, {}});
    seen_by_naive.push_back(&made.rules.routes[i].when);
  }
  NaiveMatcher naive(made.rules);
  for (std::size_t i = 0; i < mentions.size(); ++i) {
    naive.match(mentions[i], i % 3 == 0);
    for (std::size_t query = 0; query < result.size(); ++query)
      result[query].holds.push_back(naive.holds(*seen_by_naive[query]));
  }
  return result;
}

// Whatever is said to be impossible never happens, and often what never happens is found.
TEST(LintDifferential, WhatIsSaidOfRandomQueriesIsTrueOfRandomMentions) {
  constexpr std::uint64_t kSeed = 20260603;
  RuleGenerator generator(kSeed);
  int dead = 0;
  int implied = 0;
  int apart = 0;
  for (int round = 0; round < 120; ++round) {
    const GeneratedRules made = generator.rules(40);
    std::vector<Mention> mentions;
    mentions.reserve(60);
    for (int i = 0; i < 60; ++i) mentions.push_back(generator.mention());
    Diagnostics diagnostics(made.yaml, "r");
    const RuleFile file = read_rule_file(made.yaml, "r", diagnostics);
    ASSERT_FALSE(diagnostics.has_errors());
    const std::vector<Judged> queries = judge(file, made, mentions);
    QueryLogic logic(file);
    for (const Judged& one : queries) {
      const std::array<Claim, 1> alone = {Claim{one.query, true}};
      const bool is_dead = logic.contradict(alone);
      dead += is_dead ? 1 : 0;
      for (const Judged& other : queries) {
        if (&one == &other) continue;
        const std::array<Claim, 2> without = {Claim{one.query, true}, Claim{other.query, false}};
        const std::array<Claim, 2> together = {Claim{one.query, true}, Claim{other.query, true}};

        const bool is_implied = logic.contradict(without);
        const bool are_apart = logic.contradict(together);
        const bool are_same = logic.normal_form(*one.query) == logic.normal_form(*other.query);

        implied += is_implied && !is_dead ? 1 : 0;
        apart += are_apart && !is_dead ? 1 : 0;
        for (std::size_t i = 0; i < mentions.size(); ++i) {
          ASSERT_FALSE(is_dead && one.holds[i]) << print_query(*one.query);
          ASSERT_FALSE(is_implied && one.holds[i] && !other.holds[i])
              << print_query(*one.query) << " => " << print_query(*other.query);
          ASSERT_FALSE(are_apart && one.holds[i] && other.holds[i])
              << print_query(*one.query) << " and " << print_query(*other.query);
          ASSERT_FALSE(are_same && one.holds[i] != other.holds[i])
              << print_query(*one.query) << " = " << print_query(*other.query);
        }
      }
    }
  }
  EXPECT_GT(dead, 20);
  EXPECT_GT(implied, 2000);
  EXPECT_GT(apart, 200);
}

}  // namespace
}  // namespace vigie
