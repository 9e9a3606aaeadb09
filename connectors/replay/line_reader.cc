#include "connectors/replay/line_reader.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <unistd.h>
#include <xxhash.h>

#include "pipeline/core/mention.h"

namespace vigie {
namespace {

constexpr std::size_t kBlockBytes = std::size_t{256} * 1024;

struct FreeHash {
  void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
};

}  // namespace

struct LineReader::Long {
  std::string head;
  std::uint64_t length = 0;
  std::unique_ptr<XXH3_state_t, FreeHash> hash{XXH3_createState()};

  Long() { XXH3_64bits_reset(hash.get()); }
  void add(std::string_view bytes) {
    length += bytes.size();
    XXH3_64bits_update(hash.get(), bytes.data(), bytes.size());
    const std::size_t room = LineReader::kHeadBytes - head.size();
    head.append(bytes.substr(0, std::min(room, bytes.size())));
  }
};

LineReader::LineReader() : buffer_(kMaxMentionBytes + kBlockBytes, '\0') {}
LineReader::~LineReader() = default;

void LineReader::reset(std::uint64_t offset, std::uint64_t line) {
  begin_ = end_ = scanned_ = 0;
  offset_ = read_offset_ = offset;
  line_ = line;
  long_.reset();
}

LineReader::Filled LineReader::fill(int descriptor) {
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    scanned_ -= begin_;
    begin_ = 0;
  }
  if (end_ > kMaxMentionBytes || long_) spill();
  const ssize_t count = ::read(descriptor, buffer_.data() + end_, kBlockBytes);
  if (count < 0) {
    const bool again = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    return again ? Filled::Again : Filled::Failed;
  }
  if (count == 0) return Filled::End;
  end_ += static_cast<std::size_t>(count);
  read_offset_ += static_cast<std::uint64_t>(count);
  return Filled::Bytes;
}

// Moves what is buffered of a line that is too long out of the buffer, so that there is room for
// the next block whatever the length of the line.
void LineReader::spill() {
  if (!long_) long_ = std::make_unique<Long>();
  // Called with no line end in the buffer only: `next` has taken every whole line before.
  long_->add(std::string_view(buffer_).substr(begin_, end_ - begin_));
  begin_ = end_ = scanned_ = 0;
}

std::optional<LineReader::Line> LineReader::next() {
  const void* found = std::memchr(buffer_.data() + scanned_, '\n', end_ - scanned_);
  if (found == nullptr) {
    scanned_ = end_;
    return std::nullopt;
  }
  const auto at = static_cast<std::size_t>(static_cast<const char*>(found) - buffer_.data());
  return take(at - begin_, true);
}

std::optional<LineReader::Line> LineReader::rest() {
  if (end_ == begin_ && !long_) return std::nullopt;
  return take(end_ - begin_, false);
}

LineReader::Line LineReader::take(std::size_t length, bool ended) {
  Line line{.text = std::string_view(buffer_).substr(begin_, length), .number = line_};
  line.length = length;
  if (long_ || length > kMaxMentionBytes) {
    if (!long_) long_ = std::make_unique<Long>();
    long_->add(line.text);
    line.length = long_->length;
    line.hash = XXH3_64bits_digest(long_->hash.get());
    line.too_long = true;
    long_head_ = std::move(long_->head);
    line.text = long_head_;
    long_.reset();
  }
  begin_ += length + (ended ? 1U : 0U);
  scanned_ = begin_;
  offset_ += line.length + (ended ? 1U : 0U);
  ++line_;
  return line;
}

}  // namespace vigie
