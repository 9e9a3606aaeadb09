#include "rules/explain.h"

#include <algorithm>
#include <random>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "pipeline/core/json.h"
#include "pipeline/route/explain_route.h"
#include "tests/rules/naive_matcher.h"
#include "tests/rules/rule_generator.h"

namespace vigie {
namespace {

Mention mention_of(std::string text) {
  Mention mention;
  mention.network = "x";
  mention.id = "1";
  mention.kind = Kind::Post;
  mention.author.id = "somebody";
  mention.created_at = parse_time("2026-06-03T06:00:00Z");
  mention.text = std::move(text);
  return mention;
}

const IsNewAuthor kNew = [](const Mention&) { return true; };

Explainer explainer_of(const std::string& yaml) {
  const RuleSet::Compiled compiled = RuleSet::compile(yaml, "r.yaml");
  for (const Diagnostic& each : compiled.diagnostics) {
    EXPECT_FALSE(each.is_error) << format(each);
  }
  return {compiled.rules, yaml, "r.yaml"};
}

// The explanation of a file's one theme, "t".
RuleExplanation explain_query(std::string_view query, const Mention& mention) {
  std::string yaml = "brand: {id: b, query: nobodysbrand, accounts: [\"x:@b\"]}\n";
  yaml += "lists: {vip: [\"x:@fan\"]}\nthemes:\n  - {id: t, query: ";
  append_json_string(yaml, query);
  yaml += "}\n";
  return explainer_of(yaml).explain(mention, "theme:t", kNew)->rules.at(0);
}

TEST(Explain, ShowsTheTreeAsWrittenWithTheWordsThatMadeItTrue) {
  const auto rule =
      explain_query("acme (late OR \"not arrived\")", mention_of("ACME: Not #arrived"));

  EXPECT_TRUE(rule.matched);
  EXPECT_EQ(rule.clause.text, "AND");
  ASSERT_EQ(rule.clause.children.size(), 2U);
  const Clause& acme = rule.clause.children[0];
  ASSERT_EQ(acme.found.size(), 1U);
  EXPECT_EQ(acme.found[0].text, "ACME");
  EXPECT_EQ(acme.found[0].words, std::vector<std::string>{"acme"});
  const Clause& either = rule.clause.children[1];
  EXPECT_FALSE(either.children[0].holds);
  ASSERT_EQ(either.children[1].found.size(), 1U);
  const Evidence& phrase = either.children[1].found[0];
  EXPECT_EQ(phrase.text, "Not #arrived");
  EXPECT_EQ(phrase.begin, 6U);
  EXPECT_EQ(phrase.end, 18U);
  EXPECT_EQ(phrase.words, (std::vector<std::string>{"not", "arrived"}));
}

TEST(Explain, NamesTheFewestClausesThatStopARule) {
  const auto stops = [](std::string_view query, std::string text, std::string lang = "en") {
    Mention mention = mention_of(std::move(text));
    mention.lang = std::move(lang);
    return stopped_by(explain_query(query, mention));
  };
  using Lines = std::vector<std::string>;

  EXPECT_EQ(stops("a b", "a"), Lines{"b: not there"});
  EXPECT_EQ(stops("(a OR b) c", "x"), Lines{"c: not there"});
  EXPECT_EQ(stops("a OR b", "x"), (Lines{"a: not there", "b: not there"}));
  EXPECT_EQ(stops("a -lang:de", "a", "de"), Lines{"lang:de must not be there: its language is de"});
  EXPECT_EQ(stops("a NOT (b OR c)", "a c C"),
            Lines{"c must not be there: \"c\" [2,3), \"C\" [4,5)"});
  EXPECT_EQ(stops("a NOT (b AND NOT c)", "a b"),
            (Lines{"b must not be there: \"b\" [2,3)", "c: not there"}));
  EXPECT_EQ(stops("a b", "a b"), Lines{});
}

TEST(Explain, TellsWhetherANearLacksWordsOrHasThemTooFarApart) {
  const auto note = [](std::string_view query, std::string text) {
    return explain_query(query, mention_of(std::move(text))).clause.note;
  };

  EXPECT_EQ(note("a NEAR/2 b", "x"), "neither side is there");
  EXPECT_EQ(note("a NEAR/2 (b OR c)", "a"), "b OR c is not there");
  EXPECT_EQ(note("a NEAR/2 (b OR c)", "b"), "a is not there");
  EXPECT_EQ(note("a NEAR/2 (b OR c)", "c x x x x a x x x b"),
            "too far apart: \"a\" and \"b\" have 3 words between them, at most 2 are allowed");
  EXPECT_EQ(note("a NEAR/1 b", "b x x a x x x b"),
            "too far apart: \"a\" and \"b\" have 2 words between them, at most 1 are allowed");
  EXPECT_EQ(note("a ONEAR/9 b", "b a"), "both sides are there, but in the other order");
  EXPECT_EQ(note("a ONEAR/1 b", "b a x x x b"),
            "too far apart: \"a\" and \"b\" have 3 words between them, at most 1 are allowed");
  EXPECT_EQ(note("a NEAR/1 \"a b\"", "a b"),
            "both sides are the same words; they have to be different ones");
  EXPECT_EQ(note("(a NEAR/0 b) NEAR/1 c", "a b x x c"),
            "both sides are there, but nowhere of different words and at most 1 words apart");
  EXPECT_EQ(note("a NEAR/2 b", "a b"), "");
}

TEST(Explain, SaysWhatTheMentionHasWhereAFieldAsks) {
  Mention mention = mention_of("see https://a.example/x");
  mention.author.handle = "bob";
  mention.engagement.likes = 3;
  mention.place = Place{"FR", "", {}, {}};
  const auto note = [&](std::string_view query) {
    const RuleExplanation rule = explain_query(query, mention);
    EXPECT_EQ(rule.matched, rule.clause.holds) << query;
    return rule.clause.note;
  };

  EXPECT_EQ(note("likes>10"), "it has 3 likes");
  EXPECT_EQ(note("followers>10"), "followers are not told");
  EXPECT_EQ(note("lang:fr"), "its language is not told");
  EXPECT_EQ(note("country:de"), "its country is FR");
  EXPECT_EQ(note("city:Lyon"), "its city is not told");
  EXPECT_EQ(note("author:@fan"), "written by @bob (id somebody) on x");
  EXPECT_EQ(note("author:list:vip"), "written by @bob (id somebody) on x");
  EXPECT_EQ(note("author:new"), "the author was not heard of before");
  EXPECT_EQ(note("url:b.example"), "its links: https://a.example/x");
  EXPECT_EQ(note("reply_to:@b"), "whom it answers is not told");
  EXPECT_EQ(note("to:brand"), "it neither names nor answers an account of the brand");
  EXPECT_EQ(note("is:question"), "it asks nothing");
  EXPECT_EQ(note("has:media"), "it has no media");
}

TEST(Explain, BoundsWhatItShowsOfOneClause) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "a ";

