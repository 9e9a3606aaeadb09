#include "pipeline/run/author_fold.h"

#include <gtest/gtest.h>

#include "pipeline/run/changelog.h"
#include "state/author_rows.h"
#include "state/authors.h"
#include "tests/fakes/away_log.h"
#include "tests/fakes/scratch_log.h"

namespace vigie {
namespace {

constexpr Partition kPartition{0};

class FoldingAuthors : public testing::Test {
 protected:
  // What a worker tells of somebody whom it hid or showed again; its own store is not touched.
  void tell(bool hidden) {
    Authors told(log_.store());
    ASSERT_TRUE(told.set_hidden(kPartition, author_, hidden));
    StoreBatch batch;
    ASSERT_TRUE(log_->append(author_records(*log_, told.flush_rows(batch))));
  }
  bool is_hidden() {
    const auto hidden = Authors(log_.store()).hidden(kPartition, author_);
    if (!hidden) ADD_FAILURE() << hidden.error().message;
    return hidden && *hidden;
  }

  ScratchLog log_;
  const AuthorKey author_ = AuthorKeys({}).of("x", "7");
  AuthorFold fold_{*log_, log_.store()};
  const int first_worker_ = 1;
  const int second_worker_ = 2;
};

TEST_F(FoldingAuthors, TakesWhatWorkersElsewhereTell) {
  tell(true);
  ASSERT_TRUE(fold_.step());
  EXPECT_TRUE(is_hidden());
}

TEST_F(FoldingAuthors, LeavesAPartitionToTheWorkerThatHasIt) {
  ASSERT_TRUE(fold_.take(kPartition, &first_worker_, {}));

  // Of the worker's own past: it has shown the author again since.
  tell(true);
  ASSERT_TRUE(fold_.step());

  EXPECT_FALSE(is_hidden());
}

TEST_F(FoldingAuthors, KnowsWhatTheWorkerBeforeItToldWhenAPartitionIsTaken) {
  ASSERT_TRUE(fold_.take(kPartition, &first_worker_, {}));
  tell(true);

  ASSERT_TRUE(fold_.take(kPartition, &second_worker_, {}));

  EXPECT_TRUE(is_hidden());
}

TEST_F(FoldingAuthors, GoesOnWhenAPartitionIsGivenBackByWhoHasIt) {
  ASSERT_TRUE(fold_.take(kPartition, &first_worker_, {}));
  ASSERT_TRUE(fold_.take(kPartition, &second_worker_, {}));
  fold_.give_back(kPartition, &first_worker_);
  tell(true);
  ASSERT_TRUE(fold_.step());
  EXPECT_FALSE(is_hidden());

  fold_.give_back(kPartition, &second_worker_);
  tell(true);
  ASSERT_TRUE(fold_.step());

  EXPECT_TRUE(is_hidden());
}

TEST_F(FoldingAuthors, KeepsNobodyWhoLeftTheTopicWhileThisNodeWasAway) {
  tell(true);
  ASSERT_TRUE(fold_.step());
  const AuthorKey shown = AuthorKeys({}).of("x", "shown");
  const std::string erased = partition_key('e', kPartition, shown);
  StoreBatch batch;
  Authors gone(log_.store());
  ASSERT_TRUE(gone.set_hidden(kPartition, shown, true));
  gone.flush_rows(batch);
  batch.put(Space::Authors, first_seen_key(shown), first_seen_value(Time{}));
  batch.put(Space::Authors, erased, encode(ErasedRow{}));
  ASSERT_TRUE(log_.store().write(batch, Durability::Buffered));
  AwayLog away(*log_);
  away.away = true;
  AuthorFold again(away, log_.store());

  ASSERT_TRUE(again.catch_up({}));

  EXPECT_TRUE(is_hidden());
  EXPECT_EQ(Authors(log_.store()).hidden(kPartition, shown), false);
  EXPECT_EQ(log_.store().get(Space::Authors, first_seen_key(shown)), std::nullopt);
  EXPECT_EQ(log_.store().get(Space::Authors, erased), std::nullopt);
}

TEST_F(FoldingAuthors, IsNotBegunAnewUnderAWorkerThatWritesSomeOfIt) {
  AwayLog log(*log_);
  AuthorFold fold(log, log_.store());
  ASSERT_TRUE(fold.take(kPartition, &first_worker_, {}));
  StoreBatch batch;
  Authors own(log_.store());
  ASSERT_TRUE(own.set_hidden(kPartition, author_, true));
  own.flush_rows(batch);
  ASSERT_TRUE(log_.store().write(batch, Durability::Buffered));
  log.away = true;
  EXPECT_FALSE(fold.step()) << "its reader ends";

  const auto anew = fold.step();

  ASSERT_FALSE(anew);
  EXPECT_EQ(anew.error().code, Code::Unavailable);
  EXPECT_TRUE(is_hidden());
  fold.give_back(kPartition, &first_worker_);
  EXPECT_TRUE(fold.step());
}

}  // namespace
}  // namespace vigie
