#include "state/hyperloglog.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace vigie {
namespace {

// 1.04 / √4096
constexpr double kStandardError = 0.01625;

std::vector<std::uint64_t> numbers(std::uint64_t seed, std::size_t count) {
  std::mt19937_64 random(seed);
  std::vector<std::uint64_t> out(count);
  for (std::uint64_t& one : out) one = random();
  return out;
}

HyperLogLog sketch_of(const std::vector<std::uint64_t>& numbers) {
  HyperLogLog sketch;
  for (const std::uint64_t one : numbers) sketch.add(one);
  return sketch;
}

HyperLogLog merged(HyperLogLog a, const HyperLogLog& b) {
  a.merge(b);
  return a;
}

std::optional<HyperLogLog> stored_and_read(const HyperLogLog& sketch, std::size_t& bytes) {
  std::string out;
  sketch.encode(out);
  bytes = out.size();
  ByteReader in(out);
  auto read = HyperLogLog::decode(in);
  EXPECT_TRUE(in.at_end());
  return read;
}

// Exact sets are the second opinion: numbers come again and again, as authors do.
TEST(HyperLogLog, IsAsFarFromExactSetsAsItsStandardErrorSays) {
  constexpr int kSeeds = 1000;
  for (const std::size_t size : {257UL, 1'000UL, 5'000UL, 10'000UL}) {
    double sum = 0;
    double squares = 0;
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
      std::vector<std::uint64_t> some = numbers(seed * 1'000'003 + size, size);
      some.insert(some.end(), some.begin(), some.begin() + static_cast<std::ptrdiff_t>(size / 2));
      const auto found = static_cast<double>(sketch_of(some).estimate());
      std::ranges::sort(some);
      const auto repeated = std::ranges::unique(some);
      const auto truth = static_cast<double>(repeated.begin() - some.begin());
      const double error = (found - truth) / truth;
      ASSERT_LT(std::abs(error), 5 * kStandardError) << size << " numbers, seed " << seed;
      sum += error;
      squares += error * error;
    }
    EXPECT_LT(std::abs(sum / kSeeds), 5 * kStandardError / std::sqrt(kSeeds)) << size << ": bias";
    EXPECT_LT(std::sqrt(squares / kSeeds), 1.1 * kStandardError) << size;
  }
}

TEST(HyperLogLog, OfNothingIsZeroAndOfFewIsNearlyExact) {
  EXPECT_EQ(HyperLogLog().estimate(), 0);
  EXPECT_EQ(sketch_of(numbers(1, 1)).estimate(), 1);
  EXPECT_NEAR(static_cast<double>(sketch_of(numbers(2, 100)).estimate()), 100, 3);
}

TEST(HyperLogLog, TakesEveryNumber) {
  HyperLogLog sketch;
  EXPECT_TRUE(sketch.add(0));
  EXPECT_TRUE(sketch.add(~std::uint64_t{0}));
  EXPECT_FALSE(sketch.add(0));
  // A register cannot hold more than a number of zeros alone brings.
  for (std::uint64_t i = 0; i < 4096; ++i) sketch.add(i << 52);
  EXPECT_EQ(sketch.estimate(), std::int64_t{1} << 62);
}

TEST(HyperLogLog, DoesNotMindOrderRepetitionAndGrouping) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    std::vector<std::uint64_t> all = numbers(seed, 900);
    const std::vector<std::uint64_t> first(all.begin(), all.begin() + 400);
    const std::vector<std::uint64_t> second(all.begin() + 300, all.begin() + 700);
    const std::vector<std::uint64_t> third(all.begin() + 650, all.end());
    const HyperLogLog a = sketch_of(first);
    const HyperLogLog b = sketch_of(second);
    const HyperLogLog c = sketch_of(third);

    ASSERT_EQ(merged(a, b), merged(b, a));
    ASSERT_EQ(merged(merged(a, b), c), merged(a, merged(b, c)));
    ASSERT_EQ(merged(a, a), a);
    ASSERT_EQ(merged(merged(a, b), c), sketch_of(all));
    std::shuffle(all.begin(), all.end(), std::mt19937_64(seed));
    ASSERT_EQ(sketch_of(all), merged(merged(c, b), a));
  }
}

TEST(HyperLogLog, IsStoredInFewBytesAndReadBack) {
  std::size_t few = 0;
  std::size_t many = 0;
  const HyperLogLog small = sketch_of(numbers(3, 300));
  const HyperLogLog large = sketch_of(numbers(4, 100'000));
  EXPECT_EQ(stored_and_read(small, few), small);
  EXPECT_EQ(stored_and_read(large, many), large);
  EXPECT_LT(few, 1000U);
  EXPECT_LT(many, 4100U);
}

TEST(HyperLogLog, RefusesDamagedBytes) {
  std::string bytes;
  sketch_of(numbers(5, 300)).encode(bytes);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    ByteReader in(std::string_view(bytes).substr(0, size));
    ASSERT_FALSE(HyperLogLog::decode(in)) << size;
  }
  for (const std::string_view bad : {std::string_view("\x01\x10\x00\x01", 4),   // register 4096
                                     std::string_view("\x01\x00\x00\x36", 4),   // rank 54
                                     std::string_view("\xff\xff\xff\x07", 4)})  // too many
  {
    ByteReader in(bad);
    EXPECT_FALSE(HyperLogLog::decode(in)) << static_cast<int>(bad[3]);
  }
}

}  // namespace
}  // namespace vigie