  const Clause clause = explain_query("a", mention_of(text)).clause;

  EXPECT_EQ(clause.found.size(), Clause::kMaxFound);
  EXPECT_EQ(clause.more, 1000 - Clause::kMaxFound);
}

constexpr const char* kFile =
    R"(brand: {id: acme, query: acme, accounts: ["x:@acme"], ambassadors: ["x:@ana"]}
themes:
  - {id: late, query: late}
  - {id: both, query: both}
campaigns:
  - {id: sum, query: '#sum', from: 2026-07-01T00:00:00Z, until: 2026-08-01T00:00:00Z}
routes:
  - {id: both, when: 'theme:both', queue: none}
  - {id: late, when: 'theme:late', queue: social, sla: 1h}
  - {id: clicks, when: 'kind:click OR author:new', queue: social}
)";

TEST(Explain, FindsRulesByLabelAndByIdWhereItIsUnique) {
  const Explainer explainer = explainer_of(kFile);
  const auto ask = [&](std::string_view rule) {
    return explainer.explain(mention_of("late"), rule, kNew);
  };

  EXPECT_EQ(ask("theme:late")->asked, "theme:late");
  EXPECT_EQ(ask("sum")->asked, "campaign:sum");
  EXPECT_EQ(ask("acme")->asked, "brand");
  EXPECT_EQ(ask("brand")->asked, "brand");
  EXPECT_EQ(ask("clicks")->asked, "route:clicks");
  EXPECT_EQ(ask("late").error().message,
            "\"late\" is the id of several rules; expected one of theme:late, route:late");
  EXPECT_EQ(ask("theme:lat").error().message,
            "r.yaml has no rule \"theme:lat\"; did you mean \"theme:late\"?");
  EXPECT_EQ(ask("summ").error().message, "r.yaml has no rule \"summ\"; did you mean \"sum\"?");
  EXPECT_EQ(ask("zzzzzzz").error().code, Code::NotFound);
}

