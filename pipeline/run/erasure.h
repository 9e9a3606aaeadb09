#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipeline/core/clock.h"
#include "pipeline/core/error.h"
#include "pipeline/core/ids.h"
#include "state/store.h"

namespace vigie {

// What a worker has left to be done once it has erased an author from the state of a partition: the
// log has to forget what it holds, and the files what stood in them. It lies in Space::Meta until
// that is done, and names the author only so long.
struct Erasure {
  Partition partition{};
  AuthorKey author{};
  // What was received up to then is erased; the epoch where only messages have come again.
  Time asked_at{};
  std::vector<std::string> messages;  // `network/id`
  // Keys that are no more, or whose value named the author.
  std::vector<std::pair<Space, std::string>> stood;

  // Counted for the record that proves it; not stored.
  std::int64_t erased_messages = 0;
  std::int64_t erased_mentions = 0;
};

// In Space::Meta. The numbers of one partition are different, so that who writes one and who is
// done with another do not meet.
std::string erasures_of(Partition partition);
std::string erasure_key(const Erasure& erasure, std::uint64_t number);
std::string encode(const Erasure& erasure);
Result<Erasure> decode_erasure(std::string_view key, std::string_view value);

// The records of `authors` that prove an erasure, without a name: one a partition, and one when
// everything is done.
//   {"v":1,"erased":HEX,"partition":0,"asked_at":TIME,"messages":3,"mentions":2}
//   {"v":1,"erased":HEX,"asked_at":TIME,"done_at":TIME}
std::string erased_record_key(std::string_view erased_hex, std::optional<Partition> partition);
std::string erased_json(std::string_view erased_hex, const Erasure& erasure);

// A row of Meta of which only the record of `authors` is left to be written: what an Erasure
// becomes once log and files have forgotten.
std::string settled_erasure_key(Partition partition, const KeyedHash& erased, std::uint64_t number);
std::string settled_erasure_value(Time asked_at);

}  // namespace vigie
