#include "rules/query.h"

#include <gtest/gtest.h>

namespace vigie {
namespace {

std::string printed(std::string_view text) {
  const ParsedQuery parsed = parse_query(text);
  return parsed.root ? print_query(*parsed.root) : parsed.issues.back().message;
}

TEST(Query, NotBindsTighterThanAndAndAndTighterThanOr) {
  EXPECT_EQ(printed("a OR b AND NOT c"), "a OR (b AND NOT c)");
  EXPECT_EQ(printed("-a b"), "NOT a AND b");
  EXPECT_EQ(printed("NOT a NEAR/2 b"), "NOT a NEAR/2 b");
}

TEST(Query, NearsInARowJoinFromTheLeft) {
  EXPECT_EQ(printed("a NEAR/1 b ONEAR/2 c"), "(a NEAR/1 b) ONEAR/2 c");
}

TEST(Query, AListOfValuesIsAnOrOfTheField) {
  EXPECT_EQ(printed("lang:(fr OR \"de\")"), "lang:fr OR lang:de");
}

TEST(Query, ANameNeedsAColonAndNoSlashes) {
  EXPECT_EQ(printed("https://a.example/b"), "https://a.example/b");
  EXPECT_EQ(printed("10:30"), "10:30");
}

TEST(Query, SpacesOfWebPagesSeparateWords) {
  EXPECT_EQ(printed("a\u00a0b\u3000c"), "a AND b AND c");
}

TEST(Query, FiveThousandParenthesesAreAnErrorThatNamesTheLimit) {
  const std::string deep = std::string(5000, '(') + "a" + std::string(5000, ')');

  EXPECT_EQ(printed(deep), "nested deeper than the limit of 200 levels");
}

TEST(Query, FiveThousandNotsAreAnErrorThatNamesTheLimit) {
  std::string deep;
  for (int i = 0; i < 5000; ++i) deep += "NOT ";

  EXPECT_EQ(printed(deep + "a"), "nested deeper than the limit of 200 levels");
}

TEST(Query, ALongChainOfNearsIsAnErrorThatNamesTheLimit) {
  std::string chain = "a";
  for (int i = 0; i < 5000; ++i) chain += " NEAR/1 a";

  EXPECT_EQ(printed(chain), "more NEARs in a row than the limit of 15");
}

TEST(Query, AQueryOverOneMebibyteIsAnErrorThatNamesTheLimit) {
  EXPECT_EQ(printed(std::string(kMaxQueryBytes + 1, 'a')),
            "the query is longer than the limit of 1048576 bytes");
}

TEST(Query, ManyWordsAreNoProblem) {
  std::string many = "a";
  for (int i = 0; i < 100'000; ++i) many += " OR b";

  EXPECT_TRUE(parse_query(many).root);
}

TEST(Query, AnEmptyQueryIsAnError) {
  EXPECT_EQ(printed(""), "expected a word, a phrase or '('");
  EXPECT_EQ(printed("()"), "expected a word, a phrase or '('");
}

}  // namespace
}  // namespace vigie
