// What every event log promises, whatever keeps the records.
#include <algorithm>
#include <thread>

#include <fmt/format.h>

#include "pipeline/log/embedded_log.h"
#include "tests/contract/log_world.h"

namespace vigie {
namespace {

using std::chrono::milliseconds;

struct Kind {
  const char* name;
  LogWorld::Open (*make)();
};

LogWorld::Open embedded() {
  return [](Store& store) -> Result<std::unique_ptr<EventLog>> {
    EmbeddedOptions options;
    options.partitions = 3;
    auto log = EmbeddedLog::open(std::move(options), store);
    if (!log) return std::unexpected(log.error());
    return std::move(*log);
  };
}

LogWorld::Open kafka() {
  return [options = fresh_kafka_options()](Store&) { return KafkaLog::open(options); };
}

class EventLogContract : public testing::TestWithParam<Kind> {
 protected:
  LogWorld world_{GetParam().make()};
};

INSTANTIATE_TEST_SUITE_P(Embedded, EventLogContract, testing::Values(Kind{"log", embedded}),
                         [](const auto& info) { return std::string(info.param.name); });
INSTANTIATE_TEST_SUITE_P(Kafka, EventLogContract, testing::Values(Kind{"log", kafka}),
                         [](const auto& info) { return std::string(info.param.name); });

std::vector<std::string> values_of(const std::vector<Seen>& seen, int partition) {
  std::vector<std::string> out;
  for (const Seen& s : seen) {
    if (s.partition == partition) out.push_back(s.value.value_or("(none)"));
  }
  return out;
}

std::optional<std::string> newest(EventLog& log, Topic topic, std::string_view key) {
  auto value = log.latest(topic, key);
  if (value) return *value;
  ADD_FAILURE() << value.error().message;
  return "(failed)";
}

std::optional<std::string> state_in(Store& store) {
  auto value = store.get(Space::Counters, "\x01state");
  if (value) return *value;
  ADD_FAILURE() << value.error().message;
  return "(failed)";
}

TEST_P(EventLogContract, TopicsBesideMentionsHaveAsManyPartitions) {
  for (const TopicInfo& topic : all_topics()) {
    if (topic.with_mentions) {
      EXPECT_EQ(world_.log().partitions(topic.topic), 3) << topic.name;
    }
    EXPECT_GE(world_.log().partitions(topic.topic), 1) << topic.name;
  }
}

TEST_P(EventLogContract, KeepsTheOrderOfEachPartition) {
  auto reader = reader_of(world_, Topic::Mentions, {.group = "order"});

  for (int i = 0; i < 30; ++i) {
    append(world_.log(), {record(Topic::Mentions, i % 3, "k", fmt::to_string(i)),
                          record(Topic::Mentions, i % 3, "k", fmt::to_string(i) + "b")});
  }
  const auto seen = read_records(*reader, 60);

  ASSERT_EQ(seen.size(), 60U);
  for (int p = 0; p < 3; ++p) {
    std::vector<std::string> expected;
    for (int i = p; i < 30; i += 3) {
      expected.push_back(fmt::to_string(i));
      expected.push_back(fmt::to_string(i) + "b");
    }
    EXPECT_EQ(values_of(seen, p), expected);
  }
}

TEST_P(EventLogContract, NumbersRecordsUpwardsWithinAPartition) {
  auto reader = reader_of(world_, Topic::Mentions, {.group = "numbers"});
  append(world_.log(), {record(Topic::Mentions, 1, "a", "1"), record(Topic::Mentions, 1, "b", "2"),
                        record(Topic::Mentions, 1, "c", "3")});

  const auto seen = read_records(*reader, 3);

  ASSERT_EQ(seen.size(), 3U);
  EXPECT_LT(seen[0].offset, seen[1].offset);
  EXPECT_LT(seen[1].offset, seen[2].offset);
  EXPECT_GT(reader->position(Partition{1}).first, seen[2].offset);
}

TEST_P(EventLogContract, TellsTheOffsetOfARecordThatIsAppendedAlone) {
  auto reader = reader_of(world_, Topic::Conversations, {.group = "one"});
  std::vector<Offset> told;
  for (const char* value : {"1", "2", "3"}) {
    const auto offset = world_.log().append_one(record(Topic::Conversations, 0, "a", value));
    ASSERT_TRUE(offset) << offset.error().message;
    told.push_back(*offset);
  }

  const auto seen = read_records(*reader, 3);

  ASSERT_EQ(seen.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(seen[i].offset, told[i]);
}

TEST_P(EventLogContract, KeepsWhatWasAppendedWhenClosed) {
  append(world_.log(),
         {record(Topic::Mentions, 0, "x/1", "one"), record(Topic::Mentions, 2, "x/2", "two")});

  world_.reopen();
  auto reader = reader_of(world_, Topic::Mentions, {.group = "later"});
  const auto seen = read_to_end(*reader);

  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(values_of(seen, 0), std::vector<std::string>{"one"});
  EXPECT_EQ(values_of(seen, 2), std::vector<std::string>{"two"});
}

TEST_P(EventLogContract, GoesOnFromTheCommittedOffset) {
  append(world_.log(),
         {record(Topic::Mentions, 0, "a", "1"), record(Topic::Mentions, 0, "b", "2")});
  auto reader = reader_of(world_, Topic::Mentions, {.group = "worker"});
  ASSERT_EQ(read_to_end(*reader).size(), 2U);
  ASSERT_TRUE(commit_all(*reader));
  append(world_.log(), {record(Topic::Mentions, 0, "c", "3")});

  reader.reset();
  world_.reopen();
  reader = reader_of(world_, Topic::Mentions, {.group = "worker"});
  const auto seen = read_to_end(*reader);

  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].key, "c");
}

TEST_P(EventLogContract, MakesOutputsStateAndOffsetTrueTogether) {
  append(world_.log(), {record(Topic::Mentions, 1, "a", "1")});
  auto reader = reader_of(world_, Topic::Mentions, {.group = "worker"});
  ASSERT_EQ(read_to_end(*reader).size(), 1U);

  ASSERT_TRUE(commit_all(*reader, {record(Topic::Tagged, 1, "a", "tagged")}, "counted"));

  reader.reset();
  world_.reopen();
  EXPECT_EQ(state_in(world_.store()), std::optional<std::string>("counted"));
  auto again = reader_of(world_, Topic::Mentions, {.group = "worker"});
  EXPECT_TRUE(read_to_end(*again).empty());
  auto outputs = reader_of(world_, Topic::Tagged, {.group = "out"});
  EXPECT_EQ(values_of(read_to_end(*outputs), 1), std::vector<std::string>{"tagged"});
}

TEST_P(EventLogContract, ForgetsWhatWasNotCommitted) {
  append(world_.log(), {record(Topic::Mentions, 1, "a", "1")});
  auto reader = reader_of(world_, Topic::Mentions, {.group = "worker"});
  ASSERT_EQ(read_to_end(*reader).size(), 1U);
  {
    Effects dropped;
    dropped.outputs = {record(Topic::Tagged, 1, "a", "tagged")};
    dropped.state.put(Space::Counters, "\x01state", "counted");
  }

  reader.reset();
  world_.reopen();

  EXPECT_EQ(state_in(world_.store()), std::optional<std::string>());
  auto again = reader_of(world_, Topic::Mentions, {.group = "worker"});
  EXPECT_EQ(read_to_end(*again).size(), 1U);
  auto outputs = reader_of(world_, Topic::Tagged, {.group = "out"});
  EXPECT_TRUE(read_to_end(*outputs).empty());
}

TEST_P(EventLogContract, KeepsOffsetsOfGroupsAndTopicsApart) {
  append(world_.log(), {record(Topic::Mentions, 0, "a", "1"), record(Topic::Tagged, 0, "a", "2")});
  auto one = reader_of(world_, Topic::Mentions, {.group = "one"});
  ASSERT_EQ(read_to_end(*one).size(), 1U);
  ASSERT_TRUE(commit_all(*one));

  auto two = reader_of(world_, Topic::Mentions, {.group = "two"});
  auto tagged = reader_of(world_, Topic::Tagged, {.group = "one"});

  EXPECT_EQ(read_to_end(*two).size(), 1U);
  EXPECT_EQ(read_to_end(*tagged).size(), 1U);
}

TEST_P(EventLogContract, WritesCursorsWithTheRecordsBeforeThem) {
  append(world_.log(),
         {record(Topic::Cursors, 0, "rss", "42"), record(Topic::Mentions, 0, "a", "1")});

  auto mentions = reader_of(world_, Topic::Mentions, {.group = "m"});
  auto cursors = reader_of(world_, Topic::Cursors, {.group = "c"});

  EXPECT_EQ(read_to_end(*mentions).size(), 1U);
  EXPECT_EQ(values_of(read_to_end(*cursors), 0), std::vector<std::string>{"42"});
}

TEST_P(EventLogContract, TellsATombstoneFromAnEmptyValue) {
  append(world_.log(),
         {record(Topic::Tagged, 0, "gone", std::nullopt), record(Topic::Tagged, 0, "empty", "")});
  auto reader = reader_of(world_, Topic::Tagged, {.group = "t"});

  const auto seen = read_to_end(*reader);

  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0].value, std::nullopt);
  EXPECT_EQ(seen[1].value, std::optional<std::string>(""));
}

