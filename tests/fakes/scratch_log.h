#pragma once

#include <algorithm>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "pipeline/log/embedded_log.h"
#include "tests/fakes/scratch_store.h"

namespace vigie {

// A real embedded log over a real store, which remembers what was committed since it was last asked
// and can be closed and opened again. Nothing is trimmed.
class ScratchLog {
 public:
  explicit ScratchLog(std::int32_t partitions = 1) : partitions_(partitions) { open(); }

  EmbeddedLog& operator*() { return *log_; }
  EmbeddedLog* operator->() { return log_.get(); }
  Store& store() { return *store_; }

  // Readers of the log are gone before.
  void reopen() {
    log_.reset();
    store_.reopen();
    open();
  }

  // Every record committed since the last call.
  std::vector<Record> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(committed_, {});
  }

  static std::vector<Record> of(Topic topic, const std::vector<Record>& records) {
    std::vector<Record> out;
    std::ranges::copy_if(records, std::back_inserter(out),
                         [&](const Record& record) { return record.topic == topic; });
    return out;
  }

 private:
  void open() {
    EmbeddedOptions options;
    options.partitions = partitions_;
    options.durability = Durability::Buffered;
    options.clock = {};
    options.observer = [this](const Record& record) {
      const std::lock_guard lock(mutex_);
      committed_.push_back(record);
    };
    auto opened = EmbeddedLog::open(std::move(options), *store_);
    if (!opened) {
      ADD_FAILURE() << opened.error().message;
      std::abort();
    }
    log_ = std::move(*opened);
  }

  const std::int32_t partitions_;
  std::mutex mutex_;
  std::vector<Record> committed_;  // guarded by mutex_
  ScratchStore store_;
  std::unique_ptr<EmbeddedLog> log_;
};

}  // namespace vigie
