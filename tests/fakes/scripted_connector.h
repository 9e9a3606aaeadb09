#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "connectors/connector.h"

namespace vigie {

// What a ScriptedConnector does, and what was done to it. The test holds it beside the runner,
// which owns the connector; any thread.
class Script {
 public:
  using Step = Result<Batch>;

  // What the coming calls of `next` answer; after the last of them nothing comes any more.
  void add(Step step) {
    const std::lock_guard lock(mutex_);
    steps_.push_back(std::move(step));
    changed_.notify_all();
  }
  // The coming calls of `open` fail so.
  void refuse_open(Error error) {
    const std::lock_guard lock(mutex_);
    open_errors_.push_back(std::move(error));
  }
  // When the source was last heard of.
  void set_last_heard(std::chrono::steady_clock::time_point time) {
    const std::lock_guard lock(mutex_);
    last_heard_ = time;
  }

  // The cursor of every `open` so far, failed ones too.
  std::vector<std::string> opened() const {
    const std::lock_guard lock(mutex_);
    return opened_;
  }

  // Whether it came to `n` calls of `open` before the deadline.
  bool wait_opened(std::size_t n) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kDeadline, [&] { return opened_.size() >= n; });
  }
  // Whether every step was taken and the connector was asked for more.
  bool wait_idle() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kDeadline, [&] { return idle_ && steps_.empty(); });
  }

 private:
  friend class ScriptedConnector;
  static constexpr std::chrono::seconds kDeadline{30};

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Step> steps_;
  std::deque<Error> open_errors_;
  std::vector<std::string> opened_;
  std::chrono::steady_clock::time_point last_heard_ = std::chrono::steady_clock::time_point::max();
  bool idle_ = false;
};

// A source that does what its script says.
class ScriptedConnector : public Connector {
 public:
  explicit ScriptedConnector(std::shared_ptr<Script> script) : script_(std::move(script)) {}

  Result<void> open(std::string_view cursor, std::stop_token) override {
    const std::lock_guard lock(script_->mutex_);
    script_->opened_.emplace_back(cursor);
    script_->changed_.notify_all();
    if (script_->open_errors_.empty()) return {};
    Error error = std::move(script_->open_errors_.front());
    script_->open_errors_.pop_front();
    return std::unexpected(std::move(error));
  }

  Result<Batch> next(std::chrono::milliseconds wait, std::stop_token stop) override {
    std::unique_lock lock(script_->mutex_);
    if (script_->steps_.empty()) {
      script_->idle_ = true;
      script_->changed_.notify_all();
      script_->changed_.wait_for(lock, stop, wait, [&] { return !script_->steps_.empty(); });
    }
    if (script_->steps_.empty()) return Batch{};
    script_->idle_ = false;
    Script::Step step = std::move(script_->steps_.front());
    script_->steps_.pop_front();
    return step;
  }

  std::chrono::steady_clock::time_point last_heard() const override {
    const std::lock_guard lock(script_->mutex_);
    return std::min(script_->last_heard_, std::chrono::steady_clock::now());
  }

 private:
  std::shared_ptr<Script> script_;
};

}  // namespace vigie
