#include "pipeline/core/yaml.h"

#include <gtest/gtest.h>

namespace vigie {
namespace {

YamlNode parsed(std::string_view text) {
  auto node = parse_yaml(text, "f.yaml");
  EXPECT_TRUE(node) << (node ? "" : node.error().message);
  return node ? std::move(*node) : YamlNode{};
}

std::string refused(std::string_view text) {
  const auto node = parse_yaml(text, "f.yaml");
  EXPECT_FALSE(node) << text;
  return node ? "" : node.error().message;
}

TEST(ParseYaml, KeepsOrderAndPlaces) {
  const YamlNode root = parsed("b: 1\na:\n  - x\n  - {c: 2}\n");

  ASSERT_EQ(root.type, YamlNode::Type::Map);
  ASSERT_EQ(root.entries.size(), 2U);
  EXPECT_EQ(root.entries[0].key.text, "b");
  const YamlNode* list = root.find("a");
  ASSERT_NE(list, nullptr);
  ASSERT_EQ(list->items.size(), 2U);
  EXPECT_EQ(list->items[0].text, "x");
  EXPECT_EQ(list->items[0].mark.line, 3U);
  EXPECT_EQ(list->items[0].mark.column, 5U);
  EXPECT_EQ(list->items[1].find("c")->text, "2");
  EXPECT_EQ(root.find("none"), nullptr);
}

TEST(ParseYaml, TellsQuotedScalarsFromPlainOnes) {
  const YamlNode root = parsed("a: \"null\"\nb: null\nc: ~\nd:\ne: 'true'\nf: |\n  two\n  lines\n");

  EXPECT_EQ(root.find("a")->type, YamlNode::Type::Scalar);
  EXPECT_TRUE(root.find("a")->quoted);
  EXPECT_EQ(root.find("b")->type, YamlNode::Type::Null);
  EXPECT_EQ(root.find("c")->type, YamlNode::Type::Null);
  EXPECT_EQ(root.find("d")->type, YamlNode::Type::Null);
  EXPECT_TRUE(root.find("e")->quoted);
  EXPECT_EQ(root.find("f")->text, "two\nlines\n");
}

TEST(ParseYaml, ReadsAnEmptyDocumentAsNull) {
  EXPECT_EQ(parsed("").type, YamlNode::Type::Null);
  EXPECT_EQ(parsed("# nothing\n").type, YamlNode::Type::Null);
}

TEST(ParseYaml, RefusesAnchorsAliasesAndTags) {
  EXPECT_EQ(refused("a: &x 1\n"),
            "f.yaml:1:4: anchors are not allowed; a text that begins with & stands in quotes");
  EXPECT_NE(refused("a: &x 1\nb: *x\n").find("not allowed"), std::string::npos);
  EXPECT_NE(refused("a: !!str 1\n").find("tags are not allowed"), std::string::npos);
}

TEST(ParseYaml, RefusesTheTagThatSaysNothing) {
  EXPECT_EQ(refused("b: 1\na: ! 1\n"), "f.yaml:2:4: tags are not allowed");
  EXPECT_EQ(refused("a: ! \"1\"\n"), "f.yaml:1:4: tags are not allowed");
  EXPECT_EQ(refused("a: !\nb: 1\n"), "f.yaml:1:4: tags are not allowed");
  EXPECT_EQ(refused("a: ! [1]\n"), "f.yaml:1:4: tags are not allowed");
  EXPECT_EQ(refused("\xEF\xBB\xBF! a: 1\n"), "f.yaml:1:1: tags are not allowed");
  EXPECT_EQ(parsed("a: \"! b\"\nc: d ! e\n").find("c")->text, "d ! e");
}

TEST(ParseYaml, RefusesDirectivesThatNameTags) {
  EXPECT_EQ(refused("# a\n\n%YAML 1.2\n%TAG ! !a-\n---\na: 1\n"),
            "f.yaml:4:1: tags are not allowed");
  EXPECT_EQ(parsed("%YAML 1.2\n---\na: \"\\\n%TAG\"\n").find("a")->text, "%TAG");
}

TEST(ParseYaml, NamesThePlaceOfASecondDocument) {
  EXPECT_EQ(refused("a: 1\n---\nb: 2\n"), "f.yaml:2:1: expected one YAML document, found two");
}

TEST(ParseYaml, RefusesAKeyThatStandsTwice) {
  EXPECT_EQ(refused("a: 1\nb: 2\na: 3\n"), "f.yaml:3:1: \"a\" stands twice");
}

TEST(ParseYaml, RefusesTwoDocuments) {
  EXPECT_NE(refused("a: 1\n---\nb: 2\n").find("one YAML document"), std::string::npos);
}

TEST(ParseYaml, NamesThePlaceOfBrokenUtf8) {
  EXPECT_EQ(refused("a: 1\nb: \xff\n"), "f.yaml:2:4: expected UTF-8");
  EXPECT_NE(refused("a: \xed\xa0\x80\n").find("expected UTF-8"), std::string::npos);
  EXPECT_NE(refused(std::string_view("a: \0\n", 5)).find("NUL"), std::string::npos);
}

TEST(ParseYaml, NamesThePlaceOfASyntaxError) {
  EXPECT_EQ(refused("a: [1, 2\n").substr(0, 7), "f.yaml:");
  EXPECT_EQ(refused("a: 1\n b: 2\n").substr(0, 9), "f.yaml:2:");
}

TEST(ParseYaml, SaysWhatIsWrongToWhomKnowsNoYaml) {
  EXPECT_EQ(refused("a:\n  query: @acme\n"),
            "f.yaml:2:10: no text can begin with this character unless it stands in quotes");
  EXPECT_EQ(refused("a:\n  - b: c\n\td: e\n"), "f.yaml:3:1: expected spaces, found a tab");
  EXPECT_EQ(refused("a: lang:fr acme: x\n"),
            "f.yaml:1:16: a \": \" cannot stand here: a text that holds one stands in quotes, a "
            "key below the "
            "keys it belongs with");
  EXPECT_EQ(refused("a: {b: 'l'avion'}\n"),
            "f.yaml:1:11: expected , or } in a map that began with {");
  EXPECT_EQ(refused("a: *shoe\n"),
            "f.yaml:1:4: aliases are not allowed; a text that begins with * stands in quotes");
  EXPECT_EQ(refused("a: \"/\\d/\"\n"),
            "f.yaml:1:8: unknown escape character: d; in double quotes a \\ is written \\\\, in "
            "single quotes it stands for itself");
}

TEST(ParseYaml, NamesATabBeforeAnythingElseThatIsWrong) {
  EXPECT_EQ(refused("brand:\n\tid: acme\n\tquery: acme\n"),
            "f.yaml:2:1: expected spaces, found a tab");
  EXPECT_EQ(refused("themes:\n\t- id: a\n"), "f.yaml:2:1: expected spaces, found a tab");
}

TEST(ParseYaml, AsksForTheEndOfAQuotationThatGoesOn) {
  EXPECT_EQ(refused("a: \"b"),
            "f.yaml:1:6: the file ends in a text whose quotation mark is not closed");
  EXPECT_NE(refused("a: \"b\nc: \"d\"\n").find("is the quotation that begins at 1:4 closed?"),
            std::string::npos);
  EXPECT_NE(
      refused("- {a: \"b}\n- {a: \"c\"}\n").find("is the quotation that begins at 1:7 closed?"),
      std::string::npos);
}

TEST(ParseYaml, RefusesAQuotationThatNothingCloses) {
  for (const char* text :
       {"a: 'b\n", "a: \"b\nc: d\n", "a: 'it''s\n", "a: \"b\\\"\n", "- b\n- '"}) {
    EXPECT_NE(refused(text).find("this quotation mark is not closed"), std::string::npos) << text;
  }
  EXPECT_EQ(refused("a: b\nc: \"d\n").substr(0, 11), "f.yaml:2:4:");
  for (const char* text :
       {"a: ''\n", "a: 'it''s' # isn't\n", "a: \"\\\\\"", "a: |\n  'b\n", "a: b'\n"}) {
    EXPECT_TRUE(parse_yaml(text, "f.yaml")) << text;
  }
}

TEST(ParseYaml, AValueThatIsMissingStandsWhereItsKeyDoes) {
  const YamlNode node = parsed("a:\nb: ~\nc: {d: }\ne:\n\nf: g\n");
  EXPECT_EQ(node.find("a")->mark.line, 1U);
  EXPECT_EQ(node.find("b")->mark.column, 4U);
  EXPECT_EQ(node.find("c")->find("d")->mark.column, 8U);
  EXPECT_EQ(node.find("e")->mark.line, 4U);
}

TEST(ParseYaml, RefusesTooManyLevelsWithoutOverflowingTheStack) {
  EXPECT_NE(refused(std::string(65, '[') + std::string(65, ']')).find("levels"), std::string::npos);
  EXPECT_EQ(parsed(std::string(64, '[') + std::string(64, ']')).type, YamlNode::Type::List);
}

TEST(CheckKeys, NamesTheUnknownKeyAndTheLikeliest) {
  const YamlNode root = parsed("nam: 1\n");

  const auto checked = check_keys(root, "f.yaml", "connector", {"name", "kind"});

  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().message,
            "f.yaml:1:1: connector: unknown key \"nam\"; did you mean \"name\"?");
}

TEST(CheckKeys, ListsWhatThereIsWhenNothingIsNear) {
  const auto checked = check_keys(parsed("zzz: 1\n"), "f.yaml", "connector", {"name", "kind"});

  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().message,
            "f.yaml:1:1: connector: unknown key \"zzz\"; expected one of name, kind");
}

TEST(CheckKeys, WantsAMap) {
  EXPECT_FALSE(check_keys(parsed("- a\n"), "f.yaml", "brand", {"id"}));
  EXPECT_TRUE(check_keys(parsed("id: a\n"), "f.yaml", "brand", {"id"}));
}

TEST(Nearest, WantsAtMostTwoEditsAndLessThanHalfOfTheWord) {
  const std::vector<std::string_view> known = {"theme", "campaign", "is"};
  EXPECT_EQ(nearest("tehme", known), "theme");
  EXPECT_EQ(nearest("campain", known), "campaign");
  EXPECT_EQ(nearest("xy", known), "");
  EXPECT_EQ(nearest("", known), "");
}

}  // namespace
}  // namespace vigie
