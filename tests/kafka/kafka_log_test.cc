// What only Kafka does: groups over several nodes, topics made by others, records of other
// versions.
#include <array>
#include <atomic>
#include <set>
#include <thread>

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include "tests/contract/log_world.h"
#include "tests/kafka/broker.h"

namespace vigie {
namespace {

using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

LogWorld::Open opening(const KafkaOptions& options) {
  return [options](Store&) { return KafkaLog::open(options); };
}

// A plain client, as another program would be.
struct Client {
  explicit Client(rd_kafka_type_t type, std::vector<std::pair<std::string, std::string>> settings) {
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    settings.emplace_back("bootstrap.servers", KafkaBroker::shared().bootstrap());
    for (const auto& [name, value] : settings) {
      EXPECT_EQ(rd_kafka_conf_set(conf, name.c_str(), value.c_str(), nullptr, 0), RD_KAFKA_CONF_OK);
    }
    handle = rd_kafka_new(type, conf, nullptr, 0);
  }
  ~Client() { rd_kafka_destroy(handle); }
  // The client chooses the partition.
  void produce(const std::string& topic, const std::string& key) const {
    std::array<rd_kafka_vu_t, 2> fields{};
    fields[0].vtype = RD_KAFKA_VTYPE_TOPIC;
    fields[0].u.cstr = topic.c_str();
    fields[1].vtype = RD_KAFKA_VTYPE_KEY;
    fields[1].u.mem = {const_cast<char*>(key.data()), key.size()};
    EXPECT_EQ(rd_kafka_produceva(handle, fields.data(), fields.size()), nullptr) << key;
  }
  rd_kafka_t* handle = nullptr;
};

void make_topic(const std::string& name, int partitions,
                const std::vector<std::pair<std::string, std::string>>& configs) {
  const Client client(RD_KAFKA_PRODUCER, {});
  rd_kafka_NewTopic_t* topic = rd_kafka_NewTopic_new(name.c_str(), partitions, 1, nullptr, 0);
  for (const auto& [key, value] : configs) {
    rd_kafka_NewTopic_set_config(topic, key.c_str(), value.c_str());
  }
  rd_kafka_queue_t* queue = rd_kafka_queue_new(client.handle);
  rd_kafka_CreateTopics(client.handle, &topic, 1, nullptr, queue);
  rd_kafka_event_t* event = rd_kafka_queue_poll(queue, 10'000);
  ASSERT_NE(event, nullptr);
  EXPECT_EQ(rd_kafka_event_error(event), RD_KAFKA_RESP_ERR_NO_ERROR);
  rd_kafka_event_destroy(event);
  rd_kafka_queue_destroy(queue);
  rd_kafka_NewTopic_destroy(topic);
}

TEST(KafkaTopics, AreMadeOnceAndThenFit) {
  const KafkaOptions options = fresh_kafka_options();
  ASSERT_TRUE(KafkaLog::open(options));
  KafkaOptions other = options;
  other.partitions = 7;

  auto again = KafkaLog::open(other);

  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ((*again)->partitions(Topic::Mentions), 3) << "the topic that exists counts";
}

TEST(KafkaTopics, MayBeMadeByTwoNodesAtOnce) {
  const KafkaOptions options = fresh_kafka_options();
  std::atomic<int> opened = 0;
  {
    std::vector<std::jthread> nodes;
    for (int i = 0; i < 3; ++i) {
      nodes.emplace_back([&] {
        auto log = KafkaLog::open(options);
        EXPECT_TRUE(log) << log.error().message;
        if (log) ++opened;
      });
    }
  }
  EXPECT_EQ(opened, 3);
}

TEST(KafkaTopics, AreNotMadeWhenTheyAreOnlyChecked) {
  const KafkaOptions options = fresh_kafka_options();
  KafkaOptions check = options;
  check.create_topics = false;

  for (int i = 0; i < 2; ++i) {
    auto missing = KafkaLog::open(check);
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, Code::NotFound);
    EXPECT_NE(missing.error().message.find(options.topic_prefix + "mentions"), std::string::npos)
        << missing.error().message;
  }

  ASSERT_TRUE(KafkaLog::open(options));
  auto there = KafkaLog::open(check);
  EXPECT_TRUE(there) << there.error().message;
}

TEST(KafkaTopics, ThatExistAreCheckedWhenOthersAreMissing) {
  KafkaOptions options = fresh_kafka_options();
  options.create_topics = false;
  make_topic(options.topic_prefix + "cursors", 3, {{"cleanup.policy", "delete"}});

  auto log = KafkaLog::open(options);
  // A new topic shows a moment after it is made.
  const auto deadline = SteadyClock::now() + std::chrono::seconds{10};
  while (!log && log.error().code == Code::NotFound && SteadyClock::now() < deadline) {
    log = KafkaLog::open(options);
  }

  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().code, Code::Invalid);
  EXPECT_NE(log.error().message.find("cursors: cleanup.policy is delete, expected compact"),
            std::string::npos)
      << log.error().message;
}

TEST(KafkaTopics, WithTheWrongNumberOfPartitionsAreRefused) {
  const KafkaOptions options = fresh_kafka_options();
  make_topic(options.topic_prefix + "ledger", 2, {{"cleanup.policy", "compact,delete"}});

  auto log = KafkaLog::open(options);

  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().code, Code::Invalid);
  EXPECT_NE(log.error().message.find("ledger has 2 partitions, expected 3"), std::string::npos)
      << log.error().message;
  EXPECT_NE(log.error().message.find("kafka-topics.sh --alter"), std::string::npos);
}

