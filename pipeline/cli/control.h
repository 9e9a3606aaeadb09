#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "pipeline/cli/commands.h"
#include "pipeline/core/error.h"

namespace vigie {

// The operator's door to a running service: the socket `control.sock` in its data directory, for
// whoever may open the files there and for nobody on a network. Asked and answered in lines:
//   request := word "\n"
//   answer  := (" " text "\n")* "=" exit_code "\n"
// One call at a time; the next one waits. Starts and ends with the object.
class ControlServer {
 public:
  struct Call {
    std::string request;
    std::function<void(std::string_view line)> say;
    std::function<bool()> gone;  // nobody waits for the answer any more
  };
  // `answer` is called from the server's own thread.
  static Result<std::unique_ptr<ControlServer>> start(const std::filesystem::path& data_dir,
                                                      std::function<Exit(const Call&)> answer);
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

 private:
  struct Impl;
  explicit ControlServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Asks the service that runs over a data directory; `line` gets what it says. Unavailable when
// there is none, or when it ended before it answered.
Result<Exit> ask_service(const std::filesystem::path& data_dir, std::string_view request,
                         const std::function<void(std::string_view line)>& line);

}  // namespace vigie
