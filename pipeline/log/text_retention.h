#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>

#include "pipeline/core/clock.h"
#include "state/store.h"

namespace vigie {

// How long the text of a message is kept after its receipt, by network, in stream time. Ledger and
// counts are kept as ever.
struct TextRetention {
  std::chrono::hours otherwise{35 * 24};
  // Networks whose terms want less.
  std::map<std::string, std::chrono::hours, std::less<>> by_network{
      {"youtube", std::chrono::hours{30 * 24}}};

  std::chrono::hours of(std::string_view network) const;
  // Whether the text of a `tagged` record is past its keeping. `key` is `network/id`.
  bool expired(std::string_view key, std::string_view tagged, Time stream_time) const;
  // The same of a row of Space::Latest, for the store's compaction; false of every other topic's.
  bool expired_row(std::string_view key, std::string_view value, Time stream_time) const;

  friend bool operator==(const TextRetention&, const TextRetention&) = default;
};

}  // namespace vigie
