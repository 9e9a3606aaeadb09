vigie_test(pipeline
  SOURCES unit/pipeline/cli/config_test.cc
  DEPS vigie::cli)
