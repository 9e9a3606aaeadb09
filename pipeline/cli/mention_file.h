#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "pipeline/core/error.h"
#include "pipeline/core/mention.h"

namespace vigie {

// What came of reading a file of mentions.
struct MentionFileRead {
  static constexpr std::size_t kFirstBad = 10;

  std::uint64_t mentions = 0;
  std::uint64_t bad_lines = 0;
  std::vector<std::string> first_bad;  // "line 3: …", at most kFirstBad
};

// Gives each mention of an NDJSON file ("-": the standard input) to `take`, in order, in bounded
// memory, and shows the progress on a terminal. A line that is no mention is counted and the file
// goes on. Invalid when the file cannot be opened, Unavailable when it cannot be read to its end.
Result<MentionFileRead> read_mention_file(const std::string& path,
                                          const std::function<void(const Mention&)>& take);

// Says on the standard error which lines of `path` were no mentions.
void report_bad_lines(const std::string& path, const MentionFileRead& read);

}  // namespace vigie
