#include <filesystem>
#include <fstream>
#include <iterator>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "rules/case_file.h"

namespace vigie {
namespace {

using Lines = std::vector<std::string>;

TEST(RuleCases, EveryCaseFileAnswersAsWritten) {
  std::size_t cases = 0;
  for (const auto& entry : std::filesystem::directory_iterator(VIGIE_RULE_CASES)) {
    if (entry.path().extension() != ".rules") continue;
    std::ifstream stream(entry.path());
    const std::string text{std::istreambuf_iterator<char>(stream), {}};

    const CaseRun run = run_case_file(text, entry.path().filename().string(), nullptr);

    cases += run.cases;
    for (const Diagnostic& error : run.errors) ADD_FAILURE() << format(error);
    for (const CaseRun::Failure& failure : run.failures) {
      ADD_FAILURE() << entry.path().filename().string() << ":" << failure.line << ":"
                    << failure.column << ": " << failure.message << "\n"
                    << failure.explanation;
    }
  }
  EXPECT_GT(cases, 230U);
}

constexpr std::string_view kRules = R"(brand: {id: acme, query: acme, accounts: ["x:@acme"]}
themes:
  - {id: late, query: 'late -lang:de'}
  - {id: jobs, query: 'job'}
campaigns: [{id: jobs, query: '#jobs'}]
routes:
  - {id: jobs, when: 'theme:jobs', queue: none}
  - {id: new, when: 'author:new', queue: community}
)";

CaseRun run_with_rules(std::string_view text) {
  const Explainer explainer(RuleSet::compile(kRules, "r.yaml").rules, kRules, "r.yaml");
  return run_case_file(text, "c.rules", &explainer);
}

Lines errors_of(std::string_view text) {
  Lines lines;
  for (const Diagnostic& each : run_with_rules(text).errors) lines.push_back(format(each));
  return lines;
}

TEST(CaseFile, ChecksMentionsAgainstTheRulesThatAreGiven) {
  const CaseRun run = run_with_rules(
      "# comment\n"
      "\n"
      "mention \"late\" -> late\n"
      "mention lang=de \"late acme\" -> brand 5-9\r\n"
      "mention \"a job\" -> theme:jobs route:jobs\n"
      "mention new=false \"late\" -> late route:none\n"
      "mention \"late\" -> theme:late route:new\n"
      "mention author=acme \"late\" -> late route:none\n"
      "mention city=\"New York\" \"say \\\"hi\\\"\\n\\\\\" -> none\n");

  EXPECT_TRUE(run.errors.empty());
  EXPECT_EQ(run.cases, 7U);
  for (const CaseRun::Failure& failure : run.failures) ADD_FAILURE() << failure.message;
}

TEST(CaseFile, ExplainsTheRuleThatSurprised) {
  const CaseRun run = run_with_rules(
      "mention lang=de \"late\" -> late\n"
      "mention \"late acme\" -> late\n"
      "mention \"late\" -> late 1-5\n"
      "mention \"late\" -> late route:jobs\n");

  ASSERT_EQ(run.failures.size(), 4U);
  EXPECT_EQ(run.failures[0].line, 1U);
  EXPECT_EQ(run.failures[0].column, 9U);
  EXPECT_EQ(run.failures[0].message, "expected theme:late, found none: late");
  EXPECT_NE(run.failures[0].explanation.find("theme:late: does not match\n  r.yaml:3:23\n"),
            std::string::npos)
      << run.failures[0].explanation;
  EXPECT_NE(run.failures[0].explanation.find("lang:de must not be there: its language is de"),
            std::string::npos);
  EXPECT_EQ(run.failures[1].message, "expected theme:late, found brand theme:late: late acme");
  EXPECT_EQ(run.failures[1].explanation.find("brand: matches"), 0U);
  EXPECT_EQ(run.failures[2].message, "expected theme:late 1-5, found theme:late 0-4: late");
  EXPECT_EQ(run.failures[3].message,
            "expected theme:late route:jobs, found theme:late route:new: late");
  EXPECT_EQ(run.failures[3].explanation.find("route:jobs: is not taken"), 0U);
}

TEST(CaseFile, NamesLineAndColumnOfWhatIsNoCase) {
  EXPECT_EQ(errors_of("mentoin \"x\" -> none\n"
                      "mention \"x\"\n"
                      "mention \"x\" ->\n"
                      "mention \"x\" -> late jobss\n"
                      "mention \"x\" -> jobs\n"
                      "mention \"x\" -> route:neww\n"
                      "mention lan=de \"x\" -> none\n"
                      "mention lang=de likes=many \"x\" -> none\n"
                      "mention kind=repli \"x\" -> none\n"
                      "mention at=2026 \"x\" -> none\n"
                      "mention x \"x\" -> none\n"
                      "mention \"x -> none\n"
                      "mention \"\\x\" -> none\n"
                      "rule a\n"
                      "error \"x\"\n"
                      "mention \"\xff\" -> none\n"),
            (Lines{"c.rules:1:1: error: unknown line \"mentoin\"; did you mean \"mention\"?",
                   "c.rules:2:12: error: expected -> and the rules that tag the mention, or none",
                   "c.rules:3:15: error: expected a rule, or none",
                   "c.rules:4:21: error: unknown rule \"jobss\"; did you mean \"jobs\"?",
                   "c.rules:5:16: error: \"jobs\" is the id of several rules; expected one of "
                   "theme:jobs, campaign:jobs",
                   "c.rules:6:16: error: unknown route \"neww\"; did you mean \"new\"?",
                   "c.rules:7:9: error: unknown field \"lan\"; did you mean \"lang\"?",
                   "c.rules:8:23: error: likes: expected a whole number from 0",
                   "c.rules:9:14: error: kind: unknown kind \"repli\"; did you mean \"reply\"?",
                   "c.rules:10:12: error: at: expected a time such as 2026-06-01T00:00:00Z",
                   "c.rules:11:9: error: expected KEY=VALUE or a text in quotation marks",
                   "c.rules:12:9: error: the text that starts here has no closing '\"'",
                   "c.rules:13:10: error: expected \\n, \\\" or \\\\ after a backslash",
                   "c.rules:14:7: error: expected a query",
                   "c.rules:15:7: error: expected \"QUERY\" at OFFSET: MESSAGE",
                   "c.rules:16:10: error: expected UTF-8"}));
}

TEST(CaseFile, NamesThePlaceOfWhatIsWrongWithRulesOfItsOwn) {
  EXPECT_EQ(errors_of("rule a b langg:fr\n"
                      "account acme\n"
                      "campaign c 2026 - x\n"
                      "mention \"x\" -> none\n"
                      "mention \"y\" -> none\n"),
            (Lines{"c.rules:2:9: error: brand: accounts: expected network:@handle or network:id, "
                   "such as \"x:@acme\"",
                   "c.rules:1:10: error: unknown name \"langg\"; did you mean \"lang\"?",
                   "c.rules:3:19: error: campaigns: from: expected a time with its offset, such as "
                   "2026-06-01T00:00:00Z"}));
  const CaseRun nothing = run_case_file("mention \"x\" -> none", "c.rules", nullptr);
  ASSERT_EQ(nothing.errors.size(), 1U);
  EXPECT_EQ(format(nothing.errors[0]), "c.rules:1:1: error: no rules stand above this mention");
}

TEST(CaseFile, ExplainsRulesOfItsOwnAtTheirPlace) {
  const CaseRun run = run_with_rules("rule own  a b\nmention \"a\" -> own\n");

  ASSERT_EQ(run.failures.size(), 1U);
  EXPECT_NE(run.failures[0].explanation.find("c.rules:1:11\n"), std::string::npos)
      << run.failures[0].explanation;
}

}  // namespace
}  // namespace vigie
