#pragma once

#include <cstdint>

namespace vigie {

// The finishing function of SplitMix64: neighbouring numbers give unrelated ones.
constexpr std::uint64_t mix(std::uint64_t value) {
  value += 0x9e3779b97f4a7c15U;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9U;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebU;
  return value ^ (value >> 31);
}

// Numbers that depend on the seed alone, the same on every machine: integers only, and none of the
// standard distributions, whose results differ between libraries.
class Random {
 public:
  explicit constexpr Random(std::uint64_t seed) : state_(seed) {}

  constexpr std::uint64_t next() { return mix(state_++); }
  // From 0 to `count` - 1; 0 when `count` is 0.
  constexpr std::uint64_t below(std::uint64_t count) {
    return static_cast<std::uint64_t>((static_cast<unsigned __int128>(next()) * count) >> 64);
  }
  constexpr bool chance(std::uint64_t per_million) { return below(1'000'000) < per_million; }
  // From `low` to below `low` * 2^octaves, each octave as likely as the other: small values often,
  // large ones seldom.
  constexpr std::uint64_t octaves(std::uint64_t low, unsigned octaves) {
    const std::uint64_t base = low << below(octaves);
    return base + below(base);
  }

 private:
  std::uint64_t state_;
};

}  // namespace vigie
