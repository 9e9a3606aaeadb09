# One broker serves the whole binary, so ctest runs the binary and not its tests one by one; the
# lock keeps a second broker from starting beside it.
add_executable(event_log_contract_test contract/event_log_contract.cc contract/log_world.cc
  kafka/broker.cc kafka/kafka_fold_test.cc kafka/kafka_log_test.cc kafka/kafka_once_test.cc
  kafka/kafka_restart_test.cc)
target_link_libraries(event_log_contract_test PRIVATE vigie_flags vigie::log vigie::state
  vigie::core fmt::fmt PkgConfig::RDKAFKA GTest::gtest_main)
target_compile_options(event_log_contract_test PRIVATE -O0)
target_precompile_headers(event_log_contract_test REUSE_FROM vigie_tests_precompiled)
target_compile_definitions(event_log_contract_test PRIVATE
  VIGIE_PYTHON="${Python3_EXECUTABLE}"
  VIGIE_KAFKA_BROKER="${CMAKE_CURRENT_SOURCE_DIR}/kafka/broker.py")

add_test(NAME event_log_contract.embedded
  COMMAND event_log_contract_test "--gtest_filter=Embedded/*")
set_tests_properties(event_log_contract.embedded PROPERTIES LABELS "unit;threads" TIMEOUT 120)
# A broker that is killed comes back faster when it has few topics: those tests get their own.
add_test(NAME event_log_contract.kafka
  COMMAND event_log_contract_test "--gtest_filter=-Embedded/*:KafkaBrokerRestart.*")
add_test(NAME event_log_contract.kafka_restart
  COMMAND event_log_contract_test "--gtest_filter=KafkaBrokerRestart.*")
set_tests_properties(event_log_contract.kafka event_log_contract.kafka_restart PROPERTIES
  LABELS kafka RESOURCE_LOCK kafka_broker TIMEOUT 600)

# Errors that no broker gives on demand come from librdkafka's own mock of one.
vigie_test(kafka_errors SOURCES unit/pipeline/log/kafka_errors_test.cc
  DEPS vigie::log vigie::state PkgConfig::RDKAFKA)
