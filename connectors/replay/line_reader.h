#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace vigie {

// Cuts what is read from a file descriptor into lines, in large blocks and in bounded memory: of a
// line longer than `kMaxMentionBytes` only the head is kept, with the length and hash of the whole.
// It does not own the descriptor. One thread.
class LineReader {
 public:
  // What is kept of a line that is too long.
  static constexpr std::size_t kHeadBytes = std::size_t{64} * 1024;

  struct Line {
    std::string_view text;  // without its line end; valid until the next call of `fill` or `reset`
    std::uint64_t number = 0;  // from 1
    std::uint64_t length = 0;  // in bytes, of the whole line
    std::uint64_t hash = 0;    // XXH3 of the whole line; only of one that is too long
    bool too_long = false;     // `text` is its head
  };

  // The state of the source after `fill`.
  enum class Filled : unsigned char { Bytes, End, Again, Failed };

  LineReader();
  ~LineReader();

  // Forgets what is buffered. The next byte read is at `offset`, the next line has number `line`.
  void reset(std::uint64_t offset, std::uint64_t line);

  // One read of the descriptor. Again: a non-blocking one has nothing now; Failed: `errno` says
  // why.
  Filled fill(int descriptor);

  // The next whole line in the buffer, or nothing: then `fill`.
  std::optional<Line> next();

  // What stands after the last line end, as a line; nothing when there is nothing.
  std::optional<Line> rest();

  // Where the first unread line begins, and its number.
  std::uint64_t offset() const { return offset_; }
  std::uint64_t line() const { return line_; }
  // Where the next read begins.
  std::uint64_t read_offset() const { return read_offset_; }

 private:
  struct Long;

  Line take(std::size_t length, bool ended);
  void spill();

  std::string buffer_;
  std::size_t begin_ = 0;    // first unread byte in buffer_
  std::size_t end_ = 0;      // end of what was read
  std::size_t scanned_ = 0;  // no line end in [begin_, scanned_)
  std::uint64_t offset_ = 0;
  std::uint64_t line_ = 1;
  std::uint64_t read_offset_ = 0;
  std::unique_ptr<Long> long_;  // the line being read is too long; its bytes left the buffer
  std::string long_head_;       // of the long line given out last
};

}  // namespace vigie
