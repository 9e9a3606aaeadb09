#include "pipeline/cli/report.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <system_error>
#include <tuple>

#include <fmt/format.h>
#include <unistd.h>

namespace vigie {

void say(std::string_view text) {
  std::ignore = std::fwrite(text.data(), 1, text.size(), stderr);
}

Exit report(const Error& error) {
  say(fmt::format("vigie: {}\n", error.message));
  switch (error.code) {
    case Code::Invalid:
    case Code::NotFound:
      return Exit::Input;
    default:
      return Exit::Environment;
  }
}

Result<void> flush_output() {
  errno = 0;
  const bool flushed = std::fflush(stdout) == 0;
  const int reason = errno;
  if (flushed && std::ferror(stdout) == 0) return {};
  // A write that failed earlier left its mark on the stream, but not its reason.
  std::string message = "cannot write the standard output";
  if (!flushed) message += ": " + std::generic_category().message(reason);
  return fail(Code::Unavailable, std::move(message));
}

Progress::Progress(std::string_view unit, std::uint64_t total)
    : unit_(unit),
      total_(total),
      shown_(isatty(STDERR_FILENO) == 1),
      begun_(std::chrono::steady_clock::now()),
      drawn_at_(begun_) {}

Progress::~Progress() {
  if (drawn_) say("\n");
}

void Progress::at(std::uint64_t done) {
  if (!shown_) return;
  const auto now = std::chrono::steady_clock::now();
  if (now - drawn_at_ < std::chrono::milliseconds{200}) return;
  drawn_at_ = now;
  drawn_ = true;
  const double seconds = std::chrono::duration<double>(now - begun_).count();
  const double rate = static_cast<double>(done) / std::max(seconds, 0.001);
  if (total_ == 0) {
    say(fmt::format("\r{} {} ({:.0f}/s)   ", done, unit_, rate));
    return;
  }
  const double part = std::min(1.0, static_cast<double>(done) / static_cast<double>(total_));
  const auto filled = static_cast<std::size_t>(part * 30);
  say(fmt::format("\r[{:<30}] {:3.0f} % {} {} ({:.0f}/s)   ", std::string(filled, '#'), part * 100,
                  done, unit_, rate));
}

}  // namespace vigie
