#include "pipeline/core/ids.h"

#include <set>

#include <gtest/gtest.h>

namespace vigie {
namespace {

TEST(NetworkName, IsLowerCaseLettersDigitsAndUnderscores) {
  EXPECT_TRUE(is_network_name("x"));
  EXPECT_TRUE(is_network_name("my_forum2"));
  EXPECT_TRUE(is_network_name("a" + std::string(31, 'b')));
  EXPECT_FALSE(is_network_name(""));
  EXPECT_FALSE(is_network_name("X"));
  EXPECT_FALSE(is_network_name("2x"));
  EXPECT_FALSE(is_network_name("_x"));
  EXPECT_FALSE(is_network_name("a-b"));
  EXPECT_FALSE(is_network_name("a/b"));
  EXPECT_FALSE(is_network_name("a" + std::string(32, 'b')));
}

TEST(RuleId, IsLettersDigitsUnderscoresDotsAndDashes) {
  EXPECT_TRUE(is_rule_id("Summer_build-2.0"));
  EXPECT_TRUE(is_rule_id(std::string(128, 'a')));
  EXPECT_FALSE(is_rule_id(""));
  EXPECT_FALSE(is_rule_id("a b"));
  EXPECT_FALSE(is_rule_id("été"));
  EXPECT_FALSE(is_rule_id(std::string(129, 'a')));
}

// Expected values: murmur2 of Kafka's Java client for the same bytes.
TEST(PartitionOf, AgreesWithKafkasOwnPartitioner) {
  const auto hash = [](std::string_view key) { return number(partition_of(key, 0x7fffffff)); };
  EXPECT_EQ(hash("21"), (-973932308 & 0x7fffffff));
  EXPECT_EQ(hash("foobar"), (-790332482 & 0x7fffffff));
  EXPECT_EQ(hash("a-little-bit-long-string"), (-985981536 & 0x7fffffff));
  EXPECT_EQ(hash("a-little-bit-longer-string"), (-1486304829 & 0x7fffffff));
  EXPECT_EQ(hash("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8"), (-58897971 & 0x7fffffff));
  EXPECT_EQ(hash("abc"), (479470107 & 0x7fffffff));
}

TEST(PartitionOf, UsesEveryPartition) {
  std::set<std::int32_t> used;
  for (int i = 0; i < 1000; ++i) used.insert(number(partition_of("x/" + std::to_string(i), 12)));
  EXPECT_EQ(used.size(), 12U);
  EXPECT_EQ(*used.begin(), 0);
  EXPECT_EQ(*used.rbegin(), 11);
}

TEST(AuthorKeys, ArePartOfAnHmacOfNetworkAndId) {
  const AuthorKeys zero(std::array<std::uint8_t, 32>{});
  std::array<std::uint8_t, 32> other_secret{};
  other_secret[31] = 1;
  const AuthorKeys other(other_secret);

  EXPECT_EQ(zero.of("x", "42"), zero.of("x", "42"));
  EXPECT_NE(zero.of("x", "42"), zero.of("x", "43"));
  EXPECT_NE(zero.of("x", "42"), zero.of("bluesky", "42"));
  EXPECT_NE(zero.of("x", "42"), other.of("x", "42"));
  EXPECT_EQ(hex(zero.of("x", "42")).size(), 32U);
}

TEST(AuthorKeys, AreTheFirstSixteenBytesOfHmacSha256) {
  const AuthorKeys zero(std::array<std::uint8_t, 32>{});

  EXPECT_EQ(hex(zero.of("x", "42")), "d8c19572081aae945ca18a4f61cb2984");
}

}  // namespace
}  // namespace vigie