TEST(Explain, WithoutARuleShowsAllThatTagTheMention) {
  const Explainer explainer = explainer_of(kFile);

  const auto explanation = explainer.explain(mention_of("acme both late"), "", kNew);

  ASSERT_EQ(explanation->rules.size(), 3U);
  EXPECT_EQ(explanation->rules[0].label, "brand");
  EXPECT_EQ(explanation->rules[1].label, "theme:both");
  EXPECT_EQ(explanation->rules[2].label, "theme:late");
  EXPECT_EQ(explanation->rules[2].line, 3U);
  EXPECT_EQ(explanation->rules[2].column, 23U);
}

TEST(Explain, TellsTheDatesOfACampaign) {
  const Explainer explainer = explainer_of(kFile);
  const auto ask = [&](const char* time, const char* text, std::string named) {
    Mention mention = mention_of(text);
    mention.created_at = parse_time(time);
    mention.campaign = std::move(named);
    return explainer.explain(mention, "campaign:sum", kNew)->rules.at(0);
  };

  const auto early = ask("2026-06-30T23:59:59Z", "#sum", "");
  EXPECT_FALSE(early.matched);
  EXPECT_TRUE(early.clause.holds);
  EXPECT_EQ(early.note,
            "the mention is of 2026-06-30T23:59:59Z, before the campaign begins at "
            "2026-07-01T00:00:00Z");
  EXPECT_EQ(ask("2026-08-01T00:00:00Z", "#sum", "").note,
            "the mention is of 2026-08-01T00:00:00Z, and the campaign ended at "
            "2026-08-01T00:00:00Z");
  const auto inside = ask("2026-07-01T00:00:00Z", "#sum", "");
  EXPECT_TRUE(inside.matched);
  EXPECT_EQ(inside.note, "");
  const auto named = ask("2026-09-01T00:00:00Z", "x", "sum");
  EXPECT_TRUE(named.matched);
  EXPECT_FALSE(named.clause.holds);
  EXPECT_NE(named.note.find("names this campaign itself"), std::string::npos);
}

TEST(Explain, TellsWhichRouteIsTakenAndWhyNotTheOthers) {
  const Explainer explainer = explainer_of(kFile);
  const auto explain = [&](const Mention& mention, std::string_view rule) {
    return *explainer.explain(mention, rule, kNew);
  };

  const Explanation late = explain(mention_of("late"), "");
  ASSERT_EQ(late.routes.size(), 2U);
  EXPECT_FALSE(late.routes[0].matched);
  EXPECT_EQ(stopped_by(late.routes[0]), std::vector<std::string>{"theme:both: its themes: late"});
  EXPECT_TRUE(late.routes[1].matched);
  const Explanation below = explain(mention_of("late"), "clicks");
  ASSERT_EQ(below.routes.size(), 3U);
  EXPECT_EQ(below.routes[2].note, "route:late above it holds, too");
  Mention own = mention_of("late");
  own.author.handle = "acme";
  const Explanation by_brand = explain(own, "");
  EXPECT_EQ(by_brand.not_queued, "it was written by an account of the brand");
  EXPECT_FALSE(by_brand.routes[1].matched);
  EXPECT_EQ(by_brand.routes[1].note,
            "the mention is not queued: it was written by an account of the brand");
}

