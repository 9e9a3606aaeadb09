// People at the same item, through the server, the log and the fold as they run.
#include <array>
#include <atomic>
#include <barrier>
#include <thread>

#include <gmock/gmock.h>

#include "pipeline/run/action_desk.h"
#include "pipeline/run/view.h"
#include "tests/fakes/scratch_log.h"
#include "tests/unit/pipeline/api/api_fixture.h"

namespace vigie {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

constexpr int kRounds = 60;
constexpr std::array<const char*, 4> kPeople = {"ana", "bob", "eve", "joe"};

class ClaimRace : public ApiTest {
 protected:
  void SetUp() override {
    desk_ =
        std::make_unique<ActionDesk>(*log_, ActionDesk::Options{[this] { return now_; }, wait_});
    ViewOptions options;
    options.on_action = [this](const ActionOutcome& outcome) { desk_->passed(outcome); };
    auto view = View::open(*log_, log_.store(), view_registry_, options);
    ASSERT_TRUE(view) << view.error().message;
    view_ = std::move(*view);
    act_ = [this](ConversationRecord action) { return desk_->act(std::move(action)); };
  }
  void TearDown() override {
    server_.reset();
    folding_ = {};
  }
  void keep_folding() {
    folding_ = std::jthread([this](const std::stop_token& stop) {
      while (!stop.stop_requested()) (void)view_->step(milliseconds{20});
    });
  }
  void serve() {
    ApiParts all = parts();
    const ViewParts other = view();
    ApiParts mine{.view = ViewParts{.queues = view_->queues(),
                                    .social = other.social,
                                    .community = other.community,
                                    .alerts = other.alerts,
                                    .counters = other.counters,
                                    .author_sets = other.author_sets,
                                    .first_seen = other.first_seen,
                                    .as_of = other.as_of,
                                    .tagged = other.tagged,
                                    .firing = other.firing},
                  .registry = all.registry,
                  .clock = all.clock,
                  .act = act_,
                  .readiness = all.readiness};
    auto started = ApiServer::start(options_, std::move(mine));
    ASSERT_TRUE(started) << started.error().message;
    server_ = std::move(*started);
  }
  void put_item(const std::string& id) {
    ConversationRecord record;
    record.seen_at = record.message.event_time = now_;
    record.message.key = id;
    record.message.queue = "social";
    record.message.priority = "normal";
    Record out;
    out.topic = Topic::Conversations;
    out.key = id;
    append_json(out.value.emplace(), record);
    ASSERT_TRUE(log_->append({out}));
  }
  Answer claim(const std::string& id, const char* who) {
    return ask("POST", fmt::format("/api/v1/items/{}/claim", id),
               "Content-Type: application/json\r\n", fmt::format(R"({{"as":"{}"}})", who));
  }

  milliseconds wait_{10'000};
  ScratchLog log_;
  prometheus::Registry view_registry_;
  std::unique_ptr<ActionDesk> desk_;
  std::unique_ptr<View> view_;
  std::jthread folding_;
};

TEST_F(ClaimRace, OneWinsAndEveryOtherIsToldWho) {
  for (int round = 0; round < kRounds; ++round) put_item(fmt::format("x/{}", round));
  while (view_->step(milliseconds{0}).value_or(0) > 0) {
  }
  keep_folding();
  serve();
  std::array<std::array<Answer, kPeople.size()>, kRounds> answers;
  std::barrier<> together(static_cast<std::ptrdiff_t>(kPeople.size()));
  {
    std::vector<std::jthread> people;
    for (std::size_t person = 0; person < kPeople.size(); ++person) {
      people.emplace_back([&, person] {
        for (int round = 0; round < kRounds; ++round) {
          together.arrive_and_wait();
          answers[static_cast<std::size_t>(round)][person] =
              claim(fmt::format("x%2F{}", round), kPeople[person]);
        }
      });
    }
  }

  for (int round = 0; round < kRounds; ++round) {
    const auto& told = answers[static_cast<std::size_t>(round)];
    const auto won = std::ranges::count(told, 200, &Answer::status);
    const auto lost = std::ranges::count(told, 409, &Answer::status);
    ASSERT_EQ(won, 1) << round;
    ASSERT_EQ(lost, 3) << round;
    const std::string holder = view_->queues().item(fmt::format("x/{}", round))->claimed_by;
    for (std::size_t person = 0; person < kPeople.size(); ++person) {
      EXPECT_EQ(told[person].status == 200, holder == kPeople[person]);
      EXPECT_THAT(told[person].body, HasSubstr(fmt::format(R"("claimed_by":"{}")", holder)));
    }
  }
}

TEST_F(ClaimRace, AnswerOf200SeesItsOwnAction) {
  put_item("x/1");
  while (view_->step(milliseconds{0}).value_or(0) > 0) {
  }
  keep_folding();
  serve();
  EXPECT_THAT(claim("x%2F1", "ana").body, HasSubstr(R"("state":"claimed")"));
}

class SlowFold : public ClaimRace {
 protected:
  SlowFold() { wait_ = milliseconds{1}; }
};

TEST_F(SlowFold, IsAnswered202AndTheClaimHoldsAllTheSame) {
  put_item("x/1");
  while (view_->step(milliseconds{0}).value_or(0) > 0) {
  }
  serve();
  const Answer answer = claim("x%2F1", "ana");
  EXPECT_EQ(answer.status, 202);
  EXPECT_THAT(answer.body, HasSubstr(R"("offset":1)"));
  while (view_->step(milliseconds{0}).value_or(0) > 0) {
  }
  EXPECT_EQ(view_->queues().item("x/1")->claimed_by, "ana");
}

}  // namespace
}  // namespace vigie
