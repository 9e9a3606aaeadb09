#include "state/hyperloglog.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>

namespace vigie {
namespace {

// Σ of the paper: what registers that are still empty add.
double sigma(double x) {
  double y = 1;
  double z = x;
  for (double before = -1; z != before;) {
    x *= x;
    before = z;
    z += x * y;
    y += y;
  }
  return z;
}

// τ of the paper: what registers that are full take away.
double tau(double x) {
  if (x == 0 || x == 1) return 0;
  double y = 1;
  double z = 1 - x;
  for (double before = -1; z != before;) {
    x = std::sqrt(x);
    before = z;
    y *= 0.5;
    z -= (1 - x) * (1 - x) * y;
  }
  return z / 3;
}

}  // namespace

bool HyperLogLog::add(std::uint64_t hash) {
  std::uint8_t& highest = registers_[hash >> kRankBits];
  // A bit below those of the rank ends the zeros.
  const std::uint64_t rest = hash << kPrecision | std::uint64_t{1} << (kPrecision - 1);
  const auto rank = static_cast<std::uint8_t>(std::countl_zero(rest) + 1);
  if (rank <= highest) return false;
  highest = rank;
  return true;
}

void HyperLogLog::merge(const HyperLogLog& other) {
  for (std::size_t i = 0; i < kRegisters; ++i)
    registers_[i] = std::max(registers_[i], other.registers_[i]);
}

std::int64_t HyperLogLog::estimate() const {
  std::array<int, kRankBits + 2> count{};  // registers by value
  for (const std::uint8_t value : registers_) ++count[value];
  constexpr auto kAll = static_cast<double>(kRegisters);
  if (count[0] == static_cast<int>(kRegisters)) return 0;
  double z = kAll * tau(1 - count[kRankBits + 1] / kAll);
  for (unsigned value = kRankBits; value >= 1; --value) z = 0.5 * (z + count[value]);
  z += kAll * sigma(count[0] / kAll);
  constexpr double kAlpha = 0.5 / std::numbers::ln2;
  // Full to the last register it says infinitely many.
  constexpr double kMost = 0x1p62;
  return std::llround(std::min(kAlpha * kAll * kAll / z, kMost));
}

void HyperLogLog::encode(std::string& out) const {
  const auto used = static_cast<std::size_t>(
      std::ranges::count_if(registers_, [](std::uint8_t value) { return value != 0; }));
  if (used > kSparse) {
    put_varint(out, kDense);
    out.append(reinterpret_cast<const char*>(registers_.data()), registers_.size());
    return;
  }
  put_varint(out, used);
  for (std::size_t i = 0; i < kRegisters; ++i) {
    if (registers_[i] == 0) continue;
    put_fixed(out, static_cast<std::uint16_t>(i));
    put_fixed(out, registers_[i]);
  }
}

std::optional<HyperLogLog> HyperLogLog::decode(ByteReader& in) {
  HyperLogLog sketch;
  const std::uint64_t used = in.varint();
  if (!in.ok() || (used > kSparse && used != kDense)) return std::nullopt;
  const bool is_dense = used == kDense;
  for (std::size_t i = 0; i < (is_dense ? kRegisters : used); ++i) {
    const std::size_t at = is_dense ? i : in.fixed<std::uint16_t>();
    const auto value = in.fixed<std::uint8_t>();
    if (!in.ok() || at >= kRegisters || value > kRankBits + 1) return std::nullopt;
    sketch.registers_[at] = value;
  }
  return sketch;
}

}  // namespace vigie
