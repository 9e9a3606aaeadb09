#include "connectors/replay/replay.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "connectors/options.h"

namespace vigie {
namespace {

using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;

constexpr std::size_t kBatchItems = 1000;
// How often a followed file is looked at, and how soon a silent pipe sees a stop.
constexpr milliseconds kLookEvery{50};

// Sleeps for `time` or until a stop is requested.
void pause(milliseconds time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait_for(lock, stop, time, [] { return false; });
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r") == std::string_view::npos;
}

std::string identity_of(const struct stat& status) {
  return fmt::format("{}-{}", status.st_dev, status.st_ino);
}

struct Position {
  std::uint64_t offset = 0;
  std::uint64_t line = 1;
  std::string_view identity;
};

std::optional<Position> parse_cursor(std::string_view cursor) {
  Position position;
  const char* const end = cursor.data() + cursor.size();
  const auto offset = std::from_chars(cursor.data(), end, position.offset);
  if (offset.ec != std::errc{} || offset.ptr == end || *offset.ptr != ':') return std::nullopt;
  const auto line = std::from_chars(offset.ptr + 1, end, position.line);
  if (line.ec != std::errc{} || line.ptr == end || *line.ptr != ':') return std::nullopt;
  position.identity = std::string_view(line.ptr + 1, end);
  if (position.line == 0) return std::nullopt;
  return position;
}

}  // namespace

Replay::Replay(ReplayOptions options) : options_(std::move(options)) {}

Replay::~Replay() {
  close_file();
}

void Replay::close_file() {
  if (descriptor_ > STDIN_FILENO) ::close(descriptor_);
  descriptor_ = -1;
  source_ = Source::None;
}

Error Replay::failure(std::string_view what, int error) const {
  const Code code = error == ENOENT   ? Code::Unavailable
                    : error == EACCES ? Code::Denied
                    : error == EISDIR ? Code::Invalid
                                      : Code::Unavailable;
  return {code, fmt::format("replay: {} {}: {}", what, options_.path,
                            std::generic_category().message(error))};
}

Result<void> Replay::open(std::string_view cursor, std::stop_token) {
  // A pipe cannot be read again: what is buffered goes on.
  if (source_ == Source::Pipe) return {};
  close_file();
  ended_ = false;
  take_rest_ = false;
  if (auto opened = open_file(); !opened) return opened;
  if (source_ == Source::Pipe) {
    lines_.reset(0, 1);
    return {};
  }
  return seek(cursor);
}

Result<void> Replay::open_file() {
  if (options_.path == "-") {
    descriptor_ = STDIN_FILENO;
    source_ = Source::Pipe;
    return {};
  }
  // Without O_NONBLOCK the open of a FIFO would wait for its writer, deaf to a stop.
  descriptor_ = ::open(options_.path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor_ < 0) return std::unexpected(failure("open", errno));
  struct stat status{};
  if (::fstat(descriptor_, &status) != 0) return std::unexpected(failure("stat", errno));
  if (S_ISDIR(status.st_mode)) return std::unexpected(failure("read", EISDIR));
  source_ = S_ISREG(status.st_mode) ? Source::File : Source::Pipe;
  identity_ = identity_of(status);
  return {};
}

bool Replay::starts_line(std::uint64_t offset, std::uint64_t size) const {
  // The end of a file without a last line end is where a whole reading of it stops.
  if (offset == 0 || (offset == size && !options_.follow)) return true;
  char before = 0;
  return ::pread(descriptor_, &before, 1, static_cast<off_t>(offset - 1)) == 1 && before == '\n';
}

Result<void> Replay::seek(std::string_view cursor) {
  lines_.reset(0, 1);
  if (cursor.empty()) return {};
  const auto position = parse_cursor(cursor);
  if (!position) {
    return fail(Code::Invalid, fmt::format("replay: {}: expected a cursor OFFSET:LINE:DEVICE-INODE,"
                                           " found \"{}\"",
                                           options_.path, cursor));
  }
  struct stat status{};
  if (::fstat(descriptor_, &status) != 0) return std::unexpected(failure("stat", errno));
  const auto size = static_cast<std::uint64_t>(status.st_size);
  const bool same = !options_.follow || position->identity == identity_;
  if (!same || position->offset > size || !starts_line(position->offset, size)) {
    if (!options_.follow) {
      return fail(Code::Invalid,
                  fmt::format("replay: {}: no line {} begins at byte {} of {}: the file is not the "
                              "one that was read",
                              options_.path, position->line, position->offset, size));
    }
    ++notes_.gaps;
    return {};
  }
  if (::lseek(descriptor_, static_cast<off_t>(position->offset), SEEK_SET) < 0) {
    return std::unexpected(failure("seek in", errno));
  }
  lines_.reset(position->offset, position->line);
  return {};
}

Result<Batch> Replay::next(milliseconds wait, std::stop_token stop) {
  if (source_ == Source::None) {
    return fail(Code::Unavailable, fmt::format("replay: {}: not open", options_.path));
  }
  Batch batch;
  const auto deadline = Steady::now() + wait;
  take_lines(batch);
  while (batch.items.empty() && !ended_ && !stop.stop_requested()) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - Steady::now());
    auto more = read_more(std::max(left, milliseconds{0}), stop);
    if (!more) return std::unexpected(std::move(more.error()));
    if (!*more && left <= milliseconds{0}) break;
    take_lines(batch);
  }
  // The last batch is the one that says so; a caller who stops before it has everything before it.
  batch.finished = ended_;
  batch.cursor = cursor();
  return batch;
}

