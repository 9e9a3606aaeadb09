# Debian's own interpreter: the only one that sees the package python3-websockets.
find_program(VIGIE_DEBIAN_PYTHON python3 PATHS /usr/bin NO_DEFAULT_PATH REQUIRED)

add_library(vigie_jetstream_peer STATIC fakes/jetstream_peer.cc)
target_include_directories(vigie_jetstream_peer PUBLIC ${PROJECT_SOURCE_DIR})
target_compile_definitions(vigie_jetstream_peer
  PUBLIC VIGIE_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
  PRIVATE VIGIE_PYTHON="${VIGIE_DEBIAN_PYTHON}")
target_link_libraries(vigie_jetstream_peer PRIVATE vigie_flags fmt::fmt)

vigie_test(net
  SOURCES unit/net/address_test.cc unit/net/signature_test.cc unit/net/url_test.cc
    unit/net/websocket_test.cc
  DEPS vigie::net vigie_jetstream_peer
  LABELS threads)
