#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "pipeline/cli/config.h"
#include "pipeline/core/error.h"

namespace prometheus {
class Registry;
}

namespace vigie {

struct DiskSpace {
  std::uint64_t free = 0;
  std::uint64_t capacity = 0;
};
// Of the file system that holds `directory`.
Result<DiskSpace> disk_space(const std::filesystem::path& directory);

// What the config means on a disk of this size: without figures of its own a tenth of it and three
// twentieths, at most 1 and 2 GiB.
struct DiskLimits {
  std::uint64_t stop_below = 0;
  std::uint64_t resume_above = 0;
};
DiskLimits disk_limits(const DiskConfig& config, std::uint64_t capacity);

// Says when the disk is too full to take more in, while there is still room for what was taken: a
// store whose write fails has to be restarted. Any thread.
class DiskWatch {
 public:
  using Look = std::function<Result<DiskSpace>()>;
  // The metrics live in `registry`, which outlives the object.
  DiskWatch(const DiskConfig& config, Look look, prometheus::Registry& registry);
  ~DiskWatch();

  // Looks, and answers why nothing may be taken in (Throttled); empty while it may. Once stopped,
  // intake goes on only when there is more room than it took to stop.
  std::optional<Error> look();

 private:
  struct Metrics;

  const DiskConfig config_;
  const Look look_;
  const std::unique_ptr<Metrics> metrics_;
  std::mutex mutex_;
  bool stopped_ = false;  // guarded by mutex_
};

}  // namespace vigie
