#include "tests/contract/log_world.h"

#include <atomic>
#include <random>

#include <fmt/format.h>

#include "tests/kafka/broker.h"

namespace vigie {
namespace {

using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

constexpr std::chrono::seconds kPatience{30};
constexpr milliseconds kTurn{50};

std::string unique_name() {
  static std::atomic<int> count = 0;
  return fmt::format("{:08x}-{}", std::random_device()(), ++count);
}

}  // namespace

ScratchDirectory::ScratchDirectory()
    : path_(std::filesystem::temp_directory_path() / ("vigie-test-" + unique_name())) {}

ScratchDirectory::~ScratchDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

LogWorld::LogWorld(Open open) : open_(std::move(open)) {
  reopen();
}

void LogWorld::reopen() {
  log_.reset();
  store_.reset();
  auto store = Store::open(directory_.path(), StoreOptions{});
  ASSERT_TRUE(store) << store.error().message;
  store_ = std::move(*store);
  auto log = open_(*store_);
  ASSERT_TRUE(log) << log.error().message;
  log_ = std::move(*log);
}

KafkaOptions fresh_kafka_options() {
  KafkaOptions options;
  options.bootstrap = KafkaBroker::shared().bootstrap();
  options.topic_prefix = "t" + unique_name() + ".";
  options.partitions = 3;
  options.session_timeout = milliseconds{1'500};
  return options;
}

std::vector<Seen> read_records(LogReader& reader, std::size_t count) {
  std::vector<Seen> out;
  const auto deadline = SteadyClock::now() + kPatience;
  while (out.size() < count && SteadyClock::now() < deadline) {
    auto polled = reader.poll(1000, kTurn);
    if (!polled && polled.error().code == Code::Unavailable) continue;
    if (!polled) {
      ADD_FAILURE() << polled.error().message;
      return out;
    }
    for (const LogRecord& r : *polled) {
      out.push_back({number(r.partition), r.offset, std::string(r.key),
                     r.value ? std::optional(std::string(*r.value)) : std::nullopt});
    }
  }
  return out;
}

std::vector<Seen> read_to_end(LogReader& reader) {
  std::vector<Seen> out;
  const auto deadline = SteadyClock::now() + kPatience;
  while (SteadyClock::now() < deadline) {
    auto polled = reader.poll(1000, kTurn);
    if (!polled) {
      if (polled.error().code == Code::Unavailable) continue;
      ADD_FAILURE() << polled.error().message;
      return out;
    }
    for (const LogRecord& r : *polled) {
      out.push_back({number(r.partition), r.offset, std::string(r.key),
                     r.value ? std::optional(std::string(*r.value)) : std::nullopt});
    }
    bool at_end = polled->empty() && !reader.partitions().empty();
    for (const Partition p : reader.partitions()) {
      const auto [next, end] = reader.position(p);
      at_end = at_end && next >= end;
    }
    if (at_end) return out;
  }
  ADD_FAILURE() << "the end of the log was not reached";
  return out;
}

bool poll_until(LogReader& reader, const std::function<bool()>& done) {
  const auto deadline = SteadyClock::now() + kPatience;
  while (!done()) {
    if (SteadyClock::now() > deadline) return false;
    auto polled = reader.poll(1000, kTurn);
    if (!polled && polled.error().code != Code::Unavailable) {
      ADD_FAILURE() << polled.error().message;
      return false;
    }
  }
  return true;
}

std::unique_ptr<LogReader> reader_of(LogWorld& world, Topic topic, ReadOptions options) {
  auto reader = world.log().read(topic, std::move(options), world.store());
  if (reader) return std::move(*reader);
  ADD_FAILURE() << reader.error().message;
  return nullptr;
}

void append(EventLog& log, std::vector<Record> records) {
  auto appended = log.append(std::move(records));
  ASSERT_TRUE(appended) << appended.error().message;
}

Record record(Topic topic, int partition, std::string key, std::optional<std::string> value) {
  return {topic, Partition{partition}, std::move(key), std::move(value)};
}

Result<void> commit_all(LogReader& reader, std::vector<Record> outputs, const std::string& state) {
  Effects effects;
  effects.outputs = std::move(outputs);
  if (!state.empty()) effects.state.put(Space::Counters, "\x01state", state);
  for (const Partition p : reader.partitions()) {
    effects.next.emplace_back(p, reader.position(p).first);
  }
  return reader.commit(std::move(effects));
}

}  // namespace vigie
