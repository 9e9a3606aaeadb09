# The code that reads and commits over Kafka, against a made-up librdkafka: its sources are compiled
# a second time, so that whatever they call is ours or does not link.
set(log ${PROJECT_SOURCE_DIR}/pipeline/log)
add_executable(model_test
  ${log}/event_log.cc ${log}/kafka_commit.cc ${log}/kafka_handle.cc ${log}/kafka_once.cc
  ${log}/kafka_owners.cc ${log}/kafka_places.cc ${log}/kafka_properties.cc ${log}/kafka_reader.cc ${log}/kafka_restore.cc ${log}/record_format.cc ${log}/kafka_transactor.cc
  model/calls.cc model/client.cc model/cluster.cc model/cluster_id.cc model/consumer.cc
  ${PROJECT_SOURCE_DIR}/state/store_batch.cc
  model/group.cc model/job.cc model/memory_store.cc model/model_test.cc model/partition_log.cc model/producer.cc
  model/schedule.cc model/values.cc model/verdict.cc model/world.cc)
target_include_directories(model_test PRIVATE ${PROJECT_SOURCE_DIR})
target_link_libraries(model_test PRIVATE vigie_flags vigie::core fmt::fmt
  spdlog::spdlog PkgConfig::XXHASH GTest::gtest_main)
target_precompile_headers(model_test REUSE_FROM vigie_precompiled)
add_test(NAME model.schedules COMMAND model_test --gtest_filter=Model.*)
add_test(NAME model.lies COMMAND model_test --gtest_filter=*Lying*)
set_tests_properties(model.schedules model.lies PROPERTIES LABELS model TIMEOUT 900)
