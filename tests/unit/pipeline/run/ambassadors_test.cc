// What an ambassador's messages and answers count, and what is left of whom they answered.
#include <gtest/gtest.h>

#include "pipeline/run/apply.h"
#include "tests/fakes/apply_world.h"
#include "tests/unit/pipeline/run/apply_ops.h"

namespace vigie {
namespace {

TEST(Ambassadors, CountByWhomTheyAnswer) {
  ApplyWorld world;
  Mention answer = acme_mention("1", "sorry to hear that", kNow);
  answer.author.id = "ana-id";
  answer.author.handle = "ana";
  answer.in_reply_to = "0";
  answer.in_reply_to_author = Person{"fan", "fan"};
  Mention thanks = acme_mention("2", "acme is lovely, thank you", kNow);
  thanks.author.id = "fan";
  thanks.in_reply_to_author = Person{"ana-id", "Ana"};
  world.give({answer, thanks});

  const KeyedHash hash = erased(world.keys().of("x", "fan"));
  const std::string fan = hex(hash);
  EXPECT_EQ(world.total(Dimension::Ambassador, "x:@ana", Measure::Own), 1);
  EXPECT_EQ(world.mentions(Dimension::Ambassador, "x:@ana"), 1);
  EXPECT_EQ(world.total(Dimension::AmbassadorAuthor, "x:@ana×" + fan, Measure::Own), 1);
  EXPECT_EQ(world.mentions(Dimension::AuthorBrand, fan + "×acme"), 1);
}

TEST(Ambassadors, AnErasedAuthorLeavesNoHoursOfTheBrand) {
  ApplyWorld world;
  world.give(by(acme_mention("1", "acme is lovely", kNow), "fan"));
  // Freezes the hour, so that taking back leaves it.
  world.give(by(acme_mention("2", "acme is lovely", kNow + std::chrono::days{36}), "other"));
  const KeyedHash hash = erased(world.keys().of("x", "fan"));
  const std::string fan = hex(hash) + "×acme";
  ASSERT_EQ(world.mentions(Dimension::AuthorBrand, fan), 1);

  world.give(acme_author_op(Op::EraseAuthor, "fan", kNow + std::chrono::days{36}));

  EXPECT_EQ(world.mentions(Dimension::AuthorBrand, fan), 0);
}

TEST(Ambassadors, AnswerNobodyInWhatTheyWroteThemselves) {
  ApplyWorld world;
  Mention more = acme_mention("2", "and another thing", kNow);
  more.author = {.id = "ana-id", .handle = "ana"};
  more.in_reply_to = "1";
  more.in_reply_to_author = Person{"ana-id", "ana"};
  world.give(more);

  EXPECT_EQ(world.total(Dimension::Ambassador, "x:@ana", Measure::Own), 1);
  const std::string self = hex(erased(world.keys().of("x", "ana-id")));
  EXPECT_EQ(world.total(Dimension::AmbassadorAuthor, "x:@ana×" + self, Measure::Own), 0);
}

}  // namespace
}  // namespace vigie
