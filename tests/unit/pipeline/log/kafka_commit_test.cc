#include "pipeline/log/kafka_commit.h"

#include <gtest/gtest.h>

namespace vigie {
namespace {

KafkaCommit sample() {
  KafkaCommit commit;
  commit.next = 1'234'567'890'123;
  commit.sequence = 42;
  commit.records = 7;
  commit.checksum = 0xfedcba9876543210U;
  commit.stream_time = *parse_time("2026-11-20T12:00:00.000001Z");
  commit.rules = "0123456789abcdef";
  commit.rows = {{std::string("\x01s\0\0", 4), "value"}, {"other", ""}};
  return commit;
}

CommitChecksum sum_of(
    const std::vector<std::pair<std::string, std::optional<std::string>>>& records) {
  CommitChecksum sum;
  for (const auto& [key, value] : records) sum.add(key, value);
  return sum;
}

TEST(KafkaCommit, ComesBackFromItsBytes) {
  EXPECT_EQ(decode_commit(encode(sample())), sample());
  EXPECT_EQ(decode_commit(encode(KafkaCommit{})), KafkaCommit{});
}

TEST(KafkaCommit, IsNoneWhenCutLongerOrNewer) {
  const std::string bytes = encode(sample());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_commit(bytes.substr(0, size))) << size;
  }
  EXPECT_FALSE(decode_commit(bytes + "x"));
  EXPECT_FALSE(decode_commit("\x02" + bytes.substr(1)));
}

TEST(CommitChecksum, SeesOrderTombstonesAndWhatIsMissing) {
  const auto whole = sum_of({{"a", "1"}, {"b", std::nullopt}, {"c", ""}});

  EXPECT_EQ(whole.records(), 3U);
  EXPECT_EQ(whole.value(), sum_of({{"a", "1"}, {"b", std::nullopt}, {"c", ""}}).value());
  EXPECT_NE(whole.value(), sum_of({{"b", std::nullopt}, {"a", "1"}, {"c", ""}}).value());
  EXPECT_NE(whole.value(), sum_of({{"a", "1"}, {"b", ""}, {"c", ""}}).value());
  EXPECT_NE(whole.value(), sum_of({{"a", "1"}, {"b", std::nullopt}}).value());
}

}  // namespace
}  // namespace vigie
