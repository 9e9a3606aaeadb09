#include "pipeline/run/placement.h"

#include <gtest/gtest.h>

#include "tests/fakes/dealing_log.h"
#include "tests/fakes/scratch_log.h"

namespace vigie {
namespace {

using std::chrono::milliseconds;

class Placing : public testing::Test {
 protected:
  ScratchLog inner_;
  DealingLog log_{*inner_};
  Placement placement_{log_, inner_.store(), "connector.brand"};
};

TEST_F(Placing, IsOursWhileThePartitionIs) {
  log_.deal({{{Partition{0}}}});
  ASSERT_TRUE(placement_.step(milliseconds{0}));

  EXPECT_TRUE(placement_.is_mine());
}

TEST_F(Placing, WhoIsThrownOutByATwinAsksNoMore) {
  log_.deal({{{Partition{0}}}});
  ASSERT_TRUE(placement_.step(milliseconds{0}));
  log_.refuse(Error{Code::Denied, "another process runs with the same instance id"});

  const auto denied = placement_.step(milliseconds{0});

  ASSERT_FALSE(denied);
  EXPECT_EQ(denied.error().code, Code::Denied);
  EXPECT_FALSE(placement_.is_mine());
  log_.refuse(std::nullopt);
  EXPECT_FALSE(placement_.step(milliseconds{0}));
  EXPECT_EQ(log_.opened(), 1U);
}

TEST_F(Placing, ALogThatDoesNotAnswerIsNoReasonToEnd) {
  log_.refuse(Error{Code::Unavailable, "no broker answers"});

  EXPECT_TRUE(placement_.step(milliseconds{0}));
}

}  // namespace
}  // namespace vigie
