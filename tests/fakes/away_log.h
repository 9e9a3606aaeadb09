#pragma once

#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "tests/fakes/refusing_log.h"

namespace vigie {

// A log that, once `away` is set, takes every store that is folded from a compacted topic for one
// that may have missed tombstones, as Kafka does after 20 hours: readers that are open end, and the
// next ones begin anew. Nor are records of `unreachable` read while that names a topic.
class AwayLog : public RefusingLog {
 public:
  using RefusingLog::RefusingLog;

  bool away = false;
  std::optional<Topic> unreachable;

  Result<std::unique_ptr<LogReader>> read(Topic topic, ReadOptions options, Store& store) override {
    const bool ends_when_away = options.wipe && !away;
    if (options.wipe && away) {
      if (auto wiped = options.wipe(store); !wiped) return std::unexpected(wiped.error());
      options.group += "-anew";  // has no offsets
    }
    auto reader = RefusingLog::read(topic, std::move(options), store);
    if (!reader) return reader;
    return std::make_unique<Reader>(*this, topic, ends_when_away, std::move(*reader));
  }

 private:
  class Reader : public LogReader {
   public:
    Reader(const AwayLog& log, Topic topic, bool ends_when_away, std::unique_ptr<LogReader> inner)
        : log_(log), topic_(topic), ends_when_away_(ends_when_away), inner_(std::move(inner)) {}
    Result<std::span<const LogRecord>> poll(std::size_t max,
                                            std::chrono::milliseconds wait) override {
      if (log_.unreachable == topic_) return fail(Code::Unavailable, "log: no way there");
      if (log_.away && ends_when_away_) return fail(Code::Unavailable, "log: away for too long");
      return inner_->poll(max, wait);
    }
    Result<void> commit(Effects effects) override { return inner_->commit(std::move(effects)); }
    Result<bool> stay() override { return inner_->stay(); }
    std::vector<Partition> partitions() const override { return inner_->partitions(); }
    bool is_settled() const override { return inner_->is_settled(); }
    std::pair<Offset, Offset> position(Partition partition) const override {
      return inner_->position(partition);
    }
    Result<std::map<Partition, Offset>> ends() override { return inner_->ends(); }

   private:
    const AwayLog& log_;
    const Topic topic_;
    const bool ends_when_away_;
    const std::unique_ptr<LogReader> inner_;
  };
};

}  // namespace vigie
