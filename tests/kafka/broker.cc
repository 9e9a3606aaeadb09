#include "tests/kafka/broker.h"

#include <array>
#include <csignal>
#include <cstdlib>
#include <string_view>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace vigie {
namespace {

// Covers the first fetch of the broker's jars.
constexpr int kAnswerMilliseconds = 180'000;

}  // namespace

KafkaBroker& KafkaBroker::shared() {
  static KafkaBroker broker;
  return broker;
}

KafkaBroker::KafkaBroker() {
  if (const char* running = std::getenv("VIGIE_TEST_KAFKA")) {
    bootstrap_ = running;
    return;
  }
  // A broker that died must show as a failed test, not as a signal.
  std::signal(SIGPIPE, SIG_IGN);
  std::array<int, 2> in{};
  std::array<int, 2> out{};
  if (pipe2(in.data(), O_CLOEXEC) != 0 || pipe2(out.data(), O_CLOEXEC) != 0) {
    ADD_FAILURE() << "no pipes for the broker";
    return;
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
  std::string python = VIGIE_PYTHON;
  std::string script = VIGIE_KAFKA_BROKER;
  std::string command = "run";
  std::array<char*, 4> arguments = {python.data(), script.data(), command.data(), nullptr};
  const int failed =
      posix_spawn(&pid_, python.c_str(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(in[0]);
  close(out[1]);
  input_ = in[1];
  output_ = out[0];
  if (failed != 0) {
    pid_ = 0;
    ADD_FAILURE() << "cannot run " << script;
    return;
  }
  const std::string line = answer();
  constexpr std::string_view kField = "\"bootstrap\": \"";
  const std::size_t at = line.find(kField);
  if (at == std::string::npos) {
    ADD_FAILURE() << "the broker did not start: " << line;
    return;
  }
  const std::size_t begin = at + kField.size();
  bootstrap_ = line.substr(begin, line.find('"', begin) - begin);
}

KafkaBroker::~KafkaBroker() {
  if (input_ >= 0) close(input_);
  if (pid_ > 0) waitpid(pid_, nullptr, 0);
  if (output_ >= 0) close(output_);
}

void KafkaBroker::kill() {
  say("kill\n");
}

void KafkaBroker::start() {
  say("start\n");
}

std::string KafkaBroker::say(const char* command) {
  const std::string_view text = command;
  EXPECT_EQ(write(input_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  return answer();
}

std::string KafkaBroker::answer() {
  std::string line;
  char c = 0;
  pollfd wait{output_, POLLIN, 0};
  while (poll(&wait, 1, kAnswerMilliseconds) == 1 && read(output_, &c, 1) == 1) {
    if (c == '\n') return line;
    line += c;
  }
  ADD_FAILURE() << "broker.py does not answer";
  return line;
}

void delete_records_before(const std::string& topic, int partition, std::int64_t offset) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  EXPECT_EQ(rd_kafka_conf_set(conf, "bootstrap.servers", KafkaBroker::shared().bootstrap().c_str(),
                              nullptr, 0),
            RD_KAFKA_CONF_OK);
  rd_kafka_t* client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, nullptr, 0);
  rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(list, topic.c_str(), partition)->offset = offset;
  rd_kafka_DeleteRecords_t* request = rd_kafka_DeleteRecords_new(list);
  rd_kafka_queue_t* queue = rd_kafka_queue_new(client);
  rd_kafka_DeleteRecords(client, &request, 1, nullptr, queue);
  rd_kafka_event_t* event = rd_kafka_queue_poll(queue, 10'000);
  EXPECT_NE(event, nullptr);
  if (event != nullptr) {
    EXPECT_EQ(rd_kafka_event_error(event), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_event_destroy(event);
  }
  rd_kafka_queue_destroy(queue);
  rd_kafka_DeleteRecords_destroy(request);
  rd_kafka_topic_partition_list_destroy(list);
  rd_kafka_destroy(client);
}

}  // namespace vigie
