vigie_test(rules LONG
  SOURCES unit/rules/query_test.cc unit/rules/rule_file_test.cc unit/rules/match_test.cc
    unit/rules/differential_test.cc rules/naive_matcher.cc rules/naive_text.cc rules/rule_generator.cc
    unit/rules/explain_test.cc unit/rules/lint_test.cc unit/rules/cases_test.cc unit/rules/language_test.cc
    unit/rules/rule_cost_test.cc unit/rules/rule_budget_test.cc unit/pipeline/backtest_test.cc
    unit/rules/fold_test.cc unit/rules/lanes_test.cc unit/rules/atoms_test.cc unit/rules/vocabulary_test.cc unit/rules/segments_test.cc
    unit/rules/words_test.cc unit/rules/words_conformance_test.cc
    unit/pipeline/route_test.cc
  DEPS vigie::rules vigie::route PkgConfig::RE2 ICU::uc)
target_compile_definitions(rules_test PRIVATE VIGIE_RULE_CASES="${CMAKE_CURRENT_SOURCE_DIR}/rules/cases"
  VIGIE_LANGUAGE="${PROJECT_SOURCE_DIR}/rules/LANGUAGE.md")

# Counts what is allocated, so it is a program of its own. ThreadSanitizer replaces the same
# operators, and there are no threads here.
if(NOT VIGIE_SANITIZE STREQUAL "thread")
  vigie_test(rules_bounds SOURCES unit/rules/bounds_test.cc DEPS vigie::rules)
endif()

vigie_fuzz(words DEPS vigie::rules)
vigie_fuzz(query DEPS vigie::rules)
vigie_fuzz(rule_file DEPS vigie::rules)
vigie_fuzz(case_file DEPS vigie::rules)
vigie_fuzz(match SOURCES rules/naive_matcher.cc rules/naive_text.cc
  DEPS vigie::rules fmt::fmt PkgConfig::RE2)
