#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "connectors/bluesky/decode.h"
#include "pipeline/core/clock.h"

namespace vigie {

// Where the stream has been read to. Sequence numbers are counted by each instance for itself;
// times mean nearly the same on all of them.
//
//   cursor = micros                          v1: the highest time_us seen
//          | seq "@" micros "@" authority    v2: the last event, its time, who numbered it
struct JetstreamCursor {
  std::optional<std::int64_t> seq;
  std::optional<Time> time;
  std::string authority;

  bool empty() const { return !seq && !time; }
  // Takes over where an event stands. A time never goes back: v1's are not quite in order. Nor does
  // it pass `now` by more than minutes: an instance asked for the future would begin at its tip,
  // and what was missed would be lost without a gap to show for it.
  void advance(const JetstreamEvent& event, std::string_view from, Time now);
  std::string text() const;
};

// Empty when the text is no cursor.
std::optional<JetstreamCursor> parse_cursor(std::string_view text);

}  // namespace vigie
