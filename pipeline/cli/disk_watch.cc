#include "pipeline/cli/disk_watch.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <spdlog/spdlog.h>

namespace vigie {
namespace {

constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;
constexpr std::chrono::seconds kComeBack{5};

std::string mebibytes(std::uint64_t bytes) {
  return fmt::format("{} MiB", bytes >> 20);
}

}  // namespace

struct DiskWatch::Metrics {
  explicit Metrics(prometheus::Registry& registry)
      : free(prometheus::BuildGauge()
                 .Name("vigie_disk_free_bytes")
                 .Help("Room on the disk of the data directory")
                 .Register(registry)
                 .Add({})),
        stopped(prometheus::BuildGauge()
                    .Name("vigie_intake_stopped")
                    .Help("1 while nothing is taken in")
                    .Register(registry)
                    .Add({{"reason", "disk"}})) {}

  prometheus::Gauge& free;
  prometheus::Gauge& stopped;
};

Result<DiskSpace> disk_space(const std::filesystem::path& directory) {
  std::error_code failed;
  const auto space = std::filesystem::space(directory, failed);
  if (failed) {
    return fail(Code::Unavailable, fmt::format("{}: {}", directory.string(), failed.message()));
  }
  return DiskSpace{space.available, space.capacity};
}

DiskLimits disk_limits(const DiskConfig& config, std::uint64_t capacity) {
  DiskLimits out;
  out.stop_below = config.stop_below.value_or(std::min(kGiB, capacity / 10));
  out.resume_above = config.resume_above.value_or(std::min(2 * kGiB, capacity / 20 * 3));
  // Where only one of the two is given, the other may stand on the wrong side of it.
  if (config.stop_below && !config.resume_above) {
    out.resume_above = std::max(out.resume_above, out.stop_below + out.stop_below / 2);
  }
  out.stop_below = std::min(out.stop_below, out.resume_above);
  return out;
}

DiskWatch::DiskWatch(const DiskConfig& config, Look look, prometheus::Registry& registry)
    : config_(config), look_(std::move(look)), metrics_(std::make_unique<Metrics>(registry)) {}
DiskWatch::~DiskWatch() = default;

std::optional<Error> DiskWatch::look() {
  const Result<DiskSpace> space = look_();
  const std::lock_guard lock(mutex_);
  // What cannot be told stays as it was.
  if (space) {
    const DiskLimits limits = disk_limits(config_, space->capacity);
    const bool stops = space->free < (stopped_ ? limits.resume_above : limits.stop_below);
    metrics_->free.Set(static_cast<double>(space->free));
    metrics_->stopped.Set(stops ? 1 : 0);
    if (stops != stopped_) {
      spdlog::warn("intake state={} reason=disk free=\"{}\" stop_below=\"{}\" resume_above=\"{}\"",
                   stops ? "stopped" : "running", mebibytes(space->free),
                   mebibytes(limits.stop_below), mebibytes(limits.resume_above));
    }
    stopped_ = stops;
    if (stops) {
      Error error{Code::Throttled,
                  fmt::format("disk: {} free; nothing is taken in below {} and until there are {}",
                              mebibytes(space->free), mebibytes(limits.stop_below),
                              mebibytes(limits.resume_above)),
                  kComeBack};
      return error;
    }
    return std::nullopt;
  }
  if (!stopped_) return std::nullopt;
  return Error{Code::Throttled, "disk: too full, and " + space.error().message, kComeBack};
}

}  // namespace vigie
