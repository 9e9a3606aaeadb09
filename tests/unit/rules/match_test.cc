#include <fmt/format.h>
#include <gtest/gtest.h>

#include "rules/rule_set.h"
#include "tests/rules/fixture.h"

namespace vigie {
namespace {

constexpr std::string_view kBrand =
    "brand: {id: acme, query: acme, accounts: ['x:@acme'], ambassadors: ['x:@ana']}\n";

TEST(Matcher, TagsAreSortedByIdAndSpansByLabel) {
  const auto rules =
      rules_of(std::string(kBrand) +
               "themes: [{id: b, query: late}, {id: B, query: late}, {id: a, query: order}]\n"
               "campaigns: [{id: c, query: late}]\n"
               "competitors: [{id: g, query: late}]\n");
  Matcher matcher;

  const Verdict& verdict =
      matcher.match(*rules, mention_of("late acme order late"), {.spans = true});

  std::vector<std::string> themes;
  for (const std::uint32_t rule : verdict.themes) themes.emplace_back(rules->rules()[rule].id);
  EXPECT_EQ(themes, (std::vector<std::string>{"B", "a", "b"}));
  std::vector<std::string> spans;
  for (const Span& span : verdict.spans) {
    spans.push_back(fmt::format("{} {}", rules->rules()[span.rule].label, span.begin));
  }
  EXPECT_EQ(spans,
            (std::vector<std::string>{"brand 5", "campaign:c 0", "campaign:c 16", "competitor:g 0",
                                      "competitor:g 16", "theme:B 0", "theme:B 16", "theme:a 10",
                                      "theme:b 0", "theme:b 16"}));
}

TEST(Matcher, NoSpansUnlessAskedFor) {
  const auto rules = rules_of(kBrand);
  Matcher matcher;

  EXPECT_TRUE(matcher.match(*rules, mention_of("acme"), {}).spans.empty());
}

TEST(Matcher, ANamedCampaignTagsWithoutSpans) {
  const auto rules =
      rules_of(std::string(kBrand) + "campaigns: [{id: c, query: 'late AND order'}]\n");
  Matcher matcher;
  Mention mention = mention_of("late");
  mention.campaign = "c";

  const Verdict& verdict = matcher.match(*rules, mention, {.spans = true});

  EXPECT_EQ(verdict.campaigns.size(), 1U);
  EXPECT_TRUE(verdict.spans.empty());
}

TEST(Matcher, AuthorNewIsWhatTheCallerSays) {
  const auto rules =
      rules_of("brand: {id: a, query: acme}\nthemes: [{id: t, query: 'author:new'}]\n");
  Matcher matcher;

  EXPECT_TRUE(matcher.match(*rules, mention_of("x"), {}).themes.empty());
  const Matcher::Options options{.is_new_author = [](const Mention&) { return true; }};
  EXPECT_EQ(matcher.match(*rules, mention_of("x"), options).themes.size(), 1U);
}

TEST(Matcher, TheBrandsOwnPeopleAreTold) {
  const auto rules = rules_of(kBrand);
  Matcher matcher;
  Mention by_brand = mention_of("x");
  by_brand.author.handle = "Acme";
  Mention by_ambassador = mention_of("x");
  by_ambassador.author.handle = "ana";
  Mention to_ambassador = mention_of("x");
  to_ambassador.in_reply_to_author = Person{"9", "Ana"};

  EXPECT_TRUE(matcher.match(*rules, by_brand, {}).by_brand);
  EXPECT_TRUE(matcher.match(*rules, by_ambassador, {}).by_ambassador);
  EXPECT_TRUE(matcher.match(*rules, to_ambassador, {}).to_ambassador);
  EXPECT_EQ(matcher.match(*rules, by_ambassador, {}).ambassadors,
            std::vector<std::string>{"x:@ana"});
  EXPECT_EQ(matcher.match(*rules, to_ambassador, {}).ambassadors,
            std::vector<std::string>{"x:@ana"});
  const Verdict& verdict = matcher.match(*rules, mention_of("hey @ACME?"), {});
  EXPECT_TRUE(verdict.to_brand);
  EXPECT_TRUE(verdict.question);
  EXPECT_FALSE(verdict.by_brand);
  EXPECT_TRUE(verdict.brand);
}

TEST(Matcher, HashtagsAndLinksComeFromTheMentionElseFromTheText) {
  const auto rules = rules_of(kBrand);
  Matcher matcher;
  Mention mention = mention_of("#Été #ete https://a.example/X");

  const Verdict& from_text = matcher.match(*rules, mention, {});
  EXPECT_EQ(from_text.hashtags, (std::vector<std::string>{"ete"}));
  EXPECT_EQ(from_text.links, (std::vector<std::string>{"https://a.example/X"}));

  mention.hashtags = {"#Sum", "win"};
  mention.links = std::vector<std::string>{};
  const Verdict& told = matcher.match(*rules, mention, {});
  EXPECT_EQ(told.hashtags, (std::vector<std::string>{"sum", "win"}));
  EXPECT_TRUE(told.links.empty());
}

TEST(Matcher, OneMatcherServesRuleSetsInTurn) {
  const auto small = rules_of("brand: {id: a, query: acme}\n");
  std::string yaml = "brand: {id: a, query: zzz}\nthemes:\n";
  for (int i = 0; i < 300; ++i) {
    yaml += " - {id: t" + std::to_string(i) + ", query: 'word" + std::to_string(i) + " OR acme'}\n";
  }
  const auto large = rules_of(yaml);
  Matcher matcher;

  for (int round = 0; round < 3; ++round) {
    EXPECT_TRUE(matcher.match(*small, mention_of("acme"), {}).brand);
    EXPECT_EQ(matcher.match(*large, mention_of("word7 word8"), {}).themes.size(), 2U);
    EXPECT_EQ(matcher.match(*large, mention_of("acme"), {}).themes.size(), 300U);
  }
}

TEST(Matcher, ANearOfNearsLooksAtTheWholeOfARepetitiveText) {
  const auto rules = rules_of(
      "brand: {id: a, query: zzz}\n"
      "themes:\n"
      "  - {id: chain, query: 'a NEAR/20 b NEAR/0 c'}\n"
      "  - {id: ordered, query: 'a ONEAR/20 b ONEAR/0 c'}\n"
      "  - {id: right, query: 'c ONEAR/0 (b NEAR/20 a)'}\n"
      "  - {id: far, query: 'a NEAR/20 b NEAR/0 d'}\n");
  std::string text;
  for (int i = 0; i < 1'000; ++i) text += "a b ";
  Matcher matcher;

  const auto themes = [&](const std::string& of) {
    std::string result;
    for (const std::uint32_t rule : matcher.match(*rules, mention_of(of), {}).themes) {
      result += fmt::format("{} ", rules->rules()[rule].id);
    }
    return result;
  };

  EXPECT_EQ(themes(text + "c x d"), "chain ordered ");
  EXPECT_EQ(themes("d x c " + text), "chain right ");
}

TEST(Matcher, AHugeTextUnderANearOfNearsEnds) {
  const auto rules =
      rules_of("brand: {id: a, query: 'aa* NEAR/1000 aa* NEAR/1000 aa* NEAR/1000 aa*'}\n");
  Matcher matcher;
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += "aaa ";

  EXPECT_TRUE(matcher.match(*rules, mention_of(text), {.spans = true}).brand);
}

}  // namespace
}  // namespace vigie
