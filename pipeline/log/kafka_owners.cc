#include "pipeline/log/kafka_owners.h"

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

Result<void> KafkaOwners::write(int reader, std::span<const Partition> partitions,
                                const std::function<Result<void>()>& write) {
  const std::lock_guard lock(mutex_);
  for (const Partition partition : partitions) {
    const auto owner = owners_.find(partition);
    if (owner != owners_.end() && owner->second == reader) continue;
    return fail(Code::Unavailable,
                fmt::format("kafka: partition {} went to another worker of this process",
                            number(partition)));
  }
  return write();
}

Result<void> KafkaOwners::write_unowned(Partition partition,
                                        const std::function<Result<void>()>& write) {
  const std::lock_guard lock(mutex_);
  return owners_.contains(partition) ? Result<void>() : write();
}

}  // namespace vigie
