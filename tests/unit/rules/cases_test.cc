#include <filesystem>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "tests/rules/case_file.h"

namespace vigie {
namespace {

TEST(RuleCases, EveryCaseFileAnswersAsWritten) {
  std::size_t cases = 0;
  for (const auto& entry : std::filesystem::directory_iterator(VIGIE_RULE_CASES)) {
    if (entry.path().extension() != ".rules") continue;
    std::ifstream stream(entry.path());
    const std::string text{std::istreambuf_iterator<char>(stream), {}};
    for (const std::string& failure : run_case_file(text, cases)) {
      ADD_FAILURE() << entry.path().filename().string() << ":" << failure;
    }
  }
  EXPECT_GT(cases, 100U);
}

}  // namespace
}  // namespace vigie