TEST(Explain, GivesAReasonExactlyWhereAMentionMayNotBeQueued) {
  for (unsigned bits = 0; bits < 64; ++bits) {
    for (int kind = 0; kind <= static_cast<int>(Kind::Conversion); ++kind) {
      Mention mention = mention_of("x");
      mention.kind = static_cast<Kind>(kind);
      Verdict verdict;
      verdict.brand = (bits & 1) != 0;
      verdict.to_brand = (bits & 2) != 0;
      verdict.by_brand = (bits & 4) != 0;
      verdict.by_ambassador = (bits & 8) != 0;
      verdict.to_ambassador = (bits & 16) != 0;
      if ((bits & 32) != 0) verdict.themes.push_back(0);
      EXPECT_EQ(why_not_queued(mention, verdict).empty(), may_be_queued(mention, verdict));
    }
  }
}

TEST(Explain, PrintsForAPersonAndAsJson) {
  const Explainer explainer = explainer_of(kFile);
  const Mention mention = mention_of("Late \"x\"");
  const auto explanation = explainer.explain(mention, "theme:late", kNew);

  EXPECT_EQ(print(explainer, mention, *explanation), R"(theme:late: matches
  r.yaml:3:23
  yes  late                                 "Late" [0,4)

queue: social, route: late, priority: normal, sla: 3600 s
  route:late is the first that holds
  route:both: does not hold: theme:both: its themes: late

route:late: is taken
  r.yaml:9:22
  yes  theme:late                           its themes: late
)");
  std::string json;
  append_json(json, explainer, mention, *explanation);
  EXPECT_NE(json.find(R"("rules":[{"rule":"theme:late","matched":true,"line":3,"column":23,)"
                      R"("query":"late","holds":true,"stopped_by":[],"note":null,"clause":)"
                      R"({"op":"word","text":"late","begin":0,"end":4,"holds":true,)"
                      R"("decisive":true,"found":[{"begin":0,"end":4,"text":"Late",)"
                      R"("words":["late"]}]}}])"),
            std::string::npos)
      << json;
  EXPECT_NE(json.find(R"("decision":{"queue":"social","route":"late","priority":"normal",)"
                      R"("sla_seconds":3600,"reason":"route:late is the first that holds"})"),
            std::string::npos)
      << json;
}

// Each clause against a matcher that shares nothing with the engine but the parser and the words.
void compare(const QueryNode& query, const Clause& clause, NaiveMatcher& naive, std::size_t& held) {
  const bool holds = naive.holds(query);
  const bool group = query.kind == QueryNode::Kind::And || query.kind == QueryNode::Kind::Or ||
                     query.kind == QueryNode::Kind::Not;
  std::set<Answer::Marked> spans;
  if (!group && holds) spans = naive.spans(query);
  if (!naive.is_whole()) return;
  ASSERT_EQ(clause.holds, holds) << print_query(query);
  held += holds ? 1 : 0;
  std::set<Answer::Marked> found;
  for (const Evidence& one : clause.found) found.emplace(one.begin, one.end);
  ASSERT_EQ(found.size() + clause.more, spans.size()) << print_query(query);
  ASSERT_TRUE(std::ranges::includes(spans, found)) << print_query(query);
  // A NEAR that fails always says why.
  ASSERT_EQ(query.kind == QueryNode::Kind::Near && !holds,
            query.kind == QueryNode::Kind::Near && !clause.note.empty());
  ASSERT_EQ(query.children.size(), clause.children.size());
  for (std::size_t i = 0; i < query.children.size(); ++i) {
    ASSERT_NO_FATAL_FAILURE(compare(query.children[i], clause.children[i], naive, held));
  }
}

