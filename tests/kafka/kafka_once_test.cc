// What a reader with a changelog does over a real broker: one transaction, and state that is read
// back from it.
#include <algorithm>
#include <thread>

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include "pipeline/log/kafka_commit.h"
#include "pipeline/log/kafka_handle.h"
#include "tests/contract/log_world.h"
#include "tests/kafka/broker.h"

namespace vigie {
namespace {

LogWorld::Open opening(const KafkaOptions& options) {
  return [options](Store&) { return KafkaLog::open(options); };
}

// A row is what the newest record of its key says.
std::string row_key(Partition partition, std::string_view key) {
  return fmt::format("\x01{:04}{}", number(partition), key);
}

std::shared_ptr<const Changelog> rows_of_counters() {
  auto changelog = std::make_shared<Changelog>();
  changelog->topics = {Topic::Ledger, Topic::Counters};
  changelog->fold = [](Topic /*topic*/, Partition partition, std::string_view key,
                       std::optional<std::string_view> value, StoreBatch& batch) -> Result<void> {
    if (value) {
      batch.put(Space::Counters, row_key(partition, key), *value);
    } else {
      batch.erase(Space::Counters, row_key(partition, key));
    }
    return {};
  };
  changelog->wipe = [](Partition partition, const Store&, StoreBatch& batch) -> Result<void> {
    const std::string begin = row_key(partition, "");
    batch.erase_range(Space::Counters, begin, prefix_end(begin));
    return {};
  };
  return changelog;
}

std::unique_ptr<LogReader> worker(LogWorld& world) {
  return reader_of(world, Topic::Mentions,
                   {.group = "workers", .shared = true, .changelog = rows_of_counters()});
}

// Counts what came by key, as one commit.
Result<void> count(LogReader& reader, LogWorld& world, const std::vector<Seen>& seen) {
  Effects effects;
  std::map<std::pair<Partition, std::string>, int> counts;
  std::map<Partition, Offset> next;
  for (const Seen& s : seen) {
    const Partition partition{s.partition};
    auto [count, is_new] = counts.try_emplace({partition, s.key}, 0);
    if (is_new) {
      auto row = world.store().get(Space::Counters, row_key(partition, s.key));
      if (row && *row) count->second = std::stoi(**row);
    }
    ++count->second;
    next[partition] = s.offset + 1;
  }
  for (const auto& [at, value] : counts) {
    const std::string text = fmt::to_string(value);
    effects.outputs.push_back({Topic::Ledger, at.first, at.second, text});
    effects.state.put(Space::Counters, row_key(at.first, at.second), text);
  }
  for (const auto& [partition, offset] : next) {
    effects.next.emplace_back(partition, offset);
    effects.marks.push_back({partition, {}, "rules", {}});
  }
  return reader.commit(std::move(effects));
}

std::map<std::string, std::string> rows(LogWorld& world) {
  std::map<std::string, std::string> out;
  EXPECT_TRUE(world.store().scan(Space::Counters, "\x01", "\x02", [&](auto key, auto value) {
    out.emplace(key.substr(1), value);
    return true;
  }));
  return out;
}

bool eventually(const std::function<bool()>& holds) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{60};
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{50});
  }
  return true;
}

bool is_ready(LogReader& reader) {
  return poll_until(reader, [&] { return reader.partitions().size() == 3; });
}

// The error of a reader that cannot make sense of its state.
Error failure_of(LogReader& reader) {
  Error error;
  for (int i = 0; i < 600; ++i) {
    auto polled = reader.poll(1000, std::chrono::milliseconds{50});
    if (polled || polled.error().code == Code::Unavailable) continue;
    return polled.error();
  }
  ADD_FAILURE() << "the reader went on";
  return error;
}

// Three partitions with counts of a first worker, which is gone.
std::map<std::string, std::string> counted(LogWorld& world) {
  for (int i = 0; i < 12; ++i) {
    append(world.log(), {record(Topic::Mentions, i % 3, i < 6 ? "a" : "b", "v")});
  }
  auto reader = worker(world);
  const auto seen = read_records(*reader, 12);
  EXPECT_EQ(seen.size(), 12U);
  auto committed = count(*reader, world, seen);
  EXPECT_TRUE(committed) << committed.error().message;
  return rows(world);
}

TEST(KafkaOnce, AnEmptyStoreIsReadFromTheChangelog) {
  const KafkaOptions options = fresh_kafka_options();
  LogWorld one(opening(options));
  LogWorld two(opening(options));
  const auto expected = counted(one);
  ASSERT_EQ(expected.size(), 6U);
  append(two.log(), {record(Topic::Mentions, 0, "a", "v")});

  auto reader = worker(two);
  const auto seen = read_records(*reader, 1);

  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].offset, 4) << "it goes on where the first one stopped";
  EXPECT_EQ(rows(two), expected);
  ASSERT_TRUE(count(*reader, two, seen));
  EXPECT_EQ(rows(two)["0000a"], "3");
}