TEST(KafkaTopics, WithTheWrongPolicyOrRetentionAreRefused) {
  const KafkaOptions options = fresh_kafka_options();
  make_topic(options.topic_prefix + "cursors", 3, {{"cleanup.policy", "delete"}});
  auto policy = KafkaLog::open(options);
  ASSERT_FALSE(policy);
  EXPECT_EQ(policy.error().code, Code::Invalid);
  EXPECT_NE(policy.error().message.find("cursors: cleanup.policy is delete, expected compact"),
            std::string::npos)
      << policy.error().message;

  const KafkaOptions second = fresh_kafka_options();
  make_topic(second.topic_prefix + "mentions", 3, {{"retention.ms", "3600000"}});
  auto retention = KafkaLog::open(second);
  ASSERT_FALSE(retention);
  EXPECT_NE(retention.error().message.find("retention.ms is 3600000, expected 259200000"),
            std::string::npos)
      << retention.error().message;
}

TEST(KafkaTopics, ThatForgetTombstonesEarlyOrAreLimitedInBytesAreRefusedAndMended) {
  for (const auto& [topic, policy, setting, found, wanted] :
       {std::array{"ledger", "compact,delete", "delete.retention.ms", "3600000", "86400000"},
        std::array{"cursors", "compact", "delete.retention.ms", "3600000", "86400000"},
        std::array{"mentions", "delete", "retention.bytes", "1073741824", "-1"},
        std::array{"ledger", "compact,delete", "retention.bytes", "1073741824", "-1"}}) {
    const KafkaOptions options = fresh_kafka_options();
    const std::string name = options.topic_prefix + topic;
    make_topic(name, 3, {{"cleanup.policy", policy}, {"retention.ms", "-1"}, {setting, found}});

    auto log = KafkaLog::open(options);
    const auto plans = plan_topics(options);

    ASSERT_FALSE(log) << name << " " << setting;
    EXPECT_EQ(log.error().code, Code::Invalid);
    EXPECT_NE(log.error().message.find(fmt::format(
                  "{}: {} is {}, expected {}; mend it with `kafka-configs.sh --alter --entity-type "
                  "topics --entity-name {} --add-config {}=[{}]`",
                  name, setting, found, wanted, name, setting, wanted)),
              std::string::npos)
        << log.error().message;
    ASSERT_TRUE(plans) << plans.error().message;
    const auto applied = apply_topics(options, *plans);
    ASSERT_TRUE(applied) << applied.error().message;
    // A change shows a moment after it is made.
    const auto deadline = SteadyClock::now() + std::chrono::seconds{10};
    while (!log && SteadyClock::now() < deadline) log = KafkaLog::open(options);
    EXPECT_TRUE(log) << log.error().message;
  }
}

TEST(KafkaTopics, KeepTombstonesForADayWhateverTheBrokerDoes) {
  const KafkaOptions options = fresh_kafka_options();

  const auto plans = plan_topics(options);

  ASSERT_TRUE(plans) << plans.error().message;
  for (const TopicInfo& topic : all_topics()) {
    const auto& wanted = (*plans)[static_cast<std::size_t>(topic.topic) - 1].wanted;
    EXPECT_EQ(wanted.contains("delete.retention.ms"), topic.compacted) << topic.name;
  }
}

TEST(KafkaOptionsTest, NameARefusedPropertyAndNotItsValue) {
  KafkaOptions options = fresh_kafka_options();
  for (const auto& [name, value] : std::map<std::string, std::string>{
           {"sasl.passwort", "hunter2"}, {"security.protocol", "hunter2"}, {"acks", "hunter2"}}) {
    options.properties = {{name, value}};

    auto log = KafkaLog::open(options);

    ASSERT_FALSE(log);
    EXPECT_EQ(log.error().code, Code::Invalid);
    EXPECT_NE(log.error().message.find(name), std::string::npos) << log.error().message;
    EXPECT_EQ(log.error().message.find("hunter2"), std::string::npos) << log.error().message;
  }
}

