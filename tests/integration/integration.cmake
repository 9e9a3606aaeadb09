# The real binary, from outside. Each test is a script that says what it checked; 77 is skipped.
if(NOT TARGET vigie)
  return()
endif()

# vigie_integration(name TIMEOUT seconds [LABELS ...])
function(vigie_integration name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "LABELS" ${ARGN})
  add_test(NAME integration.${name}
    COMMAND ${VIGIE_DEBIAN_PYTHON} ${CMAKE_CURRENT_SOURCE_DIR}/integration/${name}_test.py
      --vigie $<TARGET_FILE:vigie>)
  set_tests_properties(integration.${name} PROPERTIES LABELS "integration;${ARG_LABELS}"
    SKIP_RETURN_CODE 77 TIMEOUT ${ARG_TIMEOUT})
endfunction()

vigie_integration(replay TIMEOUT 900 LABELS slow)
vigie_integration(interleavings TIMEOUT 900 LABELS slow)
vigie_integration(backtest TIMEOUT 400)
vigie_integration(kill9 TIMEOUT 400 LABELS slow)
vigie_integration(operate TIMEOUT 600)
vigie_integration(crash_points TIMEOUT 900 LABELS slow)
vigie_integration(bad_input TIMEOUT 120)
vigie_integration(erasure TIMEOUT 120)
vigie_integration(cli TIMEOUT 120)
vigie_integration(queues TIMEOUT 120)
vigie_integration(jetstream TIMEOUT 300)
vigie_integration(prometheus TIMEOUT 300 LABELS slow)
vigie_integration(kafka TIMEOUT 400 LABELS kafka slow)
vigie_integration(nodes TIMEOUT 400 LABELS kafka slow)
vigie_integration(export TIMEOUT 400 LABELS kafka slow)
set_tests_properties(integration.kafka integration.nodes integration.export PROPERTIES
  RESOURCE_LOCK kafka_broker)
vigie_integration(kafka_releases TIMEOUT 200 LABELS kafka slow)
vigie_integration(kafka_security TIMEOUT 200 LABELS kafka slow)
set_tests_properties(integration.kafka_releases integration.kafka_security PROPERTIES
  RESOURCE_LOCK kafka_broker)
