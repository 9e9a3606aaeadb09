#include "pipeline/log/embedded_log.h"

#include <gtest/gtest.h>

#include "tests/fakes/scratch_store.h"

namespace vigie {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;

class Trimming : public testing::Test {
 protected:
  void open() {
    options_.durability = Durability::Buffered;
    options_.clock = [this] { return now_; };
    auto opened = EmbeddedLog::open(options_, *store_);
    ASSERT_TRUE(opened) << opened.error().message;
    log_ = std::move(*opened);
  }
  void write(Topic topic, const std::string& key, std::string value = "value") {
    Record record;
    record.topic = topic;
    record.key = key;
    record.value = std::move(value);
    const auto written = log_->append({record});
    ASSERT_TRUE(written) << written.error().message;
  }
  std::unique_ptr<LogReader> reader(Topic topic, const std::string& group) {
    auto reader = log_->read(topic, {.group = group}, *store_);
    if (!reader) std::abort();
    return std::move(*reader);
  }
  // The keys that a group reads and commits now.
  std::vector<std::string> read(LogReader& reader, std::size_t max = 1000) {
    const auto polled = reader.poll(max, milliseconds{0});
    std::vector<std::string> keys;
    if (!polled) ADD_FAILURE() << polled.error().message;
    if (!polled || polled->empty()) return keys;
    Effects effects;
    for (const LogRecord& record : *polled) keys.emplace_back(record.key);
    effects.next.emplace_back(Partition{0}, polled->back().offset + 1);
    EXPECT_TRUE(reader.commit(std::move(effects)));
    return keys;
  }
  // Trimming is done by who writes in a new minute.
  void pass(std::chrono::microseconds time) {
    now_ += time;
    write(Topic::Deadletter, "tick");
  }
  std::size_t rows(Space space) {
    std::size_t rows = 0;
    EXPECT_TRUE(store_->scan(space, "", "", [&](std::string_view, std::string_view) {
      ++rows;
      return true;
    }));
    return rows;
  }

  Time now_ = *parse_time("2026-11-20T12:00:00Z");
  EmbeddedOptions options_;
  ScratchStore store_;
  std::unique_ptr<EmbeddedLog> log_;
};

TEST_F(Trimming, DropsReadMentionsThatArePastTheirAge) {
  options_.mentions_retention = hours{2};
  open();
  const auto worker = reader(Topic::Mentions, "worker");
  write(Topic::Mentions, "x/1");
  pass(minutes{1});
  write(Topic::Mentions, "x/2");
  read(*worker);

  pass(hours{1});
  EXPECT_EQ(read(*reader(Topic::Mentions, "other")), (std::vector<std::string>{"x/1", "x/2"}));
  pass(hours{1});
  EXPECT_EQ(read(*reader(Topic::Mentions, "third")), std::vector<std::string>{"x/2"});
}

TEST_F(Trimming, TellsWhenRecordsWereWritten) {
  open();
  const Time began = now_;
  write(Topic::Mentions, "x/1");
  pass(minutes{5});
  write(Topic::Mentions, "x/2");
  write(Topic::Mentions, "x/3");
  pass(minutes{5});

  const auto ages = log_->ages(Topic::Mentions, Partition{0});

  ASSERT_TRUE(ages);
  const std::vector<std::pair<Offset, Time>> expected = {
      {1, began}, {1, began + minutes{5}}, {3, began + minutes{10}}};
  EXPECT_EQ(*ages, expected);
  EXPECT_TRUE(log_->ages(Topic::Cursors, Partition{0})->empty());
}

TEST_F(Trimming, DropsReadMentionsBeyondTheSizeLimit) {
  options_.mentions_max_bytes = 5000;
  open();
  const auto worker = reader(Topic::Mentions, "worker");
  for (int i = 0; i < 10; ++i) {
    write(Topic::Mentions, std::to_string(i), std::string(1000, 'v'));
    pass(minutes{1});
  }
  read(*worker);

  pass(minutes{1});

  const std::vector<std::string> kept = read(*reader(Topic::Mentions, "other"));
  EXPECT_LE(kept.size(), 5U);
  EXPECT_GE(kept.size(), 3U);
  EXPECT_EQ(kept.back(), "9");
}

TEST_F(Trimming, KeepsWhatTheWorkerHasNotReadHoweverOldOrLarge) {
  options_.mentions_retention = hours{2};
  options_.mentions_max_bytes = 100;
  open();
  write(Topic::Mentions, "x/1", std::string(1000, 'v'));
  pass(minutes{1});
  write(Topic::Mentions, "x/2", std::string(1000, 'v'));

  // As a wall clock that is set four days ahead.
  pass(hours{96});
  pass(minutes{1});
  const auto worker = reader(Topic::Mentions, "worker");
  EXPECT_EQ(read(*worker, 1), std::vector<std::string>{"x/1"});

  pass(minutes{1});
  EXPECT_EQ(read(*reader(Topic::Mentions, "worker")), std::vector<std::string>{"x/2"});
}

TEST_F(Trimming, DropsTheTextOfTaggedRecordsPastTheirAge) {
  open();
  write(Topic::Tagged, "x/1");
  pass(minutes{1});

  pass(info(Topic::Tagged).retention + minutes{1});

  EXPECT_FALSE(*log_->latest(Topic::Tagged, "x/1"));
}

TEST_F(Trimming, ACursorThatIsSavedOftenTakesOneRow) {
  open();
  for (int i = 0; i < 50; ++i) write(Topic::Cursors, "forum", "page " + std::to_string(i));
  std::vector<Record> together(20);
  for (Record& record : together) {
    record.topic = Topic::Cursors;
    record.key = "forum";
    record.value = "page 99";
  }
  ASSERT_TRUE(log_->append(together));

  EXPECT_EQ(rows(Space::Log), 1U);
  EXPECT_EQ(*log_->latest(Topic::Cursors, "forum"), "page 99");
  const auto all = reader(Topic::Cursors, "any");
  EXPECT_EQ(read(*all).size(), 1U);
}

TEST_F(Trimming, APollIsBoundedByBytes) {
  open();
  for (int i = 0; i < 40; ++i) {
    write(Topic::Mentions, std::to_string(i), std::string(std::size_t{1} << 20, 'v'));
  }
  const auto worker = reader(Topic::Mentions, "worker");

  const std::size_t first = read(*worker).size();

  EXPECT_GE(first, 15U);
  EXPECT_LE(first, 17U);
  EXPECT_EQ(read(*worker).front(), std::to_string(first));
}

TEST_F(Trimming, ADamagedOffsetIsSaidAndNotReadAsZero) {
  open();
  write(Topic::Mentions, "x/1");
  read(*reader(Topic::Mentions, "worker"));
  log_.reset();
  std::string key;
  ASSERT_TRUE(
      store_->scan(Space::Meta, "\x01o", "\x01p", [&](std::string_view at, std::string_view) {
        key = at;
        return true;
      }));
  StoreBatch batch;
  batch.put(Space::Meta, key, "short");
  ASSERT_TRUE(store_->write(batch, Durability::Buffered));
  open();

  const auto worker = log_->read(Topic::Mentions, {.group = "worker"}, *store_);

  ASSERT_FALSE(worker);
  EXPECT_EQ(worker.error().code, Code::Corrupt);
}

TEST_F(Trimming, AnExtentOfATopicThatDoesNotExistIsSaidAndNotTrimmed) {
  open();
  log_.reset();
  StoreBatch batch;
  batch.put(Space::Meta,
            std::string("\x01"
                        "e\xfe\0\0",
                        5),
            std::string(24, '\0'));
  ASSERT_TRUE(store_->write(batch, Durability::Buffered));

  const auto opened = EmbeddedLog::open({}, *store_);

  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::Corrupt);
}