TEST(KafkaOptionsTest, OpenFailsInTimeWhenNobodyAnswers) {
  KafkaOptions options;
  options.bootstrap = "127.0.0.1:1";
  options.request_timeout = milliseconds{1'000};

  auto log = KafkaLog::open(options);

  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().code, Code::Unavailable);
}

TEST(KafkaPartitions, AreThoseOfOtherProducers) {
  const KafkaOptions options = fresh_kafka_options();
  LogWorld world(opening(options));
  const std::string topic = options.topic_prefix + "mentions";
  std::vector<std::string> keys = {"x/1", "mastodon/112233",      "reddit/t3_abc", "a", "ab",
                                   "abc", "rss/\xc3\xa9t\xc3\xa9"};
  for (int i = 0; i < 50; ++i) keys.push_back(fmt::format("bluesky/{}", i * 7919));
  // What the Java client does by default; librdkafka calls it by this name.
  const Client other(RD_KAFKA_PRODUCER, {{"partitioner", "murmur2_random"}});
  for (const std::string& key : keys) {
    other.produce(topic, key);
  }
  ASSERT_EQ(rd_kafka_flush(other.handle, 10'000), RD_KAFKA_RESP_ERR_NO_ERROR);

  auto reader = reader_of(world, Topic::Mentions, {.group = "g"});
  const auto seen = read_to_end(*reader);

  ASSERT_EQ(seen.size(), keys.size());
  for (const Seen& s : seen) {
    EXPECT_EQ(s.partition, number(partition_for(world.log(), Topic::Mentions, s.key))) << s.key;
  }
}

TEST(KafkaAppend, RefusesARecordThatIsTooLargeAndWritesNoCursor) {
  LogWorld world(opening(fresh_kafka_options()));

  auto appended =
      world.log().append({record(Topic::Cursors, 0, "rss", "42"),
                          record(Topic::Mentions, 0, "x/1", std::string(2'000'000, 'a'))});

  ASSERT_FALSE(appended);
  EXPECT_EQ(appended.error().code, Code::Invalid);
  EXPECT_NE(appended.error().message.find("x/1"), std::string::npos) << appended.error().message;
  auto cursors = reader_of(world, Topic::Cursors, {.group = "c"});
  EXPECT_TRUE(read_to_end(*cursors).empty());
  EXPECT_TRUE(world.log().healthy()) << "a wrong record says nothing about the log";
}

TEST(KafkaGroups, ShareThePartitionsAndLoseNothingWhenAMemberLeaves) {
  const KafkaOptions options = fresh_kafka_options();
  LogWorld one(opening(options));
  LogWorld two(opening(options));
  for (int i = 0; i < 30; ++i) {
    append(one.log(), {record(Topic::Mentions, i % 3, fmt::to_string(i), "v")});
  }
  auto first = reader_of(one, Topic::Mentions, {.group = "workers", .shared = true});
  auto second = reader_of(two, Topic::Mentions, {.group = "workers", .shared = true});

  std::set<std::string> keys;
  const auto work = [&](LogReader& reader) {
    auto polled = reader.poll(100, milliseconds{50});
    ASSERT_TRUE(polled) << polled.error().message;
    for (const LogRecord& r : *polled) keys.emplace(r.key);
    if (!polled->empty()) {
      auto committed = commit_all(reader);
      ASSERT_TRUE(committed) << committed.error().message;
    }
  };
  const auto deadline = SteadyClock::now() + std::chrono::seconds{30};
  while (SteadyClock::now() < deadline &&
         (keys.size() < 30 || first->partitions().empty() || second->partitions().empty())) {
    work(*first);
    work(*second);
  }
  EXPECT_EQ(keys.size(), 30U);
  EXPECT_EQ(first->partitions().size() + second->partitions().size(), 3U);

  first.reset();
  for (int i = 30; i < 40; ++i) {
    append(two.log(), {record(Topic::Mentions, i % 3, fmt::to_string(i), "v")});
  }
  while (SteadyClock::now() < deadline && keys.size() < 40) work(*second);
  EXPECT_EQ(keys.size(), 40U);
  EXPECT_EQ(second->partitions().size(), 3U);
}

TEST(KafkaGroups, GoOnWhereAnotherNodeStopped) {
  const KafkaOptions options = fresh_kafka_options();
  LogWorld one(opening(options));
  LogWorld two(opening(options));  // has a store of its own, which knows no offsets
  append(one.log(), {record(Topic::Mentions, 0, "a", "1"), record(Topic::Mentions, 1, "b", "2")});
  {
    auto reader = reader_of(one, Topic::Mentions, {.group = "workers", .shared = true});
    ASSERT_EQ(read_to_end(*reader).size(), 2U);
    ASSERT_TRUE(commit_all(*reader));
  }
  append(one.log(), {record(Topic::Mentions, 1, "c", "3")});

  auto reader = reader_of(two, Topic::Mentions, {.group = "workers", .shared = true});
  const auto seen = read_to_end(*reader);

  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].key, "c");
}