// One step: reads a block, or waits a little for one. True when something has changed.
Result<bool> Replay::read_more(milliseconds wait, const std::stop_token& stop) {
  if (source_ == Source::Pipe) {
    pollfd ready{.fd = descriptor_, .events = POLLIN, .revents = 0};
    const auto slice = static_cast<int>(std::min(wait, kLookEvery).count());
    if (::poll(&ready, 1, slice) <= 0) return false;
  }
  switch (lines_.fill(descriptor_)) {
    case LineReader::Filled::Bytes:
      return true;
    case LineReader::Filled::Failed:
      return std::unexpected(failure("read", errno));
    case LineReader::Filled::Again:
      pause(std::min(wait, kLookEvery), stop);
      return false;
    case LineReader::Filled::End:
      break;
  }
  if (!options_.follow || options_.path == "-") {
    ended_ = true;
    return true;
  }
  bool changed = false;
  if (source_ == Source::File) {
    if (auto checked = check_replaced(changed); !checked) {
      return std::unexpected(std::move(checked.error()));
    }
  }
  if (!changed) pause(std::min(wait, kLookEvery), stop);
  return changed;
}

// At the end of a followed file: has it been cut, or has another taken its name?
Result<void> Replay::check_replaced(bool& changed) {
  struct stat status{};
  if (::fstat(descriptor_, &status) != 0) return std::unexpected(failure("stat", errno));
  if (static_cast<std::uint64_t>(status.st_size) < lines_.read_offset()) {
    ++notes_.gaps;
    if (::lseek(descriptor_, 0, SEEK_SET) < 0) return std::unexpected(failure("seek in", errno));
    lines_.reset(0, 1);
    changed = true;
    return {};
  }
  struct stat named{};
  // Between a rename and the creation of the next file there is none: the old one is still ours.
  if (::stat(options_.path.c_str(), &named) != 0 || identity_of(named) == identity_) return {};
  // Its writer may have added lines between our last read and the renaming: read once more.
  changed = true;
  if (lines_.fill(descriptor_) == LineReader::Filled::Bytes) return {};
  if (!take_rest_ && lines_.offset() < lines_.read_offset()) {
    take_rest_ = true;
    return {};
  }
  take_rest_ = false;
  close_file();
  if (auto opened = open_file(); !opened) return opened;
  lines_.reset(0, 1);
  return {};
}

void Replay::take_lines(Batch& batch) {
  while (batch.items.size() < kBatchItems) {
    auto line = lines_.next();
    if (!line && (ended_ || take_rest_)) line = lines_.rest();
    if (!line) return;
    add(*line, batch);
  }
}

void Replay::add(const LineReader::Line& line, Batch& batch) {
  if (line.too_long) {
    batch.items.emplace_back(Undecodable{
        fmt::format("expected at most {} bytes, found {} (XXH3 {:016x}); the first {} are kept",
                    kMaxMentionBytes, line.length, line.hash, line.text.size()),
        fmt::format("line {}", line.number), std::string(line.text)});
    return;
  }
  if (is_blank(line.text)) return;
  auto mention = reader_.read(line.text);
  if (!mention) {
    batch.items.emplace_back(Undecodable{std::move(mention.error().message),
                                         fmt::format("line {}", line.number),
                                         std::string(line.text)});
    return;
  }
  if (!options_.keep_seen_at) mention->seen_at.reset();
  batch.items.emplace_back(std::move(*mention));
}

std::string Replay::cursor() const {
  if (source_ != Source::File) return {};
  return fmt::format("{}:{}:{}", lines_.offset(), lines_.line(), identity_);
}

Result<std::unique_ptr<Connector>> make_replay(const ConnectorSettings& settings) {
  Options options(settings, {"path", "follow", "time"});
  ReplayOptions replay;
  replay.path = options.required("path");
  replay.follow = options.flag("follow", false);
  replay.keep_seen_at = options.choice("time", {"now", "input"}) == "input";
  if (!options.ok()) return std::unexpected(options.error());
  return std::make_unique<Replay>(std::move(replay));
}

}  // namespace vigie
