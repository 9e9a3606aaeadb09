#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipeline/core/clock.h"
#include "pipeline/log/event_log.h"

namespace vigie {

// The last record of each transaction in each partition it read: where to go on, and what a reader
// of the changelog may check. It lies in `ledger`, under a key of its own.
//   0x01 next:u64 sequence:u64 records:u32 checksum:u64 stream_time:i64 rules:text
//        count:varint (key:text value:text)*
struct KafkaCommit {
  Offset next = 0;             // first offset of `mentions` that is not in it
  std::uint64_t sequence = 0;  // one more than that of the commit before
  std::uint32_t records = 0;   // of this transaction in this partition of `ledger`, but for this
  std::uint64_t checksum = 0;  // of their keys and values, in order
  Time stream_time{};
  std::string rules;                                      // version
  std::vector<std::pair<std::string, std::string>> rows;  // of Space::Meta
  friend bool operator==(const KafkaCommit&, const KafkaCommit&) = default;
};
constexpr std::string_view kCommitKey = "\x03";

std::string encode(const KafkaCommit& commit);
// Nothing when the bytes are damaged or of a newer format.
std::optional<KafkaCommit> decode_commit(std::string_view bytes);

// What a commit says of the records before it.
class CommitChecksum {
 public:
  void add(std::string_view key, std::optional<std::string_view> value);
  std::uint32_t records() const { return records_; }
  std::uint64_t value() const { return value_; }

 private:
  std::uint32_t records_ = 0;
  std::uint64_t value_ = 0;
};

}  // namespace vigie
