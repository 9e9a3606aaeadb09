// What the comparison needs beside the systems that it compares: it fills the topic, watches a
// group drain it, writes at a pace, and follows what comes out. Times are those of the monotonic
// clock, in seconds, so that they compare with those of other processes of the machine.
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <simdjson.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "pipeline/core/clock.h"
#include "pipeline/log/kafka_handle.h"
#include "tests/bench/kafka/tool/client.h"
#include "tests/bench/kafka/tool/tool.h"

namespace vigie {
namespace {

using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t kFillAtOnce = 20'000;
constexpr milliseconds kLook{10};
constexpr milliseconds kTick{5};
// So often the watch speaks at least, so that who listens can see whether anybody still works.
constexpr double kSilence = 1;

double now() {
  return std::chrono::duration<double>(SteadyClock::now().time_since_epoch()).count();
}

std::string key_of(simdjson::dom::parser& parser, std::string_view line) {
  std::string_view network;
  std::string_view id;
  const auto document = parser.parse(line.data(), line.size());
  if (document["network"].get(network) || document["id"].get(id)) return {};
  return std::string(network) + '/' + std::string(id);
}

std::vector<std::string> lines_of(const std::string& file, std::size_t most) {
  std::ifstream in(file);
  std::vector<std::string> lines;
  std::string line;
  while (lines.size() < most && std::getline(in, line)) lines.push_back(line);
  return lines;
}

// Puts another time behind `"field":"`, if the field is there.
void stamp(std::string& line, std::string_view field, const std::string& time) {
  const std::size_t at = line.find(field);
  if (at == std::string::npos) return;
  const std::size_t begin = at + field.size();
  line.replace(begin, line.find('"', begin) - begin, time);
}

}  // namespace

std::map<std::int32_t, std::int64_t> ends_of(rd_kafka_t* handle, const std::string& topic,
                                             std::int32_t partitions) {
  constexpr int kTries = 100;
  std::map<std::int32_t, std::int64_t> ends;
  for (int tries = 0; tries < kTries && ends.size() < static_cast<std::size_t>(partitions);) {
    const auto partition = static_cast<std::int32_t>(ends.size());
    std::int64_t low = 0;
    std::int64_t high = 0;
    const auto error =
        rd_kafka_query_watermark_offsets(handle, topic.c_str(), partition, &low, &high, 10'000);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
      ends[partition] = high;
      continue;
    }
    ++tries;
    std::this_thread::sleep_for(kLook);
  }
  return ends;
}

// Makes the topics of an installation and writes a file of mentions as ingest does, `--times N`
// over. Without a file only the topics.
int fill(const Arguments& arguments) {
  const auto log = must(KafkaLog::open(arguments.kafka()));
  simdjson::dom::parser parser;
  std::uint64_t written = 0;
  std::vector<Record> records;
  const auto send = [&] {
    written += records.size();
    must(log->append(std::exchange(records, {})));
  };
  for (std::uint64_t times = arguments.number("times", 1); times > 0; --times) {
    std::ifstream in(arguments.text("file"));
    for (std::string line; std::getline(in, line);) {
      Record& record = records.emplace_back();
      record.key = key_of(parser, line);
      record.partition = partition_for(*log, Topic::Mentions, record.key);
      record.value = std::move(line);
      if (records.size() == kFillAtOnce) send();
    }
  }
  if (!records.empty()) send();
  fmt::print("{}\n", written);
  return 0;
}

// Prints what a group has committed of a topic whenever that changes, until it is all there was at
// the start; `--until N` ends sooner.
int watch(const Arguments& arguments) {
  const std::string topic = arguments.text("topic");
  // What is pending is no concern here, and must not hold the answer back.
  const Client group =
      reader(arguments.text("bootstrap"), arguments.text("group"), "read_uncommitted");
  const auto ends = ends_of(group.get(), topic, arguments.partitions());
  const Places places(rd_kafka_topic_partition_list_new(static_cast<int>(ends.size())));
  std::int64_t wanted = 0;
  for (const auto& [partition, end] : ends) {
    rd_kafka_topic_partition_list_add(places.get(), topic.c_str(), partition);
    wanted += end;
  }
  wanted = static_cast<std::int64_t>(arguments.number("until", static_cast<std::uint64_t>(wanted)));
  std::int64_t before = -1;
  double said = 0;
  const auto parent = ::getppid();
  while (before < wanted && ::getppid() == parent) {
    if (rd_kafka_committed(group.get(), places.get(), 5000) == RD_KAFKA_RESP_ERR_NO_ERROR) {
      std::int64_t sum = 0;
      for (int i = 0; i < places->cnt; ++i)
        sum += std::max<std::int64_t>(0, places->elems[i].offset);
      if (sum != before) {
        said = now();
        fmt::print("{:.6f} {}\n", said, sum);
        std::fflush(stdout);
        before = sum;
      }
    }
    if (now() - said > kSilence) {
      said = now();
      fmt::print("{:.6f} {}\n", said, std::max<std::int64_t>(before, 0));
      std::fflush(stdout);
    }
    std::this_thread::sleep_for(kLook);
  }
  return 0;
}

namespace {

// Of one paced record, until its report.
struct Sent {
  Record record;
  double acked = 0;
};

void acked(rd_kafka_t* /*handle*/, const rd_kafka_message_t* message, void* /*opaque*/) {
  if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
    static_cast<Sent*>(message->_private)->acked = now();
}

}  // namespace

// Writes mentions of a file, as if made now, so many a second, and afterwards prints when each was
// acknowledged.
int pace(const Arguments& arguments) {
  const std::uint64_t rate = arguments.number("rate");
  const std::size_t count = rate * arguments.number("seconds");
  const std::string topic = arguments.text("topic");
  const auto partitions = arguments.partitions();
  simdjson::dom::parser parser;
  std::vector<Sent> sent;
  const auto lines = lines_of(arguments.text("file"), count);
  for (std::uint64_t round = 0; !lines.empty() && sent.size() < count; ++round) {
    for (std::string line : lines) {
      if (sent.size() == count) break;
      // What is said again is another message.
      constexpr std::string_view kId = "\"id\":\"";
      if (round > 0) line.insert(line.find(kId) + kId.size(), fmt::format("{}-", round));
      Sent& one = sent.emplace_back();
      one.record.key = key_of(parser, line);
      one.record.partition = partition_of(one.record.key, partitions);
      one.record.value = std::move(line);
    }
  }
  const Client producer = client(RD_KAFKA_PRODUCER,
                                 {{"bootstrap.servers", arguments.text("bootstrap")},
                                  {"enable.idempotence", "true"},
                                  {"compression.type", "lz4"},
                                  {"linger.ms", "5"}},
                                 acked);
  const double begun = now();
  for (std::size_t next = 0; next < sent.size();) {
    const auto due = static_cast<std::size_t>((now() - begun) * static_cast<double>(rate));
    const std::string time =
        format_time(std::chrono::floor<milliseconds>(std::chrono::system_clock::now()));
    for (; next < std::min(due, sent.size()); ++next) {
      Sent& one = sent[next];
      stamp(*one.record.value, "\"seen_at\":\"", time);
      stamp(*one.record.value, "\"created_at\":\"", time);
      const int error = kafka_produce(producer.get(), topic.c_str(), one.record, &one);
      if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return 1;
    }
    rd_kafka_poll(producer.get(), static_cast<int>(kTick.count()));
  }
  if (rd_kafka_flush(producer.get(), 30'000) != RD_KAFKA_RESP_ERR_NO_ERROR) return 1;
  for (const Sent& one : sent) fmt::print("{:.6f} {}\n", one.acked, one.record.key);
  return 0;
}

// Prints when each new record of a topic came to a reader of what is committed, and which mention
// is in it. Says `ready` first; ends on SIGTERM.
int follow(const Arguments& arguments) {
  static std::atomic<bool> stopped{false};
  std::signal(SIGTERM, [](int) { stopped = true; });
  const std::string topic = arguments.text("topic");
  const Client from = reader(arguments.text("bootstrap"), "bench-follow");
  const auto ends = ends_of(from.get(), topic, arguments.partitions());
  const Places places(rd_kafka_topic_partition_list_new(static_cast<int>(ends.size())));
  for (const auto& [partition, end] : ends)
    rd_kafka_topic_partition_list_add(places.get(), topic.c_str(), partition)->offset = end;
  if (rd_kafka_assign(from.get(), places.get()) != RD_KAFKA_RESP_ERR_NO_ERROR) return 1;
  std::fputs("ready\n", stdout);
  std::fflush(stdout);
  simdjson::dom::parser parser;
  std::vector<std::pair<double, std::string>> came;
  const auto parent = ::getppid();
  while (!stopped && ::getppid() == parent) {
    const Polled message(rd_kafka_consumer_poll(from.get(), 100));
    if (message == nullptr || message->err != RD_KAFKA_RESP_ERR_NO_ERROR) continue;
    const double at = now();
    came.emplace_back(at,
                      key_of(parser, {static_cast<const char*>(message->payload), message->len}));
  }
  for (const auto& [at, key] : came) fmt::print("{:.6f} {}\n", at, key);
  rd_kafka_consumer_close(from.get());
  return 0;
}

}  // namespace vigie

int main(int argc, char** argv) {
  const std::map<std::string_view, int (*)(const vigie::Arguments&)> commands = {
      {"fill", vigie::fill},       {"watch", vigie::watch}, {"pace", vigie::pace},
      {"follow", vigie::follow},   {"tally", vigie::tally}, {"worker", vigie::run_worker},
      {"state", vigie::make_state}};
  const auto command = argc < 2 ? commands.end() : commands.find(argv[1]);
  if (command == commands.end()) {
    fmt::print(stderr,
               "usage: bench_kafka fill|watch|pace|follow|tally|worker|state --NAME VALUE...\n");
    return 2;
  }
  // What is measured goes to standard output, alone.
  spdlog::set_default_logger(spdlog::stderr_color_mt("bench_kafka"));
  return command->second(vigie::Arguments(argc, argv));
}
