vigie_test(api
  SOURCES unit/pipeline/api/actions_test.cc unit/pipeline/api/claim_race_test.cc
    unit/pipeline/api/server_test.cc unit/pipeline/api/stream_test.cc
    unit/pipeline/api/mentions_test.cc unit/pipeline/api/backtest_test.cc unit/pipeline/api/explain_test.cc
    unit/pipeline/api/report_test.cc unit/pipeline/api/erasure_test.cc unit/pipeline/api/tls_test.cc
    unit/state/feed_test.cc
  DEPS vigie::run vigie::api vigie::connectors vigie::net vigie::state vigie::rules vigie::core prometheus-cpp::core Boost::system
    GTest::gmock OpenSSL::SSL OpenSSL::Crypto simdjson::simdjson
  LABELS threads)
