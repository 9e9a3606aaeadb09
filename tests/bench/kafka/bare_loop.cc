// The least that copies a topic exactly once: librdkafka alone, one thread, a transaction for what
// came within the interval, every record to one topic under its key. No rules, no state, no order
// between partitions. What Vigie's worker is measured against.
//
//   bench_kafka_bare BOOTSTRAP GROUP INPUT OUTPUT [--interval MS] [--batch RECORDS]
//
// Its settings are those of the product's worker: lz4, 5 ms of linger, idempotence, read_committed.
// Ends on SIGTERM.
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr int kCallTimeout = 15'000;

volatile std::sig_atomic_t stopped = 0;

[[noreturn]] void give_up(std::string_view what, std::string_view why) {
  fmt::print(stderr, "bench_kafka_bare: {}: {}\n", what, why);
  std::exit(1);
}

void must(std::string_view what, rd_kafka_error_t* error) {
  if (error != nullptr) give_up(what, rd_kafka_error_string(error));
}

using Properties = std::vector<std::pair<std::string, std::string>>;

rd_kafka_t* client(rd_kafka_type_t type, const Properties& properties) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  char reason[256];
  for (const auto& [name, value] : properties) {
    if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), reason, sizeof(reason)) !=
        RD_KAFKA_CONF_OK) {
      give_up(name, reason);
    }
  }
  rd_kafka_t* handle = rd_kafka_new(type, conf, reason, sizeof(reason));
  if (handle == nullptr) give_up("client", reason);
  return handle;
}

struct FreeMessage {
  void operator()(rd_kafka_message_t* message) const { rd_kafka_message_destroy(message); }
};
using Message = std::unique_ptr<rd_kafka_message_t, FreeMessage>;

class Loop {
 public:
  Loop(const std::string& bootstrap, const std::string& group, const std::string& input,
       const std::string& output) {
    consumer_ = client(RD_KAFKA_CONSUMER, {{"bootstrap.servers", bootstrap},
                                           {"group.id", group},
                                           {"group.instance.id", "bare-0"},
                                           {"enable.auto.commit", "false"},
                                           {"enable.auto.offset.store", "false"},
                                           {"isolation.level", "read_committed"},
                                           {"session.timeout.ms", "6000"},
                                           {"auto.offset.reset", "earliest"}});
    rd_kafka_poll_set_consumer(consumer_);
    producer_ = client(RD_KAFKA_PRODUCER, {{"bootstrap.servers", bootstrap},
                                           {"transactional.id", group},
                                           {"compression.type", "lz4"},
                                           {"linger.ms", "5"},
                                           {"queue.buffering.max.messages", "1000000"}});
    output_ = rd_kafka_topic_new(producer_, output.c_str(), nullptr);
    must("init", rd_kafka_init_transactions(producer_, kCallTimeout));
    rd_kafka_topic_partition_list_t* topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, input.c_str(), RD_KAFKA_PARTITION_UA);
    if (const auto error = rd_kafka_subscribe(consumer_, topics))
      give_up("subscribe", rd_kafka_err2str(error));
    rd_kafka_topic_partition_list_destroy(topics);
  }
  ~Loop() {
    rd_kafka_consumer_close(consumer_);
    rd_kafka_topic_destroy(output_);
    rd_kafka_destroy(producer_);
    rd_kafka_destroy(consumer_);
  }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // One transaction, of what comes within the interval after its first record.
  void turn(std::chrono::milliseconds interval, std::size_t most) {
    SteadyClock::time_point end{};
    rd_kafka_topic_partition_list_t* next = rd_kafka_topic_partition_list_new(6);
    while (messages_.size() < most) {
      int wait = 100;
      if (!messages_.empty()) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(end - SteadyClock::now());
        if (left.count() <= 0) break;
        wait = static_cast<int>(left.count());
      }
      Message message(rd_kafka_consumer_poll(consumer_, wait));
      if (message == nullptr) {
        if (messages_.empty()) break;
        continue;
      }
      if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        give_up("read", rd_kafka_message_errstr(message.get()));
      if (messages_.empty()) {
        must("begin", rd_kafka_begin_transaction(producer_));
        end = SteadyClock::now() + interval;
      }
      produce(*message);
      note(next, *message);
      messages_.push_back(std::move(message));
    }
    if (!messages_.empty()) commit(next);
    rd_kafka_topic_partition_list_destroy(next);
  }

 private:
  void produce(const rd_kafka_message_t& message) {
    while (true) {
      // Not copied: the message lives until the transaction has ended.
      if (rd_kafka_produce(output_, message.partition, 0, message.payload, message.len, message.key,
                           message.key_len, nullptr) == 0) {
        return;
      }
      const auto error = rd_kafka_last_error();
      if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL) give_up("produce", rd_kafka_err2str(error));
      rd_kafka_poll(producer_, 10);
    }
  }

  static void note(rd_kafka_topic_partition_list_t* next, const rd_kafka_message_t& message) {
    const char* topic = rd_kafka_topic_name(message.rkt);
    auto* at = rd_kafka_topic_partition_list_find(next, topic, message.partition);
    if (at == nullptr) at = rd_kafka_topic_partition_list_add(next, topic, message.partition);
    at->offset = message.offset + 1;
  }

  void commit(const rd_kafka_topic_partition_list_t* next) {
    rd_kafka_consumer_group_metadata_t* group = rd_kafka_consumer_group_metadata(consumer_);
    must("offsets", rd_kafka_send_offsets_to_transaction(producer_, next, group, kCallTimeout));
    rd_kafka_consumer_group_metadata_destroy(group);
    must("commit", rd_kafka_commit_transaction(producer_, kCallTimeout));
    messages_.clear();
  }

  rd_kafka_topic_t* output_ = nullptr;
  rd_kafka_t* consumer_ = nullptr;
  rd_kafka_t* producer_ = nullptr;
  std::vector<Message> messages_;  // of the transaction that is open
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    fmt::print(
        stderr,
        "usage: bench_kafka_bare BOOTSTRAP GROUP INPUT OUTPUT [--interval MS] [--batch N]\n");
    return 2;
  }
  std::chrono::milliseconds interval{200};
  std::size_t most = 500'000;
  for (int i = 5; i + 1 < argc; i += 2) {
    const long value = std::atol(argv[i + 1]);
    if (std::strcmp(argv[i], "--interval") == 0) interval = std::chrono::milliseconds{value};
    if (std::strcmp(argv[i], "--batch") == 0) most = static_cast<std::size_t>(value);
  }
  std::signal(SIGTERM, [](int) { stopped = 1; });
  Loop loop(argv[1], argv[2], argv[3], argv[4]);
  while (stopped == 0) loop.turn(interval, most);
  return 0;
}