TEST_P(EventLogContract, TakesEmptyKeysAndBytesOfAllKinds) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  append(world_.log(),
         {record(Topic::Mentions, 0, "", "no key"), record(Topic::Mentions, 0, bytes, bytes)});
  auto reader = reader_of(world_, Topic::Mentions, {.group = "bytes"});

  const auto seen = read_to_end(*reader);

  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0].key, "");
  EXPECT_EQ(seen[0].value, std::optional<std::string>("no key"));
  EXPECT_EQ(seen[1].key, bytes);
  EXPECT_EQ(seen[1].value, std::optional(bytes));
}

TEST_P(EventLogContract, TakesLargeValues) {
  std::vector<Record> large;
  for (int i = 0; i < 8; ++i) {
    large.push_back(record(Topic::Mentions, i % 3, fmt::to_string(i),
                           std::string(400 << 10, static_cast<char>('a' + i))));
  }
  append(world_.log(), large);
  auto reader = reader_of(world_, Topic::Mentions, {.group = "large"});

  const auto seen = read_to_end(*reader);

  ASSERT_EQ(seen.size(), 8U);
  for (const Seen& s : seen) {
    const auto sent = std::ranges::find(large, s.key, &Record::key);
    ASSERT_NE(sent, large.end());
    EXPECT_TRUE(s.value == sent->value) << s.key;
  }
}

