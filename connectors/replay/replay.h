#pragma once

#include <memory>
#include <string>

#include "connectors/connector.h"
#include "connectors/registry.h"
#include "connectors/replay/line_reader.h"

namespace vigie {

struct ReplayOptions {
  std::string path;           // "-" is the standard input
  bool follow = false;        // wait for lines to come at the end
  bool keep_seen_at = false;  // `time: input`; else `seen_at` is cleared for ingest to stamp
};

// Reads canonical mentions from NDJSON, one a line. Blank lines are skipped; a line that is no
// mention is Undecodable and the stream goes on. A last line without a line end counts, unless the
// file is followed.
//
// Cursor of a file: "OFFSET:LINE:DEVICE-INODE", the first unread line. A file that is read once
// must still hold that position: what is shorter, or has no line start there, is Invalid. A file
// that is followed may be replaced (another inode) or cut: it is then read from its start, and a
// cut, or a replacement while nobody read, counts as a gap. What a replaced file still held is read
// first. A pipe has no cursor: it goes on where it stands.
class Replay final : public Connector {
 public:
  explicit Replay(ReplayOptions options);
  ~Replay() override;
  Replay(const Replay&) = delete;
  Replay& operator=(const Replay&) = delete;

  Result<void> open(std::string_view cursor, std::stop_token stop) override;
  Result<Batch> next(std::chrono::milliseconds wait, std::stop_token stop) override;
  ConnectorNotes notes() const override { return notes_; }

 private:
  enum class Source : unsigned char { None, File, Pipe };

  Result<void> open_file();
  Result<void> seek(std::string_view cursor);
  bool starts_line(std::uint64_t offset, std::uint64_t size) const;
  Result<bool> read_more(std::chrono::milliseconds wait, const std::stop_token& stop);
  Result<void> check_replaced(bool& changed);
  void take_lines(Batch& batch);
  void add(const LineReader::Line& line, Batch& batch);
  std::string cursor() const;
  void close_file();
  Error failure(std::string_view what, int error) const;

  const ReplayOptions options_;
  LineReader lines_;
  MentionReader reader_;
  Source source_ = Source::None;
  int descriptor_ = -1;
  bool ended_ = false;
  bool take_rest_ = false;  // the file was replaced: what has no line end now is its last line
  std::string identity_;    // DEVICE-INODE of the open file
  ConnectorNotes notes_;
};

Result<std::unique_ptr<Connector>> make_replay(const ConnectorSettings& settings);

inline constexpr ConnectorKind kReplayKind{
    .kind = "replay",
    .summary = "canonical mentions from an NDJSON file or the standard input",
    .whole_network = false,
    .make = &make_replay,
};

}  // namespace vigie
