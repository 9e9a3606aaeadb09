#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

namespace vigie {

// Keeps what goes wrong again and again from filling a log: a line at first, then one a minute that
// says for how many it stands. One thread.
class LogLimit {
 public:
  // For how many times this line stands, the present one included; 0: not to be written.
  std::uint64_t times(const std::string& line, std::chrono::steady_clock::time_point now);

 private:
  struct Told {
    std::chrono::steady_clock::time_point at;
    std::uint64_t since = 0;  // how many were not written after that
  };
  std::map<std::string, Told> told_;
};

}  // namespace vigie
