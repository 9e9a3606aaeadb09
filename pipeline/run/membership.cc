#include "pipeline/run/membership.h"

#include <map>
#include <utility>

namespace vigie {
namespace {

constexpr std::size_t kAtOnce = 2000;

}  // namespace

Result<std::unique_ptr<Membership>> Membership::open(EventLog& log, Store& store, Topic topic,
                                                     std::string group) {
  ReadOptions read;
  read.group = std::move(group);
  read.shared = true;
  read.from_oldest = false;
  auto reader = log.read(topic, std::move(read), store);
  if (!reader) return std::unexpected(std::move(reader.error()));
  return std::unique_ptr<Membership>(new Membership(std::move(*reader)));
}

Result<void> Membership::follow(std::chrono::milliseconds wait) {
  auto polled = reader_->poll(kAtOnce, wait);
  if (!polled) return std::unexpected(std::move(polled.error()));
  if (polled->empty()) return {};
  std::map<Partition, Offset> next;
  for (const LogRecord& record : *polled) next[record.partition] = record.offset + 1;
  Effects effects;
  effects.next.assign(next.begin(), next.end());
  return reader_->commit(std::move(effects));
}

}  // namespace vigie