TEST(KafkaGroups, TrustTheStoreWhenTheGroupLagsBehindIt) {
  const KafkaOptions options = fresh_kafka_options();
  LogWorld world(opening(options));
  append(world.log(), {record(Topic::Mentions, 0, "a", "1"), record(Topic::Mentions, 0, "b", "2")});
  {
    // Commits to the store alone: as if the process died before the group was told.
    auto reader = reader_of(world, Topic::Mentions, {.group = "workers"});
    ASSERT_EQ(read_to_end(*reader).size(), 2U);
    ASSERT_TRUE(commit_all(*reader));
  }
  auto reader = reader_of(world, Topic::Mentions, {.group = "workers", .shared = true});
  EXPECT_TRUE(read_to_end(*reader).empty());
}

TEST(KafkaGroups, AStaticMemberGetsItsPartitionsBackAndTheOlderOneIsThrownOut) {
  KafkaOptions options = fresh_kafka_options();
  options.instance_id = "node-1";
  LogWorld one(opening(options));
  LogWorld two(opening(options));
  auto older = reader_of(one, Topic::Mentions, {.group = "workers", .shared = true});
  ASSERT_TRUE(poll_until(*older, [&] { return older->partitions().size() == 3; }));

  auto newer = reader_of(two, Topic::Mentions, {.group = "workers", .shared = true});
  ASSERT_TRUE(poll_until(*newer, [&] { return newer->partitions().size() == 3; }));

  const auto deadline = SteadyClock::now() + std::chrono::seconds{30};
  auto polled = older->poll(10, milliseconds{50});
  while (polled && SteadyClock::now() < deadline) polled = older->poll(10, milliseconds{50});
  ASSERT_FALSE(polled);
  EXPECT_EQ(polled.error().code, Code::Denied) << polled.error().message;
  EXPECT_FALSE(older->commit(Effects{}));
}

TEST(KafkaReader, RefusesToCommitWhatItDoesNotOwn) {
  LogWorld world(opening(fresh_kafka_options()));
  append(world.log(), {record(Topic::Mentions, 0, "a", "1")});
  auto reader = reader_of(world, Topic::Mentions, {.group = "g"});
  ASSERT_EQ(read_to_end(*reader).size(), 1U);
  Effects effects;
  effects.outputs = {record(Topic::Tagged, 0, "a", "never")};
  effects.next = {{Partition{0}, 99}};

  EXPECT_FALSE(reader->commit(std::move(effects)));
  EXPECT_FALSE(reader->poll(1, milliseconds{0})) << "a reader is broken after a failed commit";
  auto outputs = reader_of(world, Topic::Tagged, {.group = "out"});
  EXPECT_TRUE(read_to_end(*outputs).empty());
}

TEST(KafkaReader, GoesToTheOldestKeptRecordWhenRetentionWasFaster) {
  const KafkaOptions options = fresh_kafka_options();
  LogWorld world(opening(options));
  append(world.log(), {record(Topic::Mentions, 0, "a", "1")});
  {
    auto reader = reader_of(world, Topic::Mentions, {.group = "g"});
    ASSERT_EQ(read_to_end(*reader).size(), 1U);
    ASSERT_TRUE(commit_all(*reader));
  }
  for (int i = 0; i < 5; ++i)
    append(world.log(), {record(Topic::Mentions, 0, fmt::to_string(i), "v")});
  delete_records_before(options.topic_prefix + "mentions", 0, 4);

  auto reader = reader_of(world, Topic::Mentions, {.group = "g"});
  const auto seen = read_to_end(*reader);

  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0].key, "3");
}

TEST(KafkaReader, RefusesAStoreOfAnotherLog) {
  const KafkaOptions options = fresh_kafka_options();
  LogWorld world(opening(options));
  reader_of(world, Topic::Mentions, {.group = "g"});
  auto other = KafkaLog::open(fresh_kafka_options());
  ASSERT_TRUE(other);

  auto reader = (*other)->read(Topic::Mentions, {.group = "g"}, world.store());

  ASSERT_FALSE(reader);
  EXPECT_EQ(reader.error().code, Code::Invalid);
}

}  // namespace
}  // namespace vigie