TEST(KafkaOnce, RowsThatNoChangelogSaysAreGoneOnceAPartitionComes) {
  const KafkaOptions options = fresh_kafka_options();
  LogWorld one(opening(options));
  LogWorld two(opening(options));
  const auto expected = counted(one);
  StoreBatch batch;
  batch.put(Space::Counters, row_key(Partition{1}, "foreign"), "7");
  ASSERT_TRUE(two.store().write(batch, Durability::Buffered));

  auto reader = worker(two);

  ASSERT_TRUE(is_ready(*reader));
  EXPECT_EQ(rows(two), expected);
}

TEST(KafkaOnce, AReaderThatStaysLearnsThatItsPartitionsWentToAnother) {
  const KafkaOptions options = fresh_kafka_options();
  LogWorld one(opening(options));
  LogWorld two(opening(options));
  for (int i = 0; i < 3; ++i) append(one.log(), {record(Topic::Mentions, i, "a", "v")});
  auto reader = worker(one);
  const auto seen = read_records(*reader, 3);
  ASSERT_EQ(seen.size(), 3U);
  ASSERT_TRUE(count(*reader, one, {seen[0]}));
  ASSERT_TRUE(reader->stay().value_or(false));
  ASSERT_TRUE(count(*reader, one, {seen[1]})) << "what was polled is still its own";

  auto other = worker(two);
  const auto is_told = [&] {
    std::ignore = other->poll(1, std::chrono::milliseconds{0});
    return !reader->stay().value_or(false);
  };
  ASSERT_TRUE(eventually(is_told));

  EXPECT_FALSE(count(*reader, one, {seen[2]})) << "it is another's, or comes again";
  reader.reset();
  const auto again = read_records(*other, 1);
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again[0].partition, seen[2].partition);
  EXPECT_EQ(again[0].offset, seen[2].offset);
}

TEST(KafkaOnce, AReaderBeyondTheLastPartitionIsSettledWithNone) {
  LogWorld world(opening(fresh_kafka_options()));
  std::vector<std::unique_ptr<LogReader>> readers;
  for (int i = 0; i < 4; ++i) readers.push_back(worker(world));
  EXPECT_FALSE(readers[0]->is_settled());

  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{60};
  std::vector<std::size_t> sizes;
  while (sizes != std::vector<std::size_t>{0, 1, 1, 1} &&
         std::chrono::steady_clock::now() < deadline) {
    sizes.clear();
    for (const auto& reader : readers) {
      const auto polled = reader->poll(100, std::chrono::milliseconds{20});
      EXPECT_TRUE(polled || polled.error().code == Code::Unavailable);
      if (reader->is_settled()) sizes.push_back(reader->partitions().size());
    }
    std::ranges::sort(sizes);
  }

  EXPECT_EQ(sizes, (std::vector<std::size_t>{0, 1, 1, 1}));
}

