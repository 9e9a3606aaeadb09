# The benchmark of matching; as a test it is small, and holds the rivals' answers against Vigie's.
add_executable(bench_rules bench/rules/main.cc bench/rules/corpus.cc bench/rules/rivals.cc bench/rules/trees.cc)
target_link_libraries(bench_rules PRIVATE vigie_flags vigie::rules fmt::fmt PkgConfig::RE2)
target_include_directories(bench_rules PRIVATE ${PROJECT_SOURCE_DIR})
add_test(NAME bench.rules COMMAND bench_rules --rules 1000 --texts 2000 --runs 1 --seconds 1)
set_tests_properties(bench.rules PROPERTIES LABELS unit TIMEOUT 300)
