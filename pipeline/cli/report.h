#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "pipeline/cli/commands.h"
#include "pipeline/core/error.h"

namespace vigie {

// Prints on the standard error. What cannot be written there is lost, for there is no other place
// to say it: a command goes on, and its exit code tells how it ended.
void say(std::string_view text);

// Prints "vigie: message" on the standard error; the exit code that goes with the failure.
Exit report(const Error& error);

// Sends on what was printed on the standard output. Unavailable when that, or anything printed
// before, could not be written: who reads the output must not take a part of it for the whole.
Result<void> flush_output();

// How far a long command has come, on the standard error while that is a terminal; nothing
// otherwise.
class Progress {
 public:
  // `total` is 0 where it is not known; `unit` is what is counted.
  Progress(std::string_view unit, std::uint64_t total);
  ~Progress();
  void at(std::uint64_t done);

 private:
  std::string_view unit_;
  std::uint64_t total_;
  bool shown_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point begun_;
  std::chrono::steady_clock::time_point drawn_at_;
};

}  // namespace vigie
