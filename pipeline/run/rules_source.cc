#include "pipeline/run/rules_source.h"

#include <array>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <system_error>

#include <fmt/format.h>

namespace vigie {
namespace {

constexpr std::chrono::seconds kOverlap{60};
constexpr std::chrono::seconds kStampSettles{2};
constexpr std::size_t kMaxFile = std::size_t{64} << 20;
constexpr std::size_t kPiece = std::size_t{16} << 10;

Error errors_of(const std::vector<Diagnostic>& diagnostics) {
  std::string message;
  for (const Diagnostic& diagnostic : diagnostics) {
    if (!diagnostic.is_error) continue;
    if (!message.empty()) message += '\n';
    message += format(diagnostic);
  }
  return {Code::Invalid, std::move(message)};
}

}  // namespace

Result<std::string> read_file(const std::filesystem::path& file) {
  std::error_code unknown;
  // Opens like any file, and then fails to be read.
  if (std::filesystem::is_directory(file, unknown)) {
    return fail(Code::Invalid, fmt::format("cannot read {}: is a directory", file.string()));
  }
  std::ifstream stream(file, std::ios::binary);
  if (!stream) {
    return fail(Code::Invalid, fmt::format("cannot read {}: {}", file.string(),
                                           std::generic_category().message(errno)));
  }
  // Piece by piece, since the text stays in memory and a file need not tell its size.
  std::string text;
  std::array<char, kPiece> piece{};
  while (stream && text.size() <= kMaxFile) {
    stream.read(piece.data(), piece.size());
    text.append(piece.data(), static_cast<std::size_t>(stream.gcount()));
  }
  text.shrink_to_fit();
  if (text.size() > kMaxFile) {
    return fail(Code::Invalid, fmt::format("cannot read {}: longer than the limit of {} bytes",
                                           file.string(), kMaxFile));
  }
  if (stream.bad()) return fail(Code::Invalid, fmt::format("cannot read {}", file.string()));
  return text;
}

Result<std::unique_ptr<RulesSource>> RulesSource::open(std::filesystem::path file) {
  auto source = std::unique_ptr<RulesSource>(new RulesSource(std::move(file)));
  auto loaded = source->reload(true);
  if (!loaded) return std::unexpected(std::move(loaded.error()));
  return source;
}

std::shared_ptr<const RuleSet> RulesSource::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

std::shared_ptr<const RuleSet> RulesSource::outgoing() const {
  const std::lock_guard lock(mutex_);
  if (!outgoing_ || std::chrono::steady_clock::now() - changed_at_ > kOverlap) return nullptr;
  return outgoing_;
}

std::shared_ptr<const Explainer> RulesSource::explainer() const {
  const std::lock_guard making(explainer_mutex_);
  std::shared_ptr<const RuleSet> rules;
  std::shared_ptr<const std::string> text;
  {
    const std::lock_guard lock(mutex_);
    rules = current_;
    text = text_;
  }
  if (explained_ != text) {
    explainer_ = std::make_shared<Explainer>(std::move(rules), *text, file_.string());
    explained_ = std::move(text);
  }
  return explainer_;
}

std::vector<std::string> RulesSource::warnings() const {
  const std::lock_guard lock(mutex_);
  return warnings_;
}

Result<RulesSource::Reload> RulesSource::reload(bool force) {
  // Taken before the text, so that what is written meanwhile has another one.
  std::error_code unknown;
  const auto size = std::filesystem::file_size(file_, unknown);
  const auto written = std::filesystem::last_write_time(file_, unknown);
  const bool same = !unknown && loaded_text_ && loaded_stamp_ == std::pair(size, written);
  // File systems tell times apart only so finely: a file that was just written may change again.
  const auto age = std::filesystem::file_time_type::clock::now() - written;
  if (same && !force && age > kStampSettles) return Reload::Unchanged;
  loaded_stamp_.emplace(size, written);
  auto text = read_file(file_);
  if (!text) {
    // When it is there again it is news, even with the text it had.
    loaded_text_.reset();
    return std::unexpected(std::move(text.error()));
  }
  if (!force && *text == loaded_text_) return Reload::Unchanged;
  loaded_text_ = *text;
  RuleSet::Compiled compiled = RuleSet::compile(*text, file_.string());
  if (!compiled.rules) return std::unexpected(errors_of(compiled.diagnostics));
  std::vector<std::string> warnings;
  warnings.reserve(compiled.diagnostics.size());
  for (const Diagnostic& diagnostic : compiled.diagnostics) warnings.push_back(format(diagnostic));
  const std::lock_guard lock(mutex_);
  warnings_ = std::move(warnings);
  text_ = std::make_shared<const std::string>(std::move(*text));
  if (current_ && current_->version() == compiled.rules->version()) return Reload::SameVersion;
  outgoing_ = std::move(current_);
  current_ = std::move(compiled.rules);
  changed_at_ = std::chrono::steady_clock::now();
  return Reload::Changed;
}

}  // namespace vigie
