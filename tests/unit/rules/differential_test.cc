#include <fmt/format.h>
#include <gtest/gtest.h>

#include "pipeline/core/json.h"
#include "rules/query.h"
#include "rules/rule_set.h"
#include "tests/rules/naive_matcher.h"
#include "tests/rules/query_generator.h"

namespace vigie {
namespace {

struct Compiled {
  std::shared_ptr<const RuleSet> rules;
  std::vector<QueryNode> queries;  // of theme 000, 001, ...
};

Compiled compile_random_rules(QueryGenerator& generator, std::size_t count) {
  Compiled result;
  std::string yaml = "themes:\n";
  while (result.queries.size() < count) {
    const std::string query = generator.query(3);
    std::string entry = fmt::format("  - {{id: \"{:03}\", query: ", result.queries.size());
    append_json_string(entry, query);
    entry += "}\n";
    if (!RuleSet::compile("themes:\n" + entry, "one").rules)
      continue;  // true of what has none of its words
    result.queries.push_back(*parse_query(query).root);
    yaml += entry;
  }
  result.rules = RuleSet::compile(yaml, "all").rules;
  return result;
}

TEST(MatchDifferential, RandomRulesMatchAsTheNaiveMatcherSays) {
  constexpr std::uint64_t kSeed = 20260601;
  QueryGenerator generator(kSeed);
  Matcher matcher;
  Matcher::Options options;
  options.spans = true;
  std::size_t matches = 0;
  for (int round = 0; round < 12; ++round) {
    const Compiled compiled = compile_random_rules(generator, 60);
    ASSERT_TRUE(compiled.rules);
    for (int text = 0; text < 60; ++text) {
      const Mention mention = generator.mention();
      const NaiveMatcher naive(mention);
      const Verdict& verdict = matcher.match(*compiled.rules, mention, options);
      std::vector<std::uint32_t> themes;
      std::vector<Span> spans;
      for (std::uint32_t rule = 0; rule < compiled.queries.size(); ++rule) {
        if (!naive.holds(compiled.queries[rule])) continue;
        themes.push_back(rule);
        for (const auto& [begin, end] : naive.spans(compiled.queries[rule]))
          spans.push_back({rule, begin, end});
      }
      matches += themes.size();
      ASSERT_EQ(verdict.themes, themes) << "seed " << kSeed << " text: " << mention.text;
      for (std::size_t i = 0; i < std::max(spans.size(), verdict.spans.size()); ++i) {
        const bool same =
            i < spans.size() && i < verdict.spans.size() && spans[i] == verdict.spans[i];
        const std::uint32_t rule = i < spans.size() ? spans[i].rule : verdict.spans[i].rule;
        ASSERT_TRUE(same) << "seed " << kSeed << " text: " << mention.text
                          << " rule: " << print_query(compiled.queries[rule]);
      }
    }
  }
  EXPECT_GT(matches, 5000U);
}

TEST(MatchDifferential, PrintedQueriesParseToTheSameTree) {
  QueryGenerator generator(7);
  for (int i = 0; i < 2000; ++i) {
    const ParsedQuery parsed = parse_query(generator.query(4));
    ASSERT_TRUE(parsed.root);
    const std::string printed = print_query(*parsed.root);
    const ParsedQuery again = parse_query(printed);
    ASSERT_TRUE(again.root) << printed;
    ASSERT_EQ(print_query(*again.root), printed);
  }
}

}  // namespace
}  // namespace vigie
