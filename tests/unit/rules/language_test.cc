// The manual for writers of rules is a test: every example in its tables, every file it shows and
// every message it quotes.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "pipeline/core/json.h"
#include "rules/lint.h"
#include "rules/query.h"
#include "rules/rule_set.h"

namespace vigie {
namespace {

using Cells = std::vector<std::string>;

struct Row {
  Cells cells;
  std::size_t line = 0;
};

struct Block {
  std::string text;
  std::size_t line = 0;
};

struct Manual {
  std::map<std::string, std::vector<Row>> tables;  // by the first cell of their head
  std::vector<Block> files;                        // blocks of YAML
};

// A `|` within a cell is written `\|`.
Cells cells_of(std::string_view line) {
  Cells cells;
  for (std::size_t i = 1; i < line.size(); ++i) {
    if (cells.empty() || line[i - 1] == '|') cells.emplace_back();
    if (line[i] == '\\' && i + 1 < line.size() && line[i + 1] == '|') {
      cells.back() += "|";
      i += 2;
    }
    if (line[i] != '|') cells.back() += line[i];
  }
  for (std::string& cell : cells) {
    cell.erase(0, cell.find_first_not_of(' '));
    cell.erase(cell.find_last_not_of(' ') + 1);
  }
  return cells;
}

Manual read_manual(const std::filesystem::path& path) {
  std::ifstream file(path);
  Manual manual;
  std::string table;
  bool in_yaml = false;
  std::size_t number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    if (line.starts_with("```")) {
      in_yaml = line == "```yaml";
      if (in_yaml) manual.files.push_back({{}, number});
    } else if (in_yaml) {
      manual.files.back().text += line + "\n";
    } else if (!line.starts_with("|")) {
      table.clear();
    } else if (!line.starts_with("|---")) {
      const Cells cells = cells_of(line);
      if (table.empty()) {
        table = cells[0];
      } else {
        manual.tables[table].push_back({cells, number});
      }
    }
  }
  return manual;
}

// What stands between backticks.
std::vector<std::string> code_in(std::string_view cell) {
  std::vector<std::string> found;
  while (cell.contains('`')) {
    cell.remove_prefix(cell.find('`') + 1);
    found.emplace_back(cell.substr(0, cell.find('`')));
    cell.remove_prefix(std::min(cell.size(), found.back().size() + 1));
  }
  return found;
}

std::string json(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

// Examples as a list of YAML: fields of a mention as they are, texts in quotes.
std::string list_of(const std::vector<std::string>& examples) {
  std::string out = "[";
  for (const std::string& example : examples)
    out += (out.size() > 1 ? ", " : "") + (example.starts_with('{') ? example : json(example));
  return out + "]";
}

// Two files as one: the entries of a section that both have stand under one key.
std::string joined(const std::string& first, const std::string& second) {
  std::vector<std::string> order;
  std::map<std::string, std::string> sections;
  for (const std::string& text : {first, second}) {
    std::string* section = nullptr;
    for (std::size_t at = 0; at < text.size();) {
      const std::string line = text.substr(at, text.find('\n', at) + 1 - at);
      at += line.size();
      if (!line.starts_with(' ')) {
        if (!sections.contains(line)) order.push_back(line);
        section = &sections[line];
      } else {
        *section += line;
      }
    }
  }
  std::string out;
  for (const std::string& key : order) out += key + sections[key];
  return out;
}

std::string messages(const std::vector<Diagnostic>& diagnostics) {
  std::string out;
  for (const Diagnostic& diagnostic : diagnostics) out += "\n" + format(diagnostic);
  return out;
}

// Compiles a file that has to be free of errors and warnings, and runs its examples.
std::size_t run(const std::string& yaml, std::size_t line) {
  const RuleSet::Compiled compiled = RuleSet::compile(yaml, "manual.yaml");
  EXPECT_EQ(messages(compiled.diagnostics), "") << "line " << line << " of the manual\n" << yaml;
  if (!compiled.rules) return 0;
  EXPECT_EQ(messages(lint(yaml, "manual.yaml", *parse_time("2026-01-01T00:00:00Z"))), "") << yaml;
  const std::vector<RuleSet::CaseResult> results = compiled.rules->run_cases();
  for (const RuleSet::CaseResult& result : results) {
    EXPECT_TRUE(result.passed) << "line " << line << " of the manual: " << result.rule
                               << (result.expected_match ? " does not find " : " finds ")
                               << result.text << "\n"
                               << yaml;
  }
  return results.size();
}

class LanguageManual : public ::testing::Test {
 protected:
  const Manual manual_ = read_manual(VIGIE_LANGUAGE);
  // The file that the examples of the tables belong to.
  const std::string base_ = manual_.files.at(1).text;

  // Runs the rows of a table, each with `entry` around its query and examples.
  void run_table(const std::string& table, const std::string& section, std::string_view query_key) {
    ASSERT_TRUE(manual_.tables.contains(table));
    for (const Row& row : manual_.tables.at(table)) {
      ASSERT_EQ(row.cells.size(), 4U) << row.line;
      const std::vector<std::string> query = code_in(row.cells[0]);
      const std::vector<std::string> found = code_in(row.cells[1]);
      const std::vector<std::string> not_found = code_in(row.cells[2]);
      ASSERT_EQ(query.size(), 1U) << row.line;
      EXPECT_FALSE(found.empty()) << row.line;
      EXPECT_FALSE(row.cells[2].empty()) << row.line;
      EXPECT_FALSE(row.cells[3].empty()) << row.line;
      const std::string entry = fmt::format(
          "{}:\n  - {{id: example, {}: {}, {}must_match: {}, must_not_match: {}}}\n", section,
          query_key, json(query[0]), section == "routes" ? "queue: social, " : "", list_of(found),
          list_of(not_found));
      EXPECT_EQ(run(joined(base_, entry), row.line), found.size() + not_found.size());
    }
  }

  RuleSet::Compiled compile(std::string_view query) const {
    return RuleSet::compile(
        joined(base_, "themes:\n  - {id: example, query: " + json(query) + "}\n"), "manual.yaml");
  }
};

TEST_F(LanguageManual, EveryExampleOfATableIsTrue) {
  run_table("write", "themes", "query");
}

TEST_F(LanguageManual, EveryExampleOfARouteIsTrue) {
  run_table("write as `when`", "routes", "when");
}

TEST_F(LanguageManual, EveryFileOnThePageIsGoodAndDoesWhatItSays) {
  ASSERT_GE(manual_.files.size(), 8U);
  for (const Block& file : manual_.files) {
    const bool whole = file.text.starts_with("brand:");
    const std::size_t cases = run(whole ? file.text : joined(base_, file.text), file.line);
    EXPECT_TRUE(cases > 0 || file.text == base_) << "line " << file.line << " has no example";
  }
}

TEST_F(LanguageManual, TheFileInTheReadmeIsGood) {
  const Manual readme =
      read_manual(std::filesystem::path(VIGIE_LANGUAGE).replace_filename("README.md"));
  ASSERT_FALSE(readme.files.empty());
  EXPECT_GT(run(readme.files[0].text, readme.files[0].line), 0U);
}

TEST_F(LanguageManual, EveryMistakeGetsTheMessageThatItSays) {
  ASSERT_TRUE(manual_.tables.contains("written"));
  for (const Row& row : manual_.tables.at("written")) {
    ASSERT_EQ(row.cells.size(), 3U) << row.line;
    const RuleSet::Compiled compiled = compile(code_in(row.cells[0]).at(0));
    const std::string wanted = code_in(row.cells[1]).at(0);
    std::string all;
    bool is_said = false;
    for (const Diagnostic& one : compiled.diagnostics) {
      const std::string says = (one.is_error ? "error: " : "warning: ") + one.message;
      is_said = is_said || says.starts_with(wanted);
      all += "\n" + says;
    }
    EXPECT_TRUE(is_said) << row.line << ": " << all;
    EXPECT_EQ(compiled.rules == nullptr, wanted.starts_with("error")) << row.line;
    for (const std::string& instead : code_in(row.cells[2]))
      EXPECT_EQ(messages(compile(instead).diagnostics), "") << row.line << ": " << instead;
  }
}

TEST_F(LanguageManual, LeavesNothingOfTheLanguageOut) {
  std::string written;
  for (const std::string table : {"write", "write as `when`"}) {
    for (const Row& row : manual_.tables.at(table)) written += code_in(row.cells[0]).at(0) + "\n";
  }
  for (const std::string_view name : field_names())
    EXPECT_TRUE(written.contains(std::string(name) + ":")) << name;
  for (const std::string_view name : number_names())
    EXPECT_TRUE(written.contains(std::string("\n") + std::string(name))) << name;
  for (const std::string_view part : {" AND ",
                                      " OR ",
                                      " NOT ",
                                      " -",
                                      " NEAR/",
                                      " ONEAR/",
                                      "(",
                                      "*",
                                      "?",
                                      "\n\"",
                                      "\n#",
                                      "\n@",
                                      "\n$",
                                      "/i\n",
                                      ">=",
                                      ">",
                                      "<=",
                                      "<",
                                      "=",
                                      "is:question",
                                      "is:brand",
                                      "is:verified",
                                      "has:link",
                                      "has:media",
                                      "has:place",
                                      "author:id:",
                                      "author:new",
                                      "author:brand",
                                      "author:ambassador",
                                      "author:list:",
                                      "to:brand",
                                      "theme:*",
                                      "campaign:*",
                                      "competitor:*"})
    EXPECT_TRUE(written.contains(part)) << part;
}

}  // namespace
}  // namespace vigie
