vigie_test(connectors
  SOURCES unit/connectors/replay_test.cc unit/connectors/generate_test.cc
    unit/connectors/bluesky_decode_test.cc unit/connectors/bluesky_test.cc
    unit/connectors/webhook_test.cc
  DEPS vigie::connectors vigie_jetstream_peer)

vigie_fuzz(bluesky_decode DEPS vigie::connectors)
