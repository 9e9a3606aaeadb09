#include "pipeline/log/kafka_owners.h"

#include <algorithm>

#include <fmt/format.h>

namespace vigie {

void KafkaOwners::take(int reader, std::span<const Partition> partitions) {
  const std::lock_guard lock(mutex_);
  std::erase_if(owners_, [&](const auto& entry) { return entry.second == reader; });
  for (const Partition partition : partitions) owners_[partition] = reader;
}

void KafkaOwners::leave(int reader) {
  take(reader, {});
}

bool KafkaOwners::at_rest(std::span<const Partition> partitions) const {
  const std::lock_guard lock(mutex_);
  return std::ranges::none_of(partitions, [&](Partition p) { return being_written_.contains(p); });
}

Result<void> KafkaOwners::write(int reader, std::span<const Partition> partitions,
                                const std::function<Result<void>()>& write) {
  {
    const std::lock_guard lock(mutex_);
    for (const Partition partition : partitions) {
      const auto owner = owners_.find(partition);
      const bool is_ours = owner != owners_.end() && owner->second == reader;
      if (is_ours && !being_written_.contains(partition)) continue;
      return fail(Code::Unavailable,
                  fmt::format("kafka: partition {} went to another worker of this process",
                              number(partition)));
    }
    being_written_.insert(partitions.begin(), partitions.end());
  }
  return write_marked(partitions, write);
}

Result<void> KafkaOwners::write_unowned(Partition partition,
                                        const std::function<Result<void>()>& write) {
  {
    const std::lock_guard lock(mutex_);
    if (owners_.contains(partition) || !being_written_.insert(partition).second) return {};
  }
  return write_marked({&partition, 1}, write);
}

Result<void> KafkaOwners::write_marked(std::span<const Partition> partitions,
                                       const std::function<Result<void>()>& write) {
  auto written = write();
  const std::lock_guard lock(mutex_);
  for (const Partition partition : partitions) being_written_.erase(partition);
  return written;
}

}  // namespace vigie
