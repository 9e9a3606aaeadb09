#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace vigie {

// Sixteen bytes of text at a time. Two of one kind: by one instruction each where every processor
// of the target has them, and byte by byte elsewhere; a test holds both to the same answers.
class PortableLane {
 public:
  static constexpr std::size_t kSize = 16;

  static PortableLane load(const char* at) {
    PortableLane lane;
    std::memcpy(lane.bytes_.data(), at, kSize);
    return lane;
  }
  void store(char* at) const { std::memcpy(at, bytes_.data(), kSize); }

  // 0xFF for each byte that equals or lies in [low, high], else 0.
  PortableLane equal(std::uint8_t byte) const { return between(byte, byte); }
  PortableLane between(std::uint8_t low, std::uint8_t high) const {
    PortableLane out;
    for (std::size_t i = 0; i < kSize; ++i)
      out.bytes_[i] = bytes_[i] >= low && bytes_[i] <= high ? 0xFF : 0;
    return out;
  }
  PortableLane with_bits(std::uint8_t bits) const {
    PortableLane out;
    for (std::size_t i = 0; i < kSize; ++i)
      out.bytes_[i] = static_cast<std::uint8_t>(bytes_[i] | bits);
    return out;
  }
  PortableLane only_bits(std::uint8_t bits) const {
    PortableLane out;
    for (std::size_t i = 0; i < kSize; ++i)
      out.bytes_[i] = static_cast<std::uint8_t>(bytes_[i] & bits);
    return out;
  }
  friend PortableLane operator|(PortableLane a, const PortableLane& b) {
    for (std::size_t i = 0; i < kSize; ++i)
      a.bytes_[i] = static_cast<std::uint8_t>(a.bytes_[i] | b.bytes_[i]);
    return a;
  }
  // Bit i: the highest bit of byte i.
  std::uint32_t high_bits() const {
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < kSize; ++i) bits |= std::uint32_t{bytes_[i]} >> 7 << i;
    return bits;
  }

 private:
  std::array<std::uint8_t, kSize> bytes_ = {};
};

#ifdef __SSE2__
class Sse2Lane {
 public:
  static constexpr std::size_t kSize = 16;

  static Sse2Lane load(const char* at) {
    Sse2Lane lane;
    std::memcpy(&lane.bytes_, at, kSize);
    return lane;
  }
  void store(char* at) const { std::memcpy(at, &bytes_, kSize); }

  Sse2Lane equal(std::uint8_t byte) const { return {_mm_cmpeq_epi8(bytes_, all(byte))}; }
  Sse2Lane between(std::uint8_t low, std::uint8_t high) const {
    const __m128i from_low = _mm_sub_epi8(bytes_, all(low));
    return {_mm_cmpeq_epi8(_mm_min_epu8(from_low, all(static_cast<std::uint8_t>(high - low))),
                           from_low)};
  }
  Sse2Lane with_bits(std::uint8_t bits) const { return {_mm_or_si128(bytes_, all(bits))}; }
  Sse2Lane only_bits(std::uint8_t bits) const { return {_mm_and_si128(bytes_, all(bits))}; }
  friend Sse2Lane operator|(Sse2Lane a, Sse2Lane b) { return {_mm_or_si128(a.bytes_, b.bytes_)}; }
  std::uint32_t high_bits() const { return static_cast<std::uint32_t>(_mm_movemask_epi8(bytes_)); }

 private:
  Sse2Lane() = default;
  Sse2Lane(__m128i bytes) : bytes_(bytes) {}
  static __m128i all(std::uint8_t byte) { return _mm_set1_epi8(static_cast<char>(byte)); }

  __m128i bytes_ = {};
};
using Lane = Sse2Lane;
#else
using Lane = PortableLane;
#endif

// With A to Z as a to z.
template <class AnyLane>
AnyLane lower_case(AnyLane lane) {
  return lane | lane.between('A', 'Z').only_bits(0x20);
}

// ASCII letters, digits and underscores, a bit each.
template <class AnyLane>
std::uint32_t name_bits(AnyLane lane) {
  return (lane.with_bits(0x20).between('a', 'z') | lane.between('0', '9') | lane.equal('_'))
      .high_bits();
}

}  // namespace vigie