bool is_group(const Clause& clause) {
  return clause.kind == QueryNode::Kind::And || clause.kind == QueryNode::Kind::Or ||
         clause.kind == QueryNode::Kind::Not;
}

// What the whole would be, were the leaves and NEARs that settle nothing as a coin falls.
bool reshuffled(const Clause& clause, std::mt19937_64& coin) {
  if (!is_group(clause)) return clause.decisive ? clause.holds : coin() % 2 == 0;
  std::vector<bool> parts;
  parts.reserve(clause.children.size());
  for (const Clause& child : clause.children) parts.push_back(reshuffled(child, coin));
  if (clause.kind == QueryNode::Kind::Not) return !parts[0];
  const auto is_true = [](bool part) { return part; };
  return clause.kind == QueryNode::Kind::And ? std::ranges::all_of(parts, is_true)
                                             : std::ranges::any_of(parts, is_true);
}

// A rule or route as both see it, and that its decisive clauses decide.
void check(const RuleExplanation& rule, const QueryNode& query, NaiveMatcher& naive,
           std::mt19937_64& coin, std::size_t& held) {
  ASSERT_NO_FATAL_FAILURE(compare(query, rule.clause, naive, held)) << rule.label;
  ASSERT_EQ(stopped_by(rule).empty(), rule.clause.holds) << rule.label;
  for (int fall = 0; fall < 8; ++fall) {
    ASSERT_EQ(reshuffled(rule.clause, coin), rule.clause.holds) << rule.label;
  }
}

TEST(ExplainDifferential, EveryClauseOfRandomRulesIsWhatTheNaiveMatcherSays) {
  constexpr std::uint64_t kSeed = 20260602;
  RuleGenerator generator(kSeed);
  std::mt19937_64 coin(kSeed);
  std::size_t held = 0;
  std::size_t held_in_routes = 0;
  for (int round = 0; round < 240; ++round) {
    const GeneratedRules made = generator.rules(8);
    const Explainer explainer = explainer_of(made.yaml);
    NaiveMatcher naive(made.rules);
    for (std::size_t i = 0; i < 20; ++i) {
      const Mention mention = generator.mention();
      const bool is_new = i % 3 == 0;
      const Answer answer = naive.match(mention, is_new);
      if (!naive.is_whole()) continue;
      std::string about = fmt::format("seed {} round {}: ", kSeed, round);
      append_json(about, mention);
      SCOPED_TRACE(about);
      const NaiveRules::Rule& rule = made.rules.rules[i % made.rules.rules.size()];

      const auto explanation =
          explainer.explain(mention, rule.label, [&](const Mention&) { return is_new; });

      ASSERT_TRUE(explanation) << explanation.error().message;
      const RuleExplanation& asked = explanation->rules.at(0);
      ASSERT_EQ(asked.label, rule.label);
      ASSERT_EQ(asked.matched, answer.labels.contains(rule.label)) << rule.label;
      // A rule whose query does not decide says what does.
      ASSERT_TRUE(asked.matched == asked.clause.holds || !asked.note.empty()) << rule.label;
      ASSERT_NO_FATAL_FAILURE(check(asked, rule.query, naive, coin, held));
      for (std::size_t at = 0; at < explanation->routes.size(); ++at) {
        const RuleExplanation& route = explanation->routes[at];
        ASSERT_EQ(route.label, "route:" + made.rules.routes[at].id);
        ASSERT_NO_FATAL_FAILURE(
            check(route, made.rules.routes[at].when, naive, coin, held_in_routes));
        const bool is_first = answer.route == made.rules.routes[at].id;
        ASSERT_EQ(route.clause.holds, is_first);
        ASSERT_EQ(route.matched, is_first && may_be_queued(mention, explanation->verdict));
      }
    }
  }
  EXPECT_GT(held, 2000U);
  EXPECT_GT(held_in_routes, 5000U);
}

}  // namespace
}  // namespace vigie
