// The counters against a recount of the ledger, after random operations.
#include "state/recount.h"

#include <random>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/fakes/apply_world.h"

namespace vigie {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

const Time kNow = *parse_time("2026-11-20T12:00:00Z");

struct Mix {
  int ids = 5;
  int ops = 60;
  bool deletes = true;
};

class RandomOps {
 public:
  RandomOps(std::uint64_t seed, const Mix& mix) : random_(seed), mix_(mix) {}

  Mention next() {
    now_ += seconds{below(1200)};
    // Some records come with an older receipt, as from a second connector.
    const Time seen_at = now_ - minutes{below(5) == 0 ? below(90) : 0};
    const std::string id = std::to_string(below(mix_.ids));
    const int what = below(100);
    if (what < 30) return message(Op::Create, id, seen_at);
    if (what < 55) return message(Op::Update, id, seen_at);
    if (what < 75) return engagement(id, seen_at);
    if (what < 80 && mix_.deletes) return acme_op(Op::Delete, id, seen_at);
    if (what < 87) return acme_op(Op::Hide, id, seen_at);
    if (what < 94) return acme_op(Op::Unhide, id, seen_at);
    const Op op =
        std::array{Op::HideAuthor, Op::UnhideAuthor, Op::EraseAuthor}[index(mix_.deletes ? 3 : 2)];
    return acme_author_op(op, std::to_string(below(2)), seen_at);
  }

 private:
  int below(int limit) { return std::uniform_int_distribution<int>(0, limit - 1)(random_); }
  std::size_t index(int limit) { return static_cast<std::size_t>(below(limit)); }

  Mention message(Op op, const std::string& id, Time seen_at) {
    static const std::array<std::string, 6> kTexts = {
        "nothing", "acme", "acme is late", "why is it delayed?", "love acme", "another one"};
    Mention mention = acme_mention(id, kTexts[index(6)], seen_at);
    mention.op = op;
    mention.version = below(4);
    // An id keeps its author, as everywhere.
    mention.author.id = std::to_string((id.back() - '0') % 2);
    mention.created_at = seen_at - minutes{below(600)};
    if (below(3) == 0) mention.engagement.likes = below(50);
    if (below(3) == 0) mention.author.handle = "ana";
    if (below(2) == 0) mention.hashtags = {{"One", "#two", "one"}};
    if (below(2) == 0) mention.links = {{"https://a.example/1", "https://a.example/1"}};
    if (below(2) == 0) mention.place = Place{.country = "FR", .city = below(2) == 0 ? "Lyon" : ""};
    if (below(4) == 0) mention.campaign = "summer";
    if (below(8) == 0) mention.ambassador = "ana-code";
    return mention;
  }

  Mention engagement(const std::string& id, Time seen_at) {
    Mention mention = acme_op(Op::Engagement, id, seen_at);
    if (below(2) == 0) mention.engagement.likes = below(50);
    if (below(2) == 0) mention.engagement.views = below(5000);
    return mention;
  }

  std::mt19937_64 random_;
  const Mix mix_;
  Time now_ = kNow;
};

void run(std::uint64_t seed, const Mix& mix, std::uint64_t& compared) {
  SCOPED_TRACE(fmt::format("seed {}", seed));
  ApplyWorld world;
  RandomOps source(seed, mix);
  std::mt19937_64 random(~seed);
  std::vector<Mention> batch;
  const auto give = [&] {
    if (!batch.empty()) world.give(batch);
    batch.clear();
  };
  for (int i = 0; i < mix.ops; ++i) {
    Mention mention = source.next();
    const bool alone = is_author_wide(mention.op);
    if (alone) give();
    batch.push_back(std::move(mention));
    if (alone || random() % 4 == 0) give();
  }
  give();

  std::vector<std::string> differences;
  const auto done = recount(world.store(), {.max_held = 100}, [&](const Difference& difference) {
    differences.push_back(to_text(difference));
  });
  ASSERT_TRUE(done) << done.error().message;
  ASSERT_EQ(differences, std::vector<std::string>{});
  compared += done->buckets;
  const Recount recounted = world.recount();
  ASSERT_EQ(recounted.hours, hour_counts(world.store()));
  ASSERT_EQ(recounted.author_sets, author_sets(world.store()));
}

TEST(LedgerRecount, EqualsTheCountersAfterAnyOperations) {
  std::uint64_t compared = 0;
  for (std::uint64_t seed = 1; seed <= 100 && !::testing::Test::HasFailure(); ++seed) {
    run(seed, {}, compared);
  }
  EXPECT_GT(compared, 1000U);
}

TEST(LedgerRecount, EqualsTheCountersWhenJournalsAreMerged) {
  std::uint64_t compared = 0;
  for (std::uint64_t seed = 1; seed <= 20 && !::testing::Test::HasFailure(); ++seed) {
    run(seed, {.ids = 2, .ops = 400, .deletes = false}, compared);
  }
  EXPECT_GT(compared, 100U);
}

}  // namespace
}  // namespace vigie