// Drops the records of a key, and says whether all of them could go.
bool forget(EmbeddedLog& log, Topic topic, std::string_view gone) {
  const auto forgotten =
      log.forget(topic, Partition{0}, [&](std::string_view key, std::optional<std::string_view>) {
        return EmbeddedLog::Verdict{.drop = key == gone};
      });
  if (!forgotten) ADD_FAILURE() << forgotten.error().message;
  return forgotten && forgotten->complete;
}

TEST_F(Trimming, ARecordThatIsErasedLeavesAHoleThatReadersPass) {
  open();
  for (const char* key : {"x/1", "x/2", "x/3"}) write(Topic::Conversations, key);
  const auto view = reader(Topic::Conversations, "view");
  ASSERT_EQ(read(*view).size(), 3U);

  EXPECT_TRUE(forget(*log_, Topic::Conversations, "x/1"));
  EXPECT_TRUE(forget(*log_, Topic::Conversations, "x/3"));

  const auto other = reader(Topic::Conversations, "other");
  EXPECT_EQ(read(*other), std::vector<std::string>{"x/2"});
  EXPECT_EQ(read(*other), std::vector<std::string>{});
  // The last record is a hole, and nothing is left to be read all the same.
  EXPECT_EQ(other->position(Partition{0}), (std::pair<Offset, Offset>{3, 3}));
  write(Topic::Conversations, "x/4");
  EXPECT_EQ(read(*other), std::vector<std::string>{"x/4"});
}

TEST_F(Trimming, ARecordThatSomebodyHasNotReadIsNotErasedYet) {
  open();
  write(Topic::Mentions, "x/1");
  EXPECT_FALSE(forget(*log_, Topic::Mentions, "x/1"));
  const auto worker = reader(Topic::Mentions, "worker");
  ASSERT_EQ(read(*worker), std::vector<std::string>{"x/1"});

  EXPECT_TRUE(forget(*log_, Topic::Mentions, "x/1"));

  EXPECT_EQ(read(*reader(Topic::Mentions, "other")), std::vector<std::string>{});
}

}  // namespace
}  // namespace vigie