TEST_P(EventLogContract, GivesTheNewestValueOfAKey) {
  const auto at = [&](Topic topic, std::string_view key) {
    return number(partition_for(world_.log(), topic, key));
  };
  append(world_.log(), {record(Topic::Cursors, at(Topic::Cursors, "rss"), "rss", "1"),
                        record(Topic::Cursors, at(Topic::Cursors, "x"), "x", "7"),
                        record(Topic::Alerts, at(Topic::Alerts, "rss"), "rss", "alert")});

  EXPECT_EQ(newest(world_.log(), Topic::Cursors, "rss"), std::optional<std::string>("1"));
  append(world_.log(), {record(Topic::Cursors, at(Topic::Cursors, "rss"), "rss", "2")});
  EXPECT_EQ(newest(world_.log(), Topic::Cursors, "rss"), std::optional<std::string>("2"));
  EXPECT_EQ(newest(world_.log(), Topic::Alerts, "rss"), std::optional<std::string>("alert"));
  EXPECT_EQ(newest(world_.log(), Topic::Cursors, "none"), std::optional<std::string>());

  append(world_.log(), {record(Topic::Cursors, at(Topic::Cursors, "rss"), "rss", std::nullopt)});
  world_.reopen();
  EXPECT_EQ(newest(world_.log(), Topic::Cursors, "rss"), std::optional<std::string>());
  EXPECT_EQ(newest(world_.log(), Topic::Cursors, "x"), std::optional<std::string>("7"));
}

TEST_P(EventLogContract, StartsEarlierByTheRewindAsFarAsRecordsAreKept) {
  for (int i = 0; i < 10; ++i)
    append(world_.log(), {record(Topic::Mentions, 0, "k", fmt::to_string(i))});
  {
    auto reader = reader_of(world_, Topic::Mentions, {.group = "view"});
    ASSERT_EQ(read_to_end(*reader).size(), 10U);
    ASSERT_TRUE(commit_all(*reader));
  }
  {
    auto reader = reader_of(world_, Topic::Mentions, {.group = "view", .rewind = 3});
    EXPECT_EQ(values_of(read_to_end(*reader), 0), (std::vector<std::string>{"7", "8", "9"}));
  }
  auto reader = reader_of(world_, Topic::Mentions, {.group = "view", .rewind = 1000});
  EXPECT_EQ(read_to_end(*reader).size(), 10U);
}

TEST_P(EventLogContract, BeginsAtTheEndWhenAsked) {
  append(world_.log(), {record(Topic::Mentions, 0, "old", "1")});
  auto reader = reader_of(world_, Topic::Mentions, {.group = "new", .from_oldest = false});
  ASSERT_TRUE(reader->poll(10, milliseconds{0}));
  append(world_.log(), {record(Topic::Mentions, 0, "fresh", "2")});

  const auto seen = read_records(*reader, 1);

  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].key, "fresh");
  EXPECT_TRUE(read_to_end(*reader).empty());
}

TEST_P(EventLogContract, PollsNoMoreThanAskedFor) {
  std::vector<Record> many;
  for (int i = 0; i < 100; ++i) many.push_back(record(Topic::Mentions, i % 3, "k", "v"));
  append(world_.log(), std::move(many));
  auto reader = reader_of(world_, Topic::Mentions, {.group = "few"});

  std::size_t total = 0;
  EXPECT_TRUE(poll_until(*reader, [&] {
    auto polled = reader->poll(7, milliseconds{50});
    EXPECT_TRUE(polled);
    EXPECT_LE(polled->size(), 7U);
    total += polled->size();
    return total >= 7;
  }));
}

