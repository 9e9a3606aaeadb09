#include "pipeline/log/merge.h"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace vigie {
namespace {

std::string all_of(Merge<std::string>& merge, bool anyway = false) {
  std::string out;
  while (auto item = merge.pop(anyway)) out += *item;
  return out;
}

TEST(Merge, GivesTheOldestOfAllPartitions) {
  Merge<std::string> merge;
  merge.push(Partition{0}, 1, 1, "a");
  merge.push(Partition{0}, 4, 1, "d");
  merge.push(Partition{1}, 2, 1, "b");
  merge.push(Partition{1}, 3, 1, "c");
  merge.end(Partition{0});
  merge.end(Partition{1});
  EXPECT_EQ(all_of(merge), "abcd");
}

TEST(Merge, WaitsForAPartitionThatMayHaveAnOlderOne) {
  Merge<std::string> merge;
  merge.expect(Partition{0});
  merge.expect(Partition{1});
  merge.push(Partition{0}, 5, 1, "b");
  EXPECT_EQ(all_of(merge), "");
  merge.push(Partition{1}, 4, 1, "a");
  EXPECT_EQ(all_of(merge), "a");
  merge.end(Partition{1});
  EXPECT_EQ(all_of(merge), "b");
}

TEST(Merge, HearsAPartitionAgainThatWasAtItsEnd) {
  Merge<std::string> merge;
  merge.expect(Partition{0});
  merge.end(Partition{0});
  merge.push(Partition{1}, 2, 1, "a");
  merge.push(Partition{1}, 4, 1, "c");
  EXPECT_EQ(merge.pop(false), "a");
  merge.push(Partition{0}, 3, 1, "b");
  EXPECT_EQ(merge.pop(false), "b");
  EXPECT_FALSE(merge.pop(false)) << "the first may have another";
  merge.end(Partition{0});
  EXPECT_EQ(merge.pop(false), "c");
}

TEST(Merge, KeepsTheOrderOfAPartitionWhateverItsTimes) {
  Merge<std::string> merge;
  merge.push(Partition{0}, 9, 1, "a");
  merge.push(Partition{0}, 1, 1, "b");
  merge.push(Partition{1}, 9, 1, "c");
  merge.end(Partition{0});
  merge.end(Partition{1});
  EXPECT_EQ(all_of(merge), "abc");
}

TEST(Merge, GoesOnWithoutWhatDoesNotCome) {
  Merge<std::string> merge;
  merge.expect(Partition{0});
  merge.push(Partition{1}, 1, 1, "a");
  merge.push(Partition{1}, 2, 1, "b");
  EXPECT_EQ(merge.pop(true), "a");
  EXPECT_EQ(merge.pop(false), "b") << "it is not waited for twice";
}

TEST(Merge, CountsTheBytesThatWaitAndForgetsThem) {
  Merge<std::string> merge;
  merge.push(Partition{0}, 1, 10, "a");
  merge.push(Partition{1}, 2, 200, "b");
  EXPECT_EQ(merge.bytes(), 210U);
  merge.drop(Partition{0});
  EXPECT_EQ(merge.bytes(), 200U);
  EXPECT_FALSE(merge.ended(Partition{0}));
  EXPECT_FALSE(merge.pop(false)) << "more of what was dropped is expected";
  merge.end(Partition{0});
  EXPECT_TRUE(merge.ended(Partition{0}));
  EXPECT_FALSE(merge.ended(Partition{1}));
  EXPECT_EQ(merge.pop(false), "b");
  EXPECT_EQ(merge.bytes(), 0U);
}

// However the partitions are fetched, what comes out is the whole in order.
TEST(Merge, IsSortedWhateverTheOrderOfTheFetches) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    constexpr std::size_t kPartitions = 4;
    std::vector<std::vector<int>> partitions(kPartitions);
    for (int time = 0; time < 200; ++time) partitions[random() % kPartitions].push_back(time);
    Merge<int> merge;
    for (std::size_t p = 0; p < kPartitions; ++p) merge.expect(Partition{static_cast<int>(p)});
    std::vector<std::size_t> fetched(kPartitions);
    std::vector<int> out;
    while (out.size() < 200) {
      const std::size_t p = random() % kPartitions;
      const Partition partition{static_cast<int>(p)};
      for (unsigned n = random() % 9; n > 0 && fetched[p] < partitions[p].size(); --n) {
        const int time = partitions[p][fetched[p]++];
        merge.push(partition, time, 1, time);
      }
      if (fetched[p] == partitions[p].size()) merge.end(partition);
      while (auto item = merge.pop(false)) out.push_back(*item);
    }
    EXPECT_TRUE(std::ranges::is_sorted(out)) << "seed " << seed;
  }
}

}  // namespace
}  // namespace vigie
