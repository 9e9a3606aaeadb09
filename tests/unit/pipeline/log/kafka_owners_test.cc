#include "pipeline/log/kafka_owners.h"

#include <vector>

#include <gtest/gtest.h>

namespace vigie {
namespace {

const std::vector<Partition> kBoth = {Partition{0}, Partition{1}};
const std::vector<Partition> kSecond = {Partition{1}};

struct Writes {
  int count = 0;
  std::function<Result<void>()> once() {
    return [this]() -> Result<void> {
      ++count;
      return {};
    };
  }
};

TEST(KafkaOwners, LetTheOwnerWriteAndNobodyElse) {
  KafkaOwners owners;
  Writes writes;
  owners.take(0, kBoth);
  EXPECT_TRUE(owners.write(0, kBoth, writes.once()));
  EXPECT_EQ(writes.count, 1);
  const auto refused = owners.write(1, kSecond, writes.once());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::Unavailable);
  EXPECT_EQ(writes.count, 1);
}

TEST(KafkaOwners, ForgetWhoHadAPartitionBefore) {
  KafkaOwners owners;
  Writes writes;
  owners.take(0, kBoth);
  owners.take(1, kSecond);
  EXPECT_FALSE(owners.write(0, kBoth, writes.once()));
  EXPECT_TRUE(owners.write(1, kSecond, writes.once()));
  owners.leave(1);
  EXPECT_FALSE(owners.write(1, kSecond, writes.once()));
  EXPECT_EQ(writes.count, 1);
}

TEST(KafkaOwners, LeaveWhatSomebodyHasAlone) {
  KafkaOwners owners;
  Writes writes;
  owners.take(0, kSecond);
  EXPECT_TRUE(owners.write_unowned(Partition{1}, writes.once()));
  EXPECT_EQ(writes.count, 0);
  owners.leave(0);
  EXPECT_TRUE(owners.write_unowned(Partition{1}, writes.once()));
  EXPECT_EQ(writes.count, 1);
}

TEST(KafkaOwners, TakeAtOnceWhatIsBeingWrittenAndTellWhenThatIsOver) {
  KafkaOwners owners;
  Writes writes;
  owners.take(0, kBoth);
  EXPECT_TRUE(owners.write(0, kBoth, [&]() -> Result<void> {
    // As another worker's thread, while the first is in the store.
    owners.take(1, kSecond);
    EXPECT_FALSE(owners.at_rest(kSecond));
    EXPECT_FALSE(owners.write(1, kSecond, writes.once()));
    owners.leave(1);
    EXPECT_TRUE(owners.write_unowned(Partition{1}, writes.once()));
    EXPECT_EQ(writes.count, 0);
    owners.take(1, kSecond);
    return {};
  }));

  EXPECT_TRUE(owners.at_rest(kBoth));
  EXPECT_TRUE(owners.write(1, kSecond, writes.once()));
  EXPECT_EQ(writes.count, 1);
}

TEST(KafkaOwners, AreAtRestAfterAWriteThatFailed) {
  KafkaOwners owners;
  owners.take(0, kSecond);

  EXPECT_FALSE(owners.write(0, kSecond, [] { return fail(Code::Unavailable, "full"); }));

  EXPECT_TRUE(owners.at_rest(kSecond));
}

}  // namespace
}  // namespace vigie
