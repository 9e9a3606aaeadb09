#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "pipeline/core/bytes.h"

namespace vigie {

// About how many different numbers were added, in at most 4 KiB. The numbers have to be spread
// evenly over 64 bits, as hashes are. HyperLogLog of precision 12 (Flajolet et al., 2007): the
// standard error is 1.04/√4096, that is 1.6 %. What was added cannot be taken back.
//
// Equal sets of numbers make equal sketches, in whatever order they come and however they are
// merged.
class HyperLogLog {
 public:
  // True when the sketch is another one now.
  bool add(std::uint64_t hash);
  void merge(const HyperLogLog& other);

  // Rounded to a whole number. The estimator is that of Ertl, "New cardinality estimation
  // algorithms for HyperLogLog sketches" (2017), algorithm 6, which is unbiased at every size.
  std::int64_t estimate() const;

  // With the encodings of bytes.h: few registers as count(varint) (index:u16 value:u8)*, many as a
  // count of kDense and every register.
  void encode(std::string& out) const;
  // Nothing when the bytes are damaged.
  static std::optional<HyperLogLog> decode(ByteReader& in);

  friend bool operator==(const HyperLogLog&, const HyperLogLog&) = default;

 private:
  static constexpr unsigned kPrecision = 12;
  static constexpr std::size_t kRegisters = std::size_t{1} << kPrecision;
  static constexpr unsigned kRankBits = 64 - kPrecision;
  static constexpr std::size_t kDense = kRegisters + 1;
  static constexpr std::size_t kSparse = kRegisters / 3;

  // By the upper bits of a number: one more than the zeros that its other bits begin with, the most
  // of all.
  std::array<std::uint8_t, kRegisters> registers_{};
};

}  // namespace vigie
