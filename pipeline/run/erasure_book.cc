#include "pipeline/run/erasure_book.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <simdjson.h>
#include <unistd.h>

#include "pipeline/core/clock.h"
#include "pipeline/core/json.h"

namespace vigie {
namespace {

struct Read {
  std::vector<Erased> erased;
  std::size_t whole = 0;  // bytes of whole lines
};

std::optional<Erased> parse_line(std::string_view line) {
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  std::string_view author;
  std::string_view asked_at;
  if (parser.parse(simdjson::padded_string(line)).get(object) || object["erased"].get(author) ||
      object["asked_at"].get(asked_at)) {
    return std::nullopt;
  }
  const auto hash = parse_author_key(author);
  const auto time = parse_time(asked_at);
  if (!hash || !time) return std::nullopt;
  return Erased{*hash, *time};
}

Result<Read> read_lines(const std::filesystem::path& file) {
  Read out;
  std::ifstream stream(file, std::ios::binary);
  if (!stream) return out;
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  std::size_t number = 0;
  while (true) {
    const std::size_t end = text.find('\n', out.whole);
    if (end == std::string::npos) break;
    ++number;
    const auto line = parse_line(std::string_view(text).substr(out.whole, end - out.whole));
    if (!line) {
      return fail(Code::Corrupt,
                  fmt::format("{}:{}: damaged; expected {{\"erased\":HEX,\"asked_at\":TIME}}",
                              file.string(), number));
    }
    out.erased.push_back(*line);
    out.whole = end + 1;
  }
  return out;
}

Error unwritable(const std::filesystem::path& file) {
  return {Code::Unavailable, fmt::format("cannot write {}: {}", file.string(),
                                         std::generic_category().message(errno))};
}

}  // namespace

struct ErasureBook::Impl {
  std::filesystem::path file;
  int descriptor = -1;
  mutable std::mutex mutex;
  std::map<KeyedHash, Time> known;  // guarded by mutex
  off_t size = 0;                   // of whole lines; guarded by mutex

  ~Impl() {
    if (descriptor >= 0) ::close(descriptor);
  }
};

ErasureBook::ErasureBook(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ErasureBook::~ErasureBook() = default;

Result<std::unique_ptr<ErasureBook>> ErasureBook::open(const std::filesystem::path& file) {
  const auto read = read_lines(file);
  if (!read) return std::unexpected(read.error());
  auto impl = std::make_unique<Impl>();
  impl->file = file;
  impl->descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (impl->descriptor < 0 || ::ftruncate(impl->descriptor, static_cast<off_t>(read->whole)) != 0 ||
      ::lseek(impl->descriptor, 0, SEEK_END) < 0) {
    return std::unexpected(unwritable(file));
  }
  impl->size = static_cast<off_t>(read->whole);
  for (const Erased& one : read->erased) {
    Time& latest = impl->known[one.author];
    latest = std::max(latest, one.asked_at);
  }
  return std::unique_ptr<ErasureBook>(new ErasureBook(std::move(impl)));
}

Result<void> ErasureBook::add(std::span<const Erased> erased) {
  Impl& impl = *impl_;
  const std::lock_guard lock(impl.mutex);
  std::vector<Erased> fresh;
  for (const Erased& one : erased) {
    const auto known = impl.known.find(one.author);
    if (known == impl.known.end() || known->second < one.asked_at) fresh.push_back(one);
  }
  if (fresh.empty()) return {};
  const std::string lines = erasure_lines(fresh);
  const ssize_t wrote = ::write(impl.descriptor, lines.data(), lines.size());
  if (wrote != static_cast<ssize_t>(lines.size()) || ::fsync(impl.descriptor) != 0) {
    Error error = unwritable(impl.file);
    // Half a line would make the next one unreadable.
    if (::ftruncate(impl.descriptor, impl.size) != 0) error.message += ", nor shorten it";
    ::lseek(impl.descriptor, impl.size, SEEK_SET);
    return std::unexpected(std::move(error));
  }
  impl.size += static_cast<off_t>(lines.size());
  for (const Erased& one : fresh) {
    Time& latest = impl.known[one.author];
    latest = std::max(latest, one.asked_at);
  }
  return {};
}

std::vector<Erased> ErasureBook::all() const {
  const std::lock_guard lock(impl_->mutex);
  std::vector<Erased> out;
  for (const auto& [author, asked_at] : impl_->known) out.push_back({author, asked_at});
  return out;
}

Result<std::vector<Erased>> read_erasures(const std::filesystem::path& file) {
  auto read = read_lines(file);
  if (!read) return std::unexpected(std::move(read.error()));
  return std::move(read->erased);
}

std::string erasure_lines(std::span<const Erased> erased) {
  std::string lines;
  for (const Erased& one : erased) {
    JsonWriter json(lines);
    json.begin_object().field("erased", hex(one.author));
    json.field("asked_at", format_time(one.asked_at)).end_object();
    lines += '\n';
  }
  return lines;
}

std::vector<Erased> merged(std::vector<Erased> one, const std::vector<Erased>& other) {
  std::map<KeyedHash, Time> latest;
  one.insert(one.end(), other.begin(), other.end());
  for (const Erased& each : one) {
    Time& time = latest[each.author];
    time = std::max(time, each.asked_at);
  }
  one.clear();
  for (const auto& [author, asked_at] : latest) one.push_back({author, asked_at});
  return one;
}

}  // namespace vigie
