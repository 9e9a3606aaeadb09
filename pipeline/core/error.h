#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <string>
#include <utility>

namespace vigie {

// What the caller should do about a failure, not what went wrong; `message` says what went wrong.
enum class Code : std::uint8_t {
  Invalid,      // the request or config is wrong: tell its author, do not retry
  NotFound,     // no such thing: often an answer, not a fault
  Denied,       // credentials refused: stop this connector until an operator acts
  Throttled,    // come back after `retry_after`
  Unavailable,  // transient: retry with backoff
  Corrupt,      // stored bytes are damaged: stop the partition, never skip silently
  Closed,       // shutting down: unwind quietly
};

// `message` names the thing, the place and the reason; it starts lower case and has no full stop.
struct Error {
  Code code = Code::Invalid;
  std::string message;
  std::chrono::milliseconds retry_after{0};
};

template <class T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(Code code, std::string message) {
  return std::unexpected(Error{code, std::move(message), std::chrono::milliseconds{0}});
}

}  // namespace vigie
