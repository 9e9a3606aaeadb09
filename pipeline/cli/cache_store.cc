#include "pipeline/cli/cache_store.h"

#include <array>
#include <chrono>
#include <fstream>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <prometheus/counter.h>
#include <prometheus/registry.h>
#include <spdlog/spdlog.h>

namespace vigie {
namespace {

namespace fs = std::filesystem;

// As long as `mentions` keeps what an erasure does not reach.
constexpr std::chrono::hours kKeepDamaged{72};
// In the store's own directory, so that it goes where the damage goes.
constexpr const char* kMark = "DAMAGED";
// Of stores beside a log over Kafka.
constexpr std::array kNames{"state", "view"};

fs::path aside(const fs::path& data_dir, const std::string& name) {
  return data_dir / (name + ".damaged");
}

Result<void> set_aside(const fs::path& directory, const fs::path& to, const Error& why) {
  std::error_code failed;
  fs::remove_all(to, failed);
  if (!failed) fs::rename(directory, to, failed);
  if (failed) {
    return fail(Code::Unavailable, fmt::format("{}; it cannot be moved to {}: {}", why.message,
                                               to.string(), failed.message()));
  }
  // Its age there counts, not that of its files.
  fs::last_write_time(to, fs::file_time_type::clock::now(), failed);
  spdlog::error("store error=\"{}\" action=rebuild set_aside={}", why.message, to.string());
  return {};
}

}  // namespace

Result<std::unique_ptr<Store>> open_cache(const fs::path& data_dir, const std::string& name,
                                          StoreOptions options, prometheus::Registry& registry) {
  auto& rebuilds = prometheus::BuildCounter()
                       .Name("vigie_store_rebuilds_total")
                       .Help("Stores that were damaged and are made from the topics again")
                       .Register(registry)
                       .Add({{"store", name}});
  options.way_out = kCacheWayOut;
  options.is_cache = true;
  const fs::path directory = data_dir / name;
  drop_set_aside(data_dir);
  std::error_code failed;
  Error why{Code::Corrupt,
            fmt::format("store: {} was found damaged while it was in use", directory.string())};
  if (!fs::exists(directory / kMark, failed)) {
    auto opened = Store::open(directory, options);
    if (opened || opened.error().code != Code::Corrupt) return opened;
    why = std::move(opened.error());
  }
  if (auto moved = set_aside(directory, aside(data_dir, name), why); !moved) {
    return std::unexpected(std::move(moved.error()));
  }
  rebuilds.Increment();
  return Store::open(directory, options);
}

void drop_set_aside(const fs::path& data_dir) {
  const auto now = fs::file_time_type::clock::now();
  for (const char* name : kNames) {
    const fs::path path = aside(data_dir, name);
    std::error_code failed;
    const auto since = fs::last_write_time(path, failed);
    if (failed || now - since < kKeepDamaged) continue;
    fs::remove_all(path, failed);
    if (failed) {
      spdlog::warn("store set_aside={} error=\"{}\"", path.string(), failed.message());
    } else {
      spdlog::info("store set_aside={} removed", path.string());
    }
  }
}

Result<void> mark_damaged(const fs::path& data_dir, const std::string& name) {
  const fs::path path = data_dir / name / kMark;
  const std::ofstream mark(path);
  if (mark) return {};
  return fail(Code::Unavailable, fmt::format("store: cannot write {}", path.string()));
}

}  // namespace vigie
