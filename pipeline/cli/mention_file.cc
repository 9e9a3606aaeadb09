#include "pipeline/cli/mention_file.h"

#include <charconv>
#include <filesystem>

#include <fmt/format.h>

#include "connectors/replay/replay.h"
#include "pipeline/cli/report.h"

namespace vigie {
namespace {

using std::chrono::milliseconds;

// Bytes of a regular file; 0 of anything else, whose end is not known.
std::uint64_t size_of(const std::string& path) {
  std::error_code failed;
  if (path == "-" || !std::filesystem::is_regular_file(path, failed)) return 0;
  const auto size = std::filesystem::file_size(path, failed);
  return failed ? 0 : size;
}

// The cursor of a file begins with the offset of the first unread byte.
std::uint64_t offset_in(std::string_view cursor) {
  std::uint64_t offset = 0;
  std::from_chars(cursor.data(), cursor.data() + cursor.size(), offset);
  return offset;
}

}  // namespace

Result<MentionFileRead> read_mention_file(const std::string& path,
                                          const std::function<void(const Mention&)>& take) {
  ReplayOptions options;
  options.path = path;
  options.keep_seen_at = true;
  Replay input(std::move(options));
  if (auto opened = input.open("", {}); !opened) {
    const std::string_view reason = opened.error().message;
    return fail(Code::Invalid,
                fmt::format("cannot read {}: {}", path, reason.substr(reason.rfind(": ") + 2)));
  }
  const std::uint64_t size = size_of(path);
  Progress progress(size > 0 ? "bytes" : "mentions", size);
  MentionFileRead out;
  for (bool finished = false; !finished;) {
    auto batch = input.next(milliseconds{1000}, {});
    if (!batch) return std::unexpected(std::move(batch.error()));
    finished = batch->finished;
    for (const Item& item : batch->items) {
      if (const auto* bad = std::get_if<Undecodable>(&item)) {
        ++out.bad_lines;
        if (out.first_bad.size() < MentionFileRead::kFirstBad) {
          out.first_bad.push_back(bad->position + ": " + bad->reason);
        }
        continue;
      }
      ++out.mentions;
      take(std::get<Mention>(item));
    }
    progress.at(size > 0 ? offset_in(batch->cursor) : out.mentions);
  }
  return out;
}

void report_bad_lines(const std::string& path, const MentionFileRead& read) {
  for (const std::string& line : read.first_bad) say(fmt::format("{}: {}\n", path, line));
  if (read.bad_lines > read.first_bad.size()) {
    say(fmt::format("{}: {} more lines are no mentions\n", path,
                    read.bad_lines - read.first_bad.size()));
  }
}

}  // namespace vigie
