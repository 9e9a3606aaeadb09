// The commands that save the store and bring it back.
#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include "pipeline/cli/backup.h"
#include "pipeline/cli/commands.h"
#include "pipeline/cli/config.h"
#include "pipeline/cli/control.h"
#include "pipeline/cli/crash_point.h"
#include "pipeline/cli/operations.h"
#include "pipeline/cli/report.h"
#include "state/store.h"

namespace vigie {
namespace {

// One backup or restore of a data directory at a time.
class Turn {
 public:
  explicit Turn(const std::filesystem::path& data_dir)
      : directory_(::open(data_dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    is_ours_ = directory_ >= 0 && ::flock(directory_, LOCK_EX | LOCK_NB) == 0;
  }
  ~Turn() {
    if (directory_ >= 0) ::close(directory_);
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  Result<void> taken(const std::filesystem::path& data_dir) const {
    if (is_ours_) return {};
    if (directory_ < 0) {
      return fail(Code::NotFound, fmt::format("{}: no such directory", data_dir.string()));
    }
    return fail(Code::Unavailable,
                fmt::format("{}: another backup or restore is under way", data_dir.string()));
  }

 private:
  int directory_;
  bool is_ours_ = false;
};

Result<Config> load_embedded(const std::string& file) {
  auto config = load_config(file, process_environment());
  if (!config) return config;
  if (config->log.kind == LogConfig::Kind::Kafka) {
    return fail(Code::Invalid,
                fmt::format("{}: log.kind is kafka: its topics hold everything, and what is in "
                            "data_dir is made from them again",
                            file));
  }
  return config;
}

// Has the checkpoint made: by the service that runs, else here.
Result<void> make_checkpoint(const Config& config) {
  const std::filesystem::path state = config.data_dir / "state";
  std::error_code code;
  if (!std::filesystem::exists(state / "CURRENT", code)) {
    return fail(Code::NotFound, fmt::format("{}: no store there yet", state.string()));
  }
  if (store_is_held(state)) {
    std::string said;
    auto exit =
        ask_service(config.data_dir, "checkpoint", [&](std::string_view line) { said = line; });
    if (!exit) return std::unexpected(std::move(exit.error()));
    if (*exit != Exit::Good) return fail(Code::Unavailable, said);
    return {};
  }
  StoreOptions options;
  options.at_point = crash_points(process_environment());
  auto store = Store::open(state, options);
  if (!store) return std::unexpected(std::move(store.error()));
  std::filesystem::remove_all(checkpoint_directory(config), code);
  return (*store)->checkpoint(checkpoint_directory(config));
}

double mebibytes(std::uint64_t bytes) {
  return static_cast<double>(bytes) / (1 << 20);
}

}  // namespace

namespace {

bool is_within(const std::filesystem::path& place, const std::filesystem::path& directory) {
  std::error_code code;
  const auto inner = std::filesystem::weakly_canonical(place, code);
  const auto outer = std::filesystem::weakly_canonical(directory, code);
  return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

}  // namespace

Exit backup(const BackupCommand& command) {
  auto config = load_embedded(command.config);
  if (!config) return report(config.error());
  if (is_within(command.to, config->data_dir)) {
    report(
        Error{Code::Invalid,
              fmt::format("--to: {} lies in the data directory, and would go with it; expected a "
                          "place outside of {}",
                          command.to, config->data_dir.string())});
    return Exit::Usage;
  }
  const Turn turn(config->data_dir);
  if (auto ours = turn.taken(config->data_dir); !ours) return report(ours.error());
  auto made = make_checkpoint(*config);
  if (!made) return report(made.error());
  const std::filesystem::path checkpoint = checkpoint_directory(*config);
  auto info = make_backup(*config, checkpoint, command.to, system_clock()(),
                          crash_points(process_environment()));
  std::error_code code;
  std::filesystem::remove_all(checkpoint, code);
  if (!info) return report(info.error());
  fmt::print("{}: {} files, {:.1f} MiB, {} ledger records, {} counters, stream time {}\n",
             info->directory.string(), info->files, mebibytes(info->bytes), info->ledger_records,
             info->counters, info->stream_time.empty() ? "none" : info->stream_time);
  auto removed = keep_backups(command.to, command.keep);
  if (!removed) return report(removed.error());
  if (*removed > 0) fmt::print("removed {} older\n", *removed);
  return Exit::Good;
}

Exit restore(const RestoreCommand& command) {
  auto config = load_embedded(command.config);
  if (!config) return report(config.error());
  std::error_code code;
  std::filesystem::create_directories(config->data_dir, code);
  const Turn turn(config->data_dir);
  if (auto ours = turn.taken(config->data_dir); !ours) return report(ours.error());
  if (store_is_held(config->data_dir / "state")) {
    return report(Error{Code::Unavailable, fmt::format("{}: the service runs; stop it first",
                                                       config->data_dir.string())});
  }
  auto backup = find_backup(command.from);
  if (!backup) return report(backup.error());
  RestoreOptions options;
  options.force = command.force;
  options.now = system_clock()();
  options.at_point = crash_points(process_environment());
  auto aside = restore_backup(*config, *backup, options);
  if (!aside) return report(aside.error());
  fmt::print("restored {} into {}\n", backup->string(), (config->data_dir / "state").string());
  if (!aside->empty()) fmt::print("what was there is in {}\n", aside->string());
  return Exit::Good;
}

}  // namespace vigie
