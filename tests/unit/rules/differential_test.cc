// Rule sets against a second opinion: generated rules on generated mentions, and generated rules
// whose words are those of real mentions.
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "pipeline/core/json.h"
#include "pipeline/core/mention.h"
#include "rules/query.h"
#include "rules/rule_set.h"
#include "rules/words.h"
#include "tests/rules/naive_matcher.h"
#include "tests/rules/rule_generator.h"
#include "tests/samples.h"

namespace vigie {
namespace {

// How many seeds each test runs with; more in the long run.
std::uint64_t seeds() {
  const char* given = std::getenv("VIGIE_SEEDS");
  return given == nullptr ? 1 : std::strtoull(given, nullptr, 10);
}

// One rule file with both opinions on it.
struct Pair {
  explicit Pair(GeneratedRules both) : made(std::move(both)), naive(made.rules) {
    const RuleSet::Compiled compiled = RuleSet::compile(made.yaml, "generated.yaml");
    rules = compiled.rules;
    for (const Diagnostic& diagnostic : compiled.diagnostics) {
      if (diagnostic.is_error) ADD_FAILURE() << format(diagnostic);
    }
  }

  const GeneratedRules made;
  NaiveMatcher naive;
  std::shared_ptr<const RuleSet> rules;
};

// What to know of a mention on which both differ: the rules that they differ on, and whether they
// do with that rule alone in its file.
std::string explain(const Pair& pair, const Mention& mention, const Answer& naive,
                    const Answer& real) {
  std::string out;
  append_json(out, mention);
  out += fmt::format("\n  naive {}\n  real  {}\n", print(naive), print(real));
  for (std::size_t i = 0; i < pair.made.rules.rules.size(); ++i) {
    const std::string& label = pair.made.rules.rules[i].label;
    const auto of_rule = [&](const Answer& answer) {
      std::set<Answer::Marked> spans;
      for (const auto& [rule, place] : answer.spans) {
        if (rule == label) spans.insert(place);
      }
      return std::pair(answer.labels.contains(label), spans);
    };
    if (of_rule(naive) != of_rule(real))
      out += fmt::format("  differ on {}: {}\n", label, pair.made.queries[i]);
  }
  if (naive.route != real.route) {
    for (const NaiveRules::Route& route : pair.made.rules.routes)
      out += fmt::format("  route {}: {}\n", route.id, print_query(route.when));
  }
  return out;
}

// Asks both of one mention, and says where they differ. Returns how many tags there were.
std::size_t compare(Pair& pair, Matcher& matcher, const Mention& mention, bool is_new,
                    std::uint64_t seed) {
  const Matcher::Options options{.spans = true,
                                 .is_new_author = [&](const Mention&) { return is_new; }};
  const Answer naive = pair.naive.match(mention, is_new);
  if (!pair.naive.is_whole()) return 0;
  const Answer real = answer_of(*pair.rules, matcher.match(*pair.rules, mention, options));
  EXPECT_TRUE(naive == real) << "seed " << seed << ", " << pair.made.queries.size() - 1
                             << " rules, " << explain(pair, mention, naive, real);
  return naive.labels.size();
}

// Everything that a query can ask, as the naive matcher counts it.
const std::set<std::string>& all_leaves() {
  static const std::set<std::string> leaves = {"word",
                                               "word that is several",
                                               "word with *",
                                               "word with ?",
                                               "phrase",
                                               "exact",
                                               "#",
                                               "@",
                                               "$",
                                               "emoji",
                                               "address",
                                               "NEAR",
                                               "ONEAR",
                                               "NEAR of NEAR",
                                               "ONEAR of NEAR",
                                               "regex",
                                               "regex i",
                                               "author",
                                               "author:id",
                                               "author:new",
                                               "author:brand",
                                               "author:ambassador",
                                               "author:list",
                                               "to:brand",
                                               "mentions",
                                               "reply_to",
                                               "conversation",
                                               "network",
                                               "kind",
                                               "lang",
                                               "country",
                                               "city",
                                               "url",
                                               "site",
                                               "is:question",
                                               "is:brand",
                                               "is:verified",
                                               "has:link",
                                               "has:media",
                                               "has:place",
                                               "followers",
                                               "likes",
                                               "replies",
                                               "shares",
                                               "views",
                                               "clicks",
                                               "theme",
                                               "campaign",
                                               "competitor",
                                               "theme:*",
                                               "campaign:*",
                                               "competitor:*"};
  return leaves;
}

// Sets of one rule, of some and of many take turns under one matcher, so that nothing that it
// remembers of one may change what it says of another.
TEST(MatchDifferential, GeneratedRulesMatchAsTheNaiveMatcherSays) {
  std::map<std::string, NaiveMatcher::Asked> asked;
  std::size_t tags = 0;
  for (std::uint64_t seed = 20260601; seed < 20260601 + seeds(); ++seed) {
    Matcher matcher;
    for (std::size_t round = 0; round < 8 && !::testing::Test::HasFailure(); ++round) {
      RuleGenerator generator(seed * 100 + round);
      std::vector<std::unique_ptr<Pair>> pairs;
      for (const std::size_t count : {1UL, 1UL, 30UL, 30UL, 30UL, 30UL, 30UL, 30UL, 1200UL})
        pairs.push_back(std::make_unique<Pair>(generator.rules(count)));
      for (const auto& pair : pairs) ASSERT_TRUE(pair->rules) << "seed " << seed;
      for (std::size_t i = 0; i < 300 && !::testing::Test::HasFailure(); ++i) {
        const Mention mention = generator.mention();
        for (const auto& pair : pairs) {
          const bool many = pair->made.queries.size() > 1000;
          if (many && i % 4 != 0) continue;
          tags += compare(*pair, matcher, mention, i % 3 == 0, seed);
        }
      }
      for (const auto& pair : pairs) {
        for (const auto& [leaf, count] : pair->naive.asked()) {
          asked[leaf].held += count.held;
          asked[leaf].failed += count.failed;
        }
      }
    }
  }

  EXPECT_GT(tags, 40'000U);
  for (const std::string& leaf : all_leaves()) {
    EXPECT_GT(asked[leaf].held, 20U) << leaf << " is hardly ever true";
    EXPECT_GT(asked[leaf].failed, 20U) << leaf << " is hardly ever false";
  }
  for (const auto& [leaf, count] : asked) EXPECT_TRUE(all_leaves().contains(leaf)) << leaf;
}

// One set under one matcher for long enough that its postings are chosen anew twice, by what the
// stream brought.
TEST(MatchDifferential, WhatAMatcherLearnsOfItsStreamChangesNoAnswer) {
  constexpr std::size_t kChosenAnew[] = {500, 5000};
  constexpr std::size_t kAround = 60;
  for (std::uint64_t seed = 5; seed < 5 + seeds(); ++seed) {
    RuleGenerator generator(seed);
    Pair pair(generator.rules(200));
    ASSERT_TRUE(pair.rules);
    Matcher learning;
    std::size_t tags = 0;
    for (std::size_t i = 0; i < 5200 && !::testing::Test::HasFailure(); ++i) {
      const Mention mention = generator.mention();
      const bool is_compared = std::ranges::any_of(
          kChosenAnew, [&](std::size_t at) { return i + kAround >= at && i < at + kAround; });
      if (is_compared) {
        tags += compare(pair, learning, mention, i % 3 == 0, seed);
      } else {
        learning.match(*pair.rules, mention, {});
      }
    }
    EXPECT_GT(tags, 1000U);
  }
}

TEST(MatchDifferential, AQueryIsRefusedExactlyWhenItIsTrueOfNothing) {
  RuleGenerator generator(11);
  std::size_t refused = 0;
  for (int i = 0; i < 3000; ++i) {
    const std::string query = generator.query(3);
    const bool empty = is_true_of_nothing(*parse_query(query).root);
    std::string yaml = "lists: {vip: ['x:7'], press: ['x:8']}\nthemes: [{id: t, query: ";
    append_json_string(yaml, query);
    const RuleSet::Compiled compiled = RuleSet::compile(yaml + "}]", "one.yaml");
    ASSERT_EQ(compiled.rules == nullptr, empty) << query;
    refused += empty ? 1 : 0;
  }
  EXPECT_GT(refused, 100U);
}

TEST(MatchDifferential, PrintedQueriesParseToTheSameTree) {
  RuleGenerator generator(7);
  for (int i = 0; i < 3000; ++i) {
    const ParsedQuery parsed = parse_query(generator.query(4));
    ASSERT_TRUE(parsed.root);
    const std::string printed = print_query(*parsed.root);
    const ParsedQuery again = parse_query(printed);
    ASSERT_TRUE(again.root) << printed;
    ASSERT_EQ(print_query(*again.root), printed);
  }
}

std::vector<Mention> mentions_in(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::vector<Mention> mentions;
  MentionReader reader;
  for (std::string line; std::getline(file, line);) {
    if (Result<Mention> mention = reader.read(line)) mentions.push_back(std::move(*mention));
  }
  return mentions;
}

// The words of the mentions in their order: those that a query may have as they are, and that are
// not in so many texts that NEARs would hold in more ways than anybody looks at.
std::vector<std::string> words_of(const std::vector<Mention>& mentions) {
  std::vector<std::string> all;
  std::map<std::string, std::size_t> counts;
  CutText cut;
  for (const Mention& mention : mentions) {
    cut.cut(mention.text, mention.network);
    for (const Word& word : cut.words()) {
      if (word.kind != WordKind::Word) continue;
      all.push_back(mention.text.substr(word.begin, word.end - word.begin));
      ++counts[all.back()];
    }
  }
  std::erase_if(all, [&](const std::string& word) {
    const bool plain = word.find_first_of(":'\"()*?<>=/-,.") == std::string::npos;
    const bool is_operator = word == "AND" || word == "OR" || word == "NOT" ||
                             word.starts_with("NEAR") || word.starts_with("ONEAR");
    return !plain || is_operator || counts[word] < 3 || counts[word] > mentions.size() / 10;
  });
  return all;
}

TEST(MatchDifferential, RealMentionsMatchAsTheNaiveMatcherSays) {
  const std::filesystem::path path = sample("mentions.ndjson");
  VIGIE_SKIP_WITHOUT(path);
  const std::vector<Mention> mentions = mentions_in(path);
  ASSERT_FALSE(mentions.empty()) << path;
  const std::vector<std::string> words = words_of(mentions);
  Matcher matcher;
  std::size_t tags = 0;
  std::size_t whole = 0;
  for (std::uint64_t seed = 1; seed <= seeds(); ++seed) {
    RuleGenerator generator(seed, words);
    Pair pair(generator.rules(200));
    ASSERT_TRUE(pair.rules) << "seed " << seed;
    for (const Mention& mention : mentions) {
      tags += compare(pair, matcher, mention, false, seed);
      whole += pair.naive.is_whole() ? 1 : 0;
      if (::testing::Test::HasFailure()) return;
    }
  }
  EXPECT_GT(words.size(), 2000U);
  EXPECT_GT(tags, 10'000U * seeds());
  EXPECT_GT(whole, mentions.size() * seeds() * 98 / 100);
}

}  // namespace
}  // namespace vigie