TEST_P(EventLogContract, StopsAtARecordOfANewerFormat) {
  append(world_.log(), {record(Topic::Conversations, 0, "a", R"({"v":1})"),
                        record(Topic::Conversations, 0, "b", R"({"v":2})"),
                        record(Topic::Conversations, 0, "c", R"({"v":1})")});
  auto reader = reader_of(world_, Topic::Conversations, {.group = "view"});
  std::vector<std::string> keys;

  Result<std::span<const LogRecord>> polled;
  while (polled) {
    polled = reader->poll(1, milliseconds{100});
    if (!polled) break;
    for (const LogRecord& one : *polled) keys.emplace_back(one.key);
  }

  EXPECT_EQ(keys, std::vector<std::string>{"a"});
  EXPECT_EQ(polled.error().code, Code::Corrupt);
  EXPECT_NE(polled.error().message.find("conversations/0 offset 1: the record is of format 2"),
            std::string::npos)
      << polled.error().message;
  EXPECT_FALSE(reader->poll(10, milliseconds{0})) << "it goes on behind it";
}

TEST_P(EventLogContract, TellsNoNewestValueOfANewerFormat) {
  const auto alert = [&](std::string key, std::string value) {
    const int at = number(partition_for(world_.log(), Topic::Alerts, key));
    return record(Topic::Alerts, at, std::move(key), std::move(value));
  };
  append(world_.log(), {alert("a", R"({"v":2})"), alert("b", R"({"v":2})")});
  append(world_.log(), {alert("b", R"({"v":1})")});

  const auto newer = world_.log().latest(Topic::Alerts, "a");

  ASSERT_FALSE(newer);
  EXPECT_EQ(newer.error().code, Code::Corrupt);
  EXPECT_NE(newer.error().message.find("offset 0: the record is of format 2"), std::string::npos)
      << newer.error().message;
  EXPECT_EQ(newest(world_.log(), Topic::Alerts, "b"), R"({"v":1})");
}

TEST_P(EventLogContract, ReturnsEmptyHandedWhenNothingComes) {
  auto reader = reader_of(world_, Topic::Mentions, {.group = "idle"});

  const auto begin = std::chrono::steady_clock::now();
  auto polled = reader->poll(10, milliseconds{30});

  ASSERT_TRUE(polled);
  EXPECT_TRUE(polled->empty());
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds{5});
}

TEST_P(EventLogContract, ShowsTheLag) {
  append(world_.log(),
         {record(Topic::Mentions, 2, "a", "1"), record(Topic::Mentions, 2, "b", "2")});
  auto reader = reader_of(world_, Topic::Mentions, {.group = "lag"});

  const auto [first, end] = reader->position(Partition{2});
  EXPECT_EQ(end - first, 2);
  read_to_end(*reader);
  EXPECT_EQ(reader->position(Partition{2}).first, reader->position(Partition{2}).second);
}

TEST_P(EventLogContract, TakesAppendsOfManyThreadsAtOnce) {
  constexpr int kThreads = 8;
  constexpr int kEach = 60;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([this, t] {
        for (int i = 0; i < kEach; ++i) {
          append(world_.log(),
                 {record(Topic::Mentions, t % 3, fmt::format("t{}", t), fmt::to_string(i))});
        }
      });
    }
  }
  auto reader = reader_of(world_, Topic::Mentions, {.group = "threads"});
  const auto seen = read_to_end(*reader);

  EXPECT_EQ(seen.size(), static_cast<std::size_t>(kThreads * kEach));
  std::map<std::string, int> next;
  for (const Seen& s : seen) EXPECT_EQ(*s.value, fmt::to_string(next[s.key]++)) << s.key;
}

TEST_P(EventLogContract, CommitsWhileOthersAppend) {
  append(world_.log(), {record(Topic::Mentions, 0, "a", "1")});
  auto reader = reader_of(world_, Topic::Mentions, {.group = "worker"});
  ASSERT_EQ(read_to_end(*reader).size(), 1U);

  std::jthread other([this] {
    for (int i = 0; i < 50; ++i)
      append(world_.log(), {record(Topic::Tagged, 1, fmt::format("o{}", i), "v")});
  });
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(commit_all(*reader, {record(Topic::Tagged, 1, fmt::format("c{}", i), "v")}, "s"));
  }
  other.join();

  auto outputs = reader_of(world_, Topic::Tagged, {.group = "out"});
  EXPECT_EQ(read_to_end(*outputs).size(), 70U);
}

TEST_P(EventLogContract, IsHealthy) {
  auto healthy = world_.log().healthy();
  EXPECT_TRUE(healthy) << healthy.error().message;
}

}  // namespace
}  // namespace vigie
