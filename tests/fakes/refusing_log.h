#pragma once

#include <atomic>
#include <memory>
#include <utility>
#include <vector>

#include "pipeline/log/event_log.h"

namespace vigie {

// A log that takes no records while it is told to refuse, and is `inner` otherwise.
class RefusingLog : public EventLog {
 public:
  explicit RefusingLog(EventLog& inner) : inner_(inner) {}

  std::atomic<int> refusals{0};  // appends still to be refused
  std::atomic<int> refused{0};

  std::int32_t partitions(Topic topic) const override { return inner_.partitions(topic); }
  Result<void> append(std::vector<Record> records) override {
    if (refusals > 0) {
      --refusals;
      ++refused;
      return fail(Code::Unavailable, "log: refused");
    }
    return inner_.append(std::move(records));
  }
  Result<Offset> append_one(Record record) override {
    if (refusals > 0) {
      --refusals;
      ++refused;
      return fail(Code::Unavailable, "log: refused");
    }
    return inner_.append_one(std::move(record));
  }
  Result<std::unique_ptr<LogReader>> read(Topic topic, ReadOptions options, Store& store) override {
    return inner_.read(topic, std::move(options), store);
  }
  Result<std::optional<std::string>> latest(Topic topic, std::string_view key) override {
    return inner_.latest(topic, key);
  }
  Result<void> healthy() override { return inner_.healthy(); }

 private:
  EventLog& inner_;
};

}  // namespace vigie
