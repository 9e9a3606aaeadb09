vigie_test(core
  SOURCES unit/pipeline/core/clock_test.cc unit/pipeline/core/ids_test.cc
    unit/pipeline/core/log_limit_test.cc unit/pipeline/core/mention_test.cc unit/pipeline/core/mention_conformance_test.cc
    unit/pipeline/core/utf8_test.cc unit/pipeline/core/yaml_test.cc
  DEPS vigie::core)
vigie_fuzz(mention_decode DEPS vigie::core)
