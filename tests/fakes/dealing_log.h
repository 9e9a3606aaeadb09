#pragma once

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "pipeline/log/event_log.h"

namespace vigie {

// A log that deals the partitions of shared readers as a test says, as a group would, and is
// `inner` otherwise. Its readers are gone before it.
class DealingLog : public EventLog {
 public:
  using Hand = std::optional<std::vector<Partition>>;  // none: it is not settled
  explicit DealingLog(EventLog& inner) : inner_(inner) {}

  // What the readers have from their next poll on, in the order in which they were opened; one
  // beyond the list is not settled.
  void deal(std::vector<Hand> hands) {
    const std::lock_guard lock(mutex_);
    hands_ = std::move(hands);
    changed_.notify_all();
  }
  // Fails every poll of a shared reader; none: no longer.
  void refuse(std::optional<Error> error) {
    const std::lock_guard lock(mutex_);
    refusal_ = std::move(error);
  }
  // How many shared readers were opened.
  std::size_t opened() const {
    const std::lock_guard lock(mutex_);
    return opened_;
  }

  std::int32_t partitions(Topic topic) const override { return inner_.partitions(topic); }
  Result<void> append(std::vector<Record> records) override {
    return inner_.append(std::move(records));
  }
  Result<Offset> append_one(Record record) override { return inner_.append_one(std::move(record)); }
  Result<std::unique_ptr<LogReader>> read(Topic topic, ReadOptions options, Store& store) override {
    const bool shared = options.shared;
    auto reader = inner_.read(topic, std::move(options), store);
    if (!reader || !shared) return reader;
    const std::lock_guard lock(mutex_);
    return std::make_unique<Reader>(*this, std::move(*reader), opened_++);
  }
  Result<std::optional<std::string>> latest(Topic topic, std::string_view key) override {
    return inner_.latest(topic, key);
  }
  Result<void> healthy() override { return inner_.healthy(); }

 private:
  class Reader : public LogReader {
   public:
    Reader(DealingLog& log, std::unique_ptr<LogReader> inner, std::size_t index)
        : log_(log), inner_(std::move(inner)), index_(index) {}

    Result<std::span<const LogRecord>> poll(std::size_t max,
                                            std::chrono::milliseconds wait) override {
      {
        std::unique_lock lock(log_.mutex_);
        if (log_.refusal_) return std::unexpected(*log_.refusal_);
        const auto dealt = [&] {
          return index_ < log_.hands_.size() ? log_.hands_[index_] : Hand();
        };
        if (hand_ == dealt() && (!hand_ || hand_->empty())) {
          log_.changed_.wait_for(lock, wait, [&] { return hand_ != dealt(); });
        }
        hand_ = dealt();
      }
      records_.clear();
      if (!hand_ || hand_->empty()) return std::span<const LogRecord>();
      auto polled = inner_->poll(max, wait);
      if (!polled) return polled;
      std::ranges::copy_if(*polled, std::back_inserter(records_),
                           [&](const LogRecord& record) { return has(record.partition); });
      return std::span<const LogRecord>(records_);
    }
    Result<void> commit(Effects effects) override { return inner_->commit(std::move(effects)); }
    Result<bool> stay() override {
      const std::lock_guard lock(log_.mutex_);
      return index_ < log_.hands_.size() && hand_ == log_.hands_[index_];
    }
    std::vector<Partition> partitions() const override {
      return hand_.value_or(std::vector<Partition>());
    }
    bool is_settled() const override { return hand_.has_value(); }
    std::pair<Offset, Offset> position(Partition partition) const override {
      return inner_->position(partition);
    }
    Result<std::map<Partition, Offset>> ends() override { return inner_->ends(); }

   private:
    bool has(Partition partition) const {
      return std::ranges::find(*hand_, partition) != hand_->end();
    }

    DealingLog& log_;
    const std::unique_ptr<LogReader> inner_;
    const std::size_t index_;
    Hand hand_;
    std::vector<LogRecord> records_;
  };

  EventLog& inner_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Hand> hands_;       // guarded by mutex_
  std::optional<Error> refusal_;  // guarded by mutex_
  std::size_t opened_ = 0;        // guarded by mutex_
};

}  // namespace vigie
