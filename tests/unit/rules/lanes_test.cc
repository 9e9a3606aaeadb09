#include "rules/lanes.h"

#include <array>
#include <cstddef>
#include <cstdint>

#include <gtest/gtest.h>

namespace vigie {
namespace {

using Bytes = std::array<char, Lane::kSize>;

template <class AnyLane>
Bytes bytes_of(AnyLane lane) {
  Bytes bytes = {};
  lane.store(bytes.data());
  return bytes;
}

// Each of the 256 bytes once, in sixteen lanes.
Bytes sixteen_from(std::size_t first) {
  Bytes bytes = {};
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(first + i);
  return bytes;
}

bool same(Lane a, PortableLane b) {
  return bytes_of(a) == bytes_of(b) && a.high_bits() == b.high_bits();
}

TEST(Lanes, BothKindsAgreeOnEveryByte) {
  for (std::size_t first = 0; first < 256; first += Lane::kSize) {
    const Bytes bytes = sixteen_from(first);
    const Lane lane = Lane::load(bytes.data());
    const PortableLane portable = PortableLane::load(bytes.data());
    EXPECT_TRUE(same(lane, portable));
    EXPECT_TRUE(same(lower_case(lane), lower_case(portable)));
    EXPECT_EQ(name_bits(lane), name_bits(portable));
    for (std::size_t low = 0; low < 256; ++low) {
      const auto byte = static_cast<std::uint8_t>(low);
      EXPECT_TRUE(same(lane.equal(byte), portable.equal(byte)));
      EXPECT_TRUE(same(lane.with_bits(byte), portable.with_bits(byte)));
      EXPECT_TRUE(same(lane.only_bits(byte), portable.only_bits(byte)));
      EXPECT_TRUE(same(lane | lane.equal(byte), portable | portable.equal(byte)));
      for (std::size_t high = low; high < 256; high += 5) {
        EXPECT_TRUE(same(lane.between(byte, static_cast<std::uint8_t>(high)),
                         portable.between(byte, static_cast<std::uint8_t>(high))));
      }
    }
  }
}

TEST(Lanes, TellNamesAndLowerCase) {
  const Bytes bytes = {'a', 'Z', '0', '9', '_',  '@', '[',    '`',
                       '{', '/', ':', ' ', '\0', '-', '\x80', '\xDF'};
  const Lane lane = Lane::load(bytes.data());

  EXPECT_EQ(name_bits(lane), 0x1FU);
  Bytes lower = bytes;
  lower[1] = 'z';
  EXPECT_EQ(bytes_of(lower_case(lane)), lower);
}

}  // namespace
}  // namespace vigie
