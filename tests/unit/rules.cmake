vigie_test(rules
  SOURCES unit/rules/query_test.cc unit/rules/rule_file_test.cc unit/rules/match_test.cc
    unit/rules/differential_test.cc unit/rules/explain_test.cc
    unit/rules/lint_test.cc unit/rules/cases_test.cc
    unit/rules/fold_test.cc unit/rules/words_test.cc unit/rules/words_conformance_test.cc
    unit/pipeline/route_test.cc
  DEPS vigie::rules vigie::route)
target_compile_definitions(rules_test PRIVATE VIGIE_RULE_CASES="${CMAKE_CURRENT_SOURCE_DIR}/rules/cases")

vigie_fuzz(words DEPS vigie::rules)
vigie_fuzz(query DEPS vigie::rules)
vigie_fuzz(rule_file DEPS vigie::rules)
vigie_fuzz(case_file DEPS vigie::rules)
