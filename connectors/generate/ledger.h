#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "connectors/generate/generator.h"
#include "pipeline/core/error.h"

namespace vigie {

// Appends the ledger line of one act, with its line end:
//   {"n":ORDINAL,"op":ACT,"topic":TOPIC,"network":…,"id":…,"version":…,"at":TIME,"mention":{…}}
// `mention` is the canonical mention as handed out, so that a reader of the ledger can recount.
void append_ledger_line(std::string& out, const Emission& emission);

// The file of what a generator handed out, one line an act, the line of act n in line n + 1. It
// holds at least every act whose batch became durable: lines are written before their batch is
// handed out, and opening it at a position cuts off those that are handed out anew.
class ActLedger {
 public:
  ActLedger() = default;
  ~ActLedger();
  ActLedger(const ActLedger&) = delete;
  ActLedger& operator=(const ActLedger&) = delete;

  // Opens or makes the file and cuts it behind its first `acts` lines. Invalid when it has fewer.
  Result<void> open(const std::string& path, std::uint64_t acts);
  bool is_open() const { return descriptor_ >= 0; }

  // Hands the lines to the operating system. After a failure the ledger is closed.
  Result<void> write(std::string_view lines);

 private:
  void close();

  std::string path_;
  int descriptor_ = -1;
};

}  // namespace vigie
