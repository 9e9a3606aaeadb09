// Two transactions of one producer, each with a record in two partitions of the ledger, for a proxy
// to play with how the first one ends.
//
//   late_end naive|guarded BOOTSTRAP PREFIX    commits the first, and goes as far as it can with
//   the
//                                              second
//   late_end read BOOTSTRAP PREFIX             ends what is open; a line for each committed record
//
// naive is librdkafka as its examples use it: a commit that returned without an error is done.
// guarded is what workers commit with, which leaves a producer whose transaction did not end
// cleanly.
#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include "pipeline/log/kafka_handle.h"
#include "pipeline/log/kafka_transactor.h"

namespace vigie {
namespace {

constexpr int kWait = 20'000;
constexpr int kPartitions = 2;
const std::string kName = "late-end";

void say(std::string_view line) {
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

std::vector<Record> records(const std::string& transaction) {
  std::vector<Record> out;
  for (int i = 0; i < kPartitions; ++i) {
    out.push_back({Topic::Ledger, Partition{i}, transaction, transaction});
  }
  return out;
}

// Whether it went well; tells what did not.
bool well(std::string_view what, rd_kafka_error_t* error) {
  if (error == nullptr) return true;
  say(fmt::format("{}: {}", what, rd_kafka_error_name(error)));
  rd_kafka_error_destroy(error);
  return false;
}

int naive(const KafkaOptions& options) {
  auto conf =
      kafka_conf(options, {{"transactional.id", kName}, {"transaction.timeout.ms", "10000"}});
  auto made = kafka_handle(std::move(*conf), KafkaRole::Producer);
  if (!made) return 1;
  rd_kafka_t* const handle = made->get();
  const std::string topic = kafka_topic(options, Topic::Ledger);
  if (!well("init", rd_kafka_init_transactions(handle, kWait))) return 1;
  for (const std::string transaction : {"first", "second"}) {
    if (!well("begin", rd_kafka_begin_transaction(handle))) return 1;
    const auto both = records(transaction);
    for (const Record& record : both) {
      kafka_produce(handle, topic.c_str(), record, nullptr);
      rd_kafka_flush(handle, kWait);
    }
    if (!well("commit", rd_kafka_commit_transaction(handle, kWait))) return 1;
    say(transaction + " committed");
  }
  return 0;
}

int guarded(const KafkaOptions& options) {
  auto consumer = kafka_consumer(options, kName, "read_committed");
  const KafkaOffsets none(rd_kafka_topic_partition_list_new(0));
  std::unique_ptr<KafkaTransactor> transactor;
  for (const std::string transaction : {"first", "second"}) {
    if (!transactor) {
      auto opened = KafkaTransactor::open(options, kName);
      if (!opened) return 1;
      transactor = std::move(*opened);
    }
    const auto both = records(transaction);
    auto outcome = transactor->commit(both, none.get(), consumer->get());
    if (!outcome) {
      say(outcome.error().message);
      return 1;
    }
    if (!outcome->clean) transactor.reset();
    say(fmt::format("{} committed, {}", transaction, outcome->clean ? "cleanly" : "in doubt"));
  }
  return 0;
}

int read(const KafkaOptions& options) {
  if (!KafkaTransactor::open(options, kName)) return 1;
  auto consumer = kafka_consumer(options, kName, "read_committed");
  KafkaOffsets all(rd_kafka_topic_partition_list_new(kPartitions));
  const std::string topic = kafka_topic(options, Topic::Ledger);
  for (int i = 0; i < kPartitions; ++i) {
    rd_kafka_topic_partition_list_add(all.get(), topic.c_str(), i)->offset = 0;
  }
  rd_kafka_assign(consumer->get(), all.get());
  for (int ended = 0; ended < kPartitions;) {
    const std::unique_ptr<rd_kafka_message_t, void (*)(rd_kafka_message_t*)> message(
        rd_kafka_consumer_poll(consumer->get(), kWait), rd_kafka_message_destroy);
    if (message == nullptr) return 1;
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      ++ended;
    } else if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      say(fmt::format("{} {}",
                      std::string_view(static_cast<const char*>(message->payload), message->len),
                      message->partition));
    }
  }
  return 0;
}

}  // namespace
}  // namespace vigie

int main(int count, char** words) {
  if (count != 4) return 2;
  vigie::KafkaOptions options;
  options.bootstrap = words[2];
  options.topic_prefix = words[3];
  if (std::strcmp(words[1], "naive") == 0) return vigie::naive(options);
  if (std::strcmp(words[1], "guarded") == 0) return vigie::guarded(options);
  return vigie::read(options);
}
