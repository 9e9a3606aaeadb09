#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "pipeline/core/error.h"
#include "pipeline/core/mention.h"

namespace vigie {

// Bytes from a source that are no mention: they go to the dead letters.
struct Undecodable {
  std::string reason;
  std::string position;  // where in the source: "line 17", "seq 42"
  std::string bytes;
};

using Item = std::variant<Mention, Undecodable>;

// What one call of Connector::next brought. `cursor` is where to go on after these items ("" when
// the source has no such thing); it is saved only once they are durable. `finished`: the source has
// ended.
struct Batch {
  std::vector<Item> items;
  std::string cursor;
  bool finished = false;
};

// What a connector tells beside mentions; the runner counts it. Labels are from closed sets.
struct ConnectorNotes {
  std::uint64_t gaps = 0;  // times the source could not resume where the cursor stood
  std::uint64_t reconnects = 0;
};

// One stream of mentions from one source. It knows its protocol and nothing else: retry, back-off,
// rate, cursor storage, metrics and the stall deadline live in the ingest runner. One thread calls
// it; a connector may block in `open` and `next` but returns soon after `stop` is requested.
class Connector {
 public:
  virtual ~Connector() = default;

  // Connects and goes to `cursor`; an empty one is where the source begins by itself. Called again
  // after a failure, with the last saved cursor.
  virtual Result<void> open(std::string_view cursor, std::stop_token stop) = 0;

  // Waits up to `wait` for mentions; an empty batch says that none came. After a failure the runner
  // closes the connector by calling `open` again, later.
  virtual Result<Batch> next(std::chrono::milliseconds wait, std::stop_token stop) = 0;

  // How long the source may be silent (not even a ping) before it counts as dead; zero is for ever.
  virtual std::chrono::milliseconds stall_deadline() const { return std::chrono::milliseconds{0}; }

  // When the source was last heard of, on the steady clock; the runner compares it with the
  // deadline.
  virtual std::chrono::steady_clock::time_point last_heard() const {
    return std::chrono::steady_clock::now();
  }

  virtual ConnectorNotes notes() const { return {}; }
};

}  // namespace vigie