// Nobody could read on to the end of a topic before the broker's timer ended what the name left
// open: here that takes longer than a test may.
TEST(KafkaOnce, WhatAWorkerThatDiedLeftOpenEndsBeforeItsNextJoinsTheGroup) {
  KafkaOptions options = fresh_kafka_options();
  options.instance_id = "node";
  LogWorld world(opening(options));
  auto conf = kafka_conf(options, {{"transactional.id", options.topic_prefix + "workers-node-0"},
                                   {"transaction.timeout.ms", "600000"},
                                   {"message.timeout.ms", "60000"}});
  ASSERT_TRUE(conf);
  auto dead = kafka_handle(std::move(*conf), KafkaRole::Producer);
  ASSERT_TRUE(dead);
  ASSERT_EQ(rd_kafka_init_transactions(dead->get(), 60'000), nullptr);
  ASSERT_EQ(rd_kafka_begin_transaction(dead->get()), nullptr);
  const std::string topic = kafka_topic(options, Topic::Authors);
  const Record open = record(Topic::Authors, 0, "a", "v");
  ASSERT_EQ(kafka_produce(dead->get(), topic.c_str(), open, nullptr), RD_KAFKA_RESP_ERR_NO_ERROR);
  ASSERT_EQ(rd_kafka_flush(dead->get(), 60'000), RD_KAFKA_RESP_ERR_NO_ERROR);
  auto eyes = kafka_consumer(options, "eyes", "read_committed");
  ASSERT_TRUE(eyes);
  const auto ended = [&] {
    const auto extent = kafka_extent(eyes->get(), topic, Partition{0}, options.request_timeout);
    return extent ? extent->second : Offset{-1};
  };
  ASSERT_EQ(ended(), 0);

  const auto next = worker(world);

  EXPECT_TRUE(eventually([&] { return ended() == 2; })) << "the record and the marker of its end";
  EXPECT_TRUE(next->partitions().empty()) << "it has not joined the group yet";
}

TEST(KafkaOnce, HalfATransactionIsCorrupt) {
  const KafkaOptions options = fresh_kafka_options();
  LogWorld one(opening(options));
  LogWorld two(opening(options));
  counted(one);
  append(one.log(), {record(Topic::Ledger, 2, "a", "99")});

  auto reader = worker(two);

  const Error error = failure_of(*reader);
  EXPECT_EQ(error.code, Code::Corrupt);
  EXPECT_NE(error.message.find("partition 2: 1 records of its ledger follow the last commit"),
            std::string::npos)
      << error.message;
}

TEST(KafkaOnce, ACommitThatDoesNotFitItsRecordsIsCorrupt) {
  const KafkaOptions options = fresh_kafka_options();
  LogWorld one(opening(options));
  LogWorld two(opening(options));
  counted(one);
  KafkaCommit commit;
  commit.next = 4;
  commit.sequence = 2;
  commit.records = 1;
  commit.checksum = 1;
  append(one.log(), {record(Topic::Ledger, 1, "a", "99"),
                     record(Topic::Ledger, 1, std::string(kCommitKey), encode(commit))});

  auto reader = worker(two);

  const Error error = failure_of(*reader);
  EXPECT_EQ(error.code, Code::Corrupt);
  EXPECT_NE(error.message.find("partition 1: commit 2 does not fit the records before it"),
            std::string::npos)
      << error.message;
}

TEST(KafkaOnce, AMentionOfANewerFormatIsForWhoAppliesItToRefuse) {
  LogWorld world(opening(fresh_kafka_options()));
  append(world.log(), {record(Topic::Mentions, 1, "a", R"({"v":2,"id":"a"})")});

  auto reader = worker(world);

  EXPECT_EQ(read_records(*reader, 1).size(), 1U);
}

TEST(KafkaOnce, AChangelogOfANewerFormatStopsIt) {
  const KafkaOptions options = fresh_kafka_options();
  LogWorld one(opening(options));
  LogWorld two(opening(options));
  counted(one);
  append(one.log(), {record(Topic::Counters, 1, "a", R"({"v":3})")});

  auto reader = worker(two);
  const Error error = failure_of(*reader);

  EXPECT_EQ(error.code, Code::Corrupt);
  EXPECT_NE(error.message.find("counters/1 offset 0: the record is of format 3"), std::string::npos)
      << error.message;
  EXPECT_FALSE(reader->poll(10, std::chrono::milliseconds{0})) << "it goes on behind it";
}

TEST(KafkaOnce, MentionsThatRetentionTookStopItUnlessThatIsAccepted) {
  KafkaOptions options = fresh_kafka_options();
  LogWorld one(opening(options));
  counted(one);
  for (int i = 0; i < 5; ++i) append(one.log(), {record(Topic::Mentions, 0, "c", "v")});
  delete_records_before(options.topic_prefix + "mentions", 0, 6);
  LogWorld two(opening(options));
  {
    auto reader = worker(two);
    const Error error = failure_of(*reader);
    EXPECT_EQ(error.code, Code::Corrupt);
    EXPECT_NE(error.message.find("4 to 6 were deleted by retention"), std::string::npos)
        << error.message;
    EXPECT_NE(error.message.find("--accept-gap"), std::string::npos) << error.message;
  }
  options.accept_gap = true;
  LogWorld three(opening(options));

  auto reader = worker(three);

  const auto seen = read_records(*reader, 3);
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_EQ(seen[0].offset, 6);
}

// A worker that is behind meets the mentions as they came in, whichever partitions they lie in.
TEST(KafkaOnce, ABacklogIsReadInTheOrderInWhichItWasWritten) {
  LogWorld world(opening(fresh_kafka_options()));
  constexpr int kRecords = 300;
  for (int i = 0; i < kRecords; ++i) {
    // Uneven: one partition is short, so that it would be done long before the others.
    const int partition = i % 10 == 0 ? 0 : 1 + i % 2;
    append(world.log(), {record(Topic::Mentions, partition, fmt::to_string(i), "v")});
  }

  auto reader = worker(world);
  const auto seen = read_records(*reader, kRecords);

  ASSERT_EQ(seen.size(), static_cast<std::size_t>(kRecords));
  int apart = 0;
  for (int i = 0; i < kRecords; ++i) {
    // Records of one millisecond go by their partition.
    apart = std::max(apart, std::abs(std::stoi(seen[static_cast<std::size_t>(i)].key) - i));
  }
  EXPECT_LE(apart, 3);
}

}  // namespace
}  // namespace vigie
