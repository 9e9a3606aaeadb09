# The benchmark of matching; as a test it is small, and holds the rivals' answers against Vigie's.
add_executable(bench_rules bench/rules/main.cc bench/rules/corpus.cc bench/rules/rivals.cc bench/rules/trees.cc)
target_link_libraries(bench_rules PRIVATE vigie_flags vigie::rules fmt::fmt PkgConfig::RE2)
target_include_directories(bench_rules PRIVATE ${PROJECT_SOURCE_DIR})
target_precompile_headers(bench_rules REUSE_FROM vigie_precompiled)
add_test(NAME bench.rules COMMAND bench_rules --rules 1000 --texts 2000 --runs 1 --seconds 1)
set_tests_properties(bench.rules PROPERTIES LABELS unit TIMEOUT 300)

# The list of a long queue; as a test it only has to find every item.
add_executable(bench_queues bench/queues/main.cc)
target_link_libraries(bench_queues PRIVATE vigie_flags vigie::api vigie::log vigie::state fmt::fmt
  prometheus-cpp::core)
target_include_directories(bench_queues PRIVATE ${PROJECT_SOURCE_DIR})
target_precompile_headers(bench_queues REUSE_FROM vigie_precompiled)
add_test(NAME bench.queues COMMAND bench_queues --items 1000 --runs 2)
set_tests_properties(bench.queues PROPERTIES LABELS unit TIMEOUT 60)

# The store at its full size, by hand.
add_executable(bench_store EXCLUDE_FROM_ALL bench/store.cc)
target_link_libraries(bench_store PRIVATE vigie_flags vigie::state fmt::fmt vigie_rocksdb)
target_include_directories(bench_store PRIVATE ${PROJECT_SOURCE_DIR})
target_precompile_headers(bench_store REUSE_FROM vigie_precompiled)

# Vigie over Kafka beside its rivals, by hand: kafka/compare.py.
add_executable(bench_kafka EXCLUDE_FROM_ALL bench/kafka/tool/log_tool.cc bench/kafka/tool/tally.cc
  bench/kafka/tool/worker_loop.cc bench/kafka/tool/big_state.cc)
target_link_libraries(bench_kafka PRIVATE vigie_malloc vigie_flags vigie::run fmt::fmt spdlog::spdlog simdjson::simdjson
  prometheus-cpp::core PkgConfig::RDKAFKA PkgConfig::XXHASH)
target_include_directories(bench_kafka PRIVATE ${PROJECT_SOURCE_DIR})
target_precompile_headers(bench_kafka REUSE_FROM vigie_precompiled)
add_executable(bench_kafka_bare EXCLUDE_FROM_ALL bench/kafka/bare_loop.cc)
target_link_libraries(bench_kafka_bare PRIVATE vigie_malloc vigie_flags fmt::fmt PkgConfig::RDKAFKA)
target_precompile_headers(bench_kafka_bare REUSE_FROM vigie_precompiled)
