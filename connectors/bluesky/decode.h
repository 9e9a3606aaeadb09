#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "connectors/connector.h"
#include "pipeline/core/clock.h"

namespace vigie {

// The two wires of Jetstream: /subscribe, and /xrpc/network.bsky.jetstream.subscribeEvents.
enum class JetstreamWire : std::uint8_t { V1, V2 };

// What one frame says. Of a frame that is not of interest (likes, follows, identities) only the
// position is set.
struct JetstreamEvent {
  std::optional<Item> item;
  std::optional<std::int64_t> seq;  // v2: the place in this instance's order
  std::optional<Time> time;         // when this instance saw the event
  std::string info;                 // v2: name of an advisory frame; it has no position
  std::string error;                // v2: name of the error that ends the stream
};

// Makes canonical mentions of Jetstream's frames. Keeps its buffers between calls; one thread.
class JetstreamDecoder {
 public:
  explicit JetstreamDecoder(JetstreamWire wire);
  ~JetstreamDecoder();

  // `before` says where the last good frame stood: the position of one that is unreadable.
  JetstreamEvent decode(std::string_view frame, std::string_view before);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The number in a TID, the name of a repository's revision: microseconds and a clock id, growing
// with each commit. Empty when the text is none.
std::optional<std::int64_t> parse_tid(std::string_view text);

}  // namespace vigie
