#include "pipeline/run/handover.h"

#include <array>

#include <gtest/gtest.h>

#include "tests/fakes/scratch_log.h"

namespace vigie {
namespace {

using std::chrono::hours;

const Time kAt = *parse_time("2026-11-20T12:00:00Z");

class HandoverTest : public ::testing::Test {
 protected:
  void mark(bool whole) {
    ASSERT_TRUE(log_->append(
        {handover_record(*log_, {.whole = whole, .at = kAt, .authors = secret_mark(keys_)})}));
  }
  void hand_over(std::string_view saved) {
    ASSERT_TRUE(log_->append(detector_records(*log_, saved)));
  }
  std::optional<std::string> handed_over(Time now) {
    const auto saved = handed_over_detector(*log_, now);
    if (!saved) ADD_FAILURE() << saved.error().message;
    return saved ? *saved : std::nullopt;
  }

  ScratchLog log_;
  const AuthorKeys keys_{std::array<std::uint8_t, 32>{1}};
};

TEST_F(HandoverTest, AnExportThatHasBegunIsRefusedUntilItIsWhole) {
  EXPECT_TRUE(check_handover(*log_, keys_, "vigie."));

  mark(false);
  const auto begun = check_handover(*log_, keys_, "vigie.");
  mark(true);

  ASSERT_FALSE(begun);
  EXPECT_EQ(begun.error().code, Code::Invalid);
  EXPECT_TRUE(begun.error().message.contains("began at 2026-11-20T12:00:00"))
      << begun.error().message;
  EXPECT_TRUE(check_handover(*log_, keys_, "vigie."));
}

TEST_F(HandoverTest, AnotherSecretOfAuthorKeysIsRefused) {
  mark(true);

  const AuthorKeys others(std::array<std::uint8_t, 32>{2});

  EXPECT_TRUE(check_whole(*log_, "vigie."));
  EXPECT_FALSE(check_handover(*log_, others, "vigie."));
}

TEST_F(HandoverTest, DetectorsGetWhatWasSavedInPartsUntilItIsTooOld) {
  std::string saved(1'300'000, 'a');
  saved.back() = 'z';
  mark(true);
  hand_over(saved);

  EXPECT_TRUE(handed_over(kAt) == saved);
  EXPECT_FALSE(handed_over(kAt + hours{39 * 24}));
}

TEST_F(HandoverTest, NothingIsHandedOverTwiceOnceItIsDropped) {
  mark(true);
  hand_over(std::string(1'300'000, 'a'));

  ASSERT_TRUE(drop_handed_over_detector(*log_));

  EXPECT_FALSE(handed_over(kAt));
  for (const char part : {'0', '1', '2'}) {
    const auto left = log_->latest(Topic::Alerts, std::string("\x02surge/") + part);
    ASSERT_TRUE(left);
    EXPECT_FALSE(*left);
  }
}

}  // namespace
}  // namespace vigie
