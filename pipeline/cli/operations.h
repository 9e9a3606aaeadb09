#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "pipeline/cli/config.h"
#include "pipeline/core/error.h"
#include "state/recount.h"
#include "state/store.h"

namespace prometheus {
class Registry;
}

namespace vigie {

// Where a checkpoint stands until `vigie backup` has taken it from there.
std::filesystem::path checkpoint_directory(const Config& config);

// Recounts and says every difference, a line each up to a limit, and how it went. `gone` ends it.
Result<Recounted> tell_recount(const Store& store, const std::function<bool()>& gone,
                               const std::function<void(std::string_view line)>& say);

// Reads every block of a store and says that all hold; or what does not.
Result<std::string> verify_store(const Store& store, const std::filesystem::path& directory);

// What operators do to a running service: recounts, checkpoints and looks at every checksum, asked
// for through ControlServer; and the watch over the room on the disk.
class Operations {
 public:
  // Stores and `registry` outlive the object. `view` is null where it has no store of its own.
  static Result<std::unique_ptr<Operations>> start(const Config& config, const Store& store,
                                                   const Store* view,
                                                   prometheus::Registry& registry);
  ~Operations();

  // Why nothing may be taken in now; empty while it may. Any thread.
  std::optional<Error> refuse_intake();
  // "ok", or what is wrong with the disk. Any thread.
  std::string disk_check();

 private:
  struct Impl;
  explicit Operations(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace vigie
