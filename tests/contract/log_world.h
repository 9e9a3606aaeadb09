#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "pipeline/log/event_log.h"
#include "pipeline/log/kafka_log.h"
#include "state/store.h"

namespace vigie {

// A directory that is gone at the end of the test.
class ScratchDirectory {
 public:
  ScratchDirectory();
  ~ScratchDirectory();
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// A log and the store its readers commit to; both can be closed and opened again on what is there.
class LogWorld {
 public:
  using Open = std::function<Result<std::unique_ptr<EventLog>>(Store&)>;
  explicit LogWorld(Open open);

  EventLog& log() { return *log_; }
  Store& store() { return *store_; }
  // Every reader has ended.
  void reopen();

 private:
  Open open_;
  ScratchDirectory directory_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<EventLog> log_;
};

// A record as the tests compare it; it outlives the poll.
struct Seen {
  int partition = 0;
  Offset offset = 0;
  std::string key;
  std::optional<std::string> value;
};

// Topics of the shared broker with a prefix that no other test uses.
KafkaOptions fresh_kafka_options();

// Reads until `count` records came, or half a minute passed.
std::vector<Seen> read_records(LogReader& reader, std::size_t count);
// Polls until the reader says that nothing is left.
std::vector<Seen> read_to_end(LogReader& reader);
// Polls until `done`, or half a minute passed; what came is thrown away. Says whether it was done.
bool poll_until(LogReader& reader, const std::function<bool()>& done);

std::unique_ptr<LogReader> reader_of(LogWorld& world, Topic topic, ReadOptions options);
void append(EventLog& log, std::vector<Record> records);
Record record(Topic topic, int partition, std::string key, std::optional<std::string> value);

// Commits that everything polled so far is done, with these outputs and one state value.
Result<void> commit_all(LogReader& reader, std::vector<Record> outputs = {},
                        const std::string& state = {});

}  // namespace vigie
