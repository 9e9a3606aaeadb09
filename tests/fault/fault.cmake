# Faults of machines, networks and brokers, with a real broker.
if(NOT TARGET vigie)
  return()
endif()

# The same two transactions with and without the guard of workers.
add_executable(late_end fault/late_end.cc)
target_link_libraries(late_end PRIVATE vigie_flags vigie::log fmt::fmt PkgConfig::RDKAFKA)

# vigie_fault(name FILE test TIMEOUT seconds [ARGUMENTS ...])
function(vigie_fault name)
  cmake_parse_arguments(ARG "" "FILE;TIMEOUT" "ARGUMENTS" ${ARGN})
  add_test(NAME fault.${name}
    COMMAND ${VIGIE_DEBIAN_PYTHON} ${CMAKE_CURRENT_SOURCE_DIR}/fault/${ARG_FILE}
      --vigie $<TARGET_FILE:vigie> ${ARG_ARGUMENTS})
  set_tests_properties(fault.${name} PROPERTIES LABELS "kafka;slow" RESOURCE_LOCK kafka_broker
    TIMEOUT ${ARG_TIMEOUT})
endfunction()

vigie_fault(late_end FILE late_end_test.py TIMEOUT 200 ARGUMENTS --program $<TARGET_FILE:late_end>)
# Each fault under load: those of the short run once, or all of them VIGIE_FAULT_ROUNDS times.
vigie_fault(kafka FILE kafka_faults_test.py TIMEOUT 28800)
