#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#include "rules/rule_file.h"

namespace vigie {
namespace {

// More than this many errors of one file help nobody.
constexpr std::size_t kMaxDiagnostics = 1000;

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

// The length of the escape sequence at `at` of a double-quoted scalar, and of what it stands for.
std::pair<std::size_t, std::size_t> escape_lengths(std::string_view source, std::size_t at) {
  if (at + 1 >= source.size()) return {1, 1};
  std::size_t digits = 0;
  switch (source[at + 1]) {
    case 'x':
      digits = 2;
      break;
    case 'u':
      digits = 4;
      break;
    case 'U':
      digits = 8;
      break;
    case 'N':
    case '_':
      return {2, 2};
    case 'L':
    case 'P':
      return {2, 3};
    default:
      return {2, 1};
  }
  unsigned long code = 0;
  for (std::size_t i = at + 2; i < std::min(source.size(), at + 2 + digits); ++i) {
    const char c = source[i];
    code = code * 16 + static_cast<unsigned long>(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
  }
  return {2 + digits, code < 0x80 ? 1U : code < 0x800 ? 2U : code < 0x10000 ? 3U : 4U};
}

}  // namespace

std::string format(const Diagnostic& diagnostic) {
  return fmt::format("{}:{}:{}: {}: {}", diagnostic.file, diagnostic.line, diagnostic.column,
                     diagnostic.is_error ? "error" : "warning", diagnostic.message);
}

Diagnostics::Diagnostics(std::string_view source, std::string_view file)
    : source_(source), file_(file) {
  lines_.push_back(0);
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\n') lines_.push_back(i + 1);
  }
}

void Diagnostics::add(bool is_error, Mark mark, std::string message) {
  if (is_error) ++errors_;
  if (list_.size() > kMaxDiagnostics) return;
  if (list_.size() == kMaxDiagnostics) {
    message = fmt::format("more than {} messages: the rest is left out", kMaxDiagnostics);
  }
  list_.push_back({is_error, std::string(file_), mark.line, mark.column, std::move(message)});
}

void Diagnostics::add(const YamlNode& scalar, const QueryIssue& issue) {
  const bool is_told = list_.size() < kMaxDiagnostics;
  add(issue.is_error, is_told ? locate(scalar, issue.offset) : scalar.mark, issue.message);
}

std::vector<Diagnostic> Diagnostics::take() {
  std::ranges::sort(list_, {}, [](const Diagnostic& diagnostic) {
    return std::tuple(diagnostic.line, diagnostic.column, !diagnostic.is_error,
                      std::string_view(diagnostic.message));
  });
  return std::move(list_);
}

Diagnostics::Walk Diagnostics::start_of(std::size_t begin, char style,
                                        std::string_view value) const {
  Walk walk{.begin = begin, .at = begin};
  if (style == '|' || style == '>') {
    walk.at = std::min(source_.find('\n', begin), source_.size());
    // Empty lines before the first word stand in the value, its indentation does not.
    while (walk.at < source_.size() && is_blank(source_[walk.at])) ++walk.at;
    while (walk.read < value.size() && is_blank(value[walk.read])) ++walk.read;
  } else if (style == '"' || style == '\'') {
    ++walk.at;
  }
  return walk;
}

// Walks over the scalar as it is written and as it reads, side by side: quotes, escapes, doubled
// quotes and folded lines are the only differences. Where they part in another way, the start of
// the scalar is named.
//
// What is said of one scalar comes in the order of its text, so the walk goes on where it was.
Mark Diagnostics::locate(const YamlNode& scalar, std::size_t offset) {
  if (scalar.mark.line > lines_.size()) return scalar.mark;
  const std::size_t begin = lines_[scalar.mark.line - 1] + scalar.mark.column - 1;
  if (begin >= source_.size()) return scalar.mark;
  const char style = scalar.quoted ? source_[begin] : ' ';
  const std::string_view value = scalar.text;
  offset = std::min(offset, value.size());
  if (walk_.begin != begin || walk_.read > offset) walk_ = start_of(begin, style, value);
  if (walk_.lost) return scalar.mark;
  std::size_t& at = walk_.at;
  std::size_t& i = walk_.read;
  while (at < source_.size()) {
    if (style == '"' && source_.substr(at, 2) == "\\\n") {
      at += 2;
      while (at < source_.size() && is_blank(source_[at])) ++at;
      continue;
    }
    if (i >= offset) break;
    if (is_blank(source_[at]) && is_blank(value[i])) {
      std::size_t end = at;
      while (end < source_.size() && is_blank(source_[end])) ++end;
      const bool folds = source_.substr(at, end - at).contains('\n');
      at = folds ? end : at + 1;
      if (!folds) {
        ++i;
        continue;
      }
      while (i < value.size() && is_blank(value[i])) ++i;
    } else if (style == '"' && source_[at] == '\\') {
      const auto [written, read] = escape_lengths(source_, at);
      at += written;
      i += read;
    } else if (source_[at] != value[i]) {
      walk_.lost = true;
      return scalar.mark;
    } else {
      at += style == '\'' && source_[at] == '\'' ? 2U : 1U;
      ++i;
    }
  }
  const auto line = std::ranges::upper_bound(lines_, std::min(at, source_.size())) - 1;
  return {static_cast<std::size_t>(line - lines_.begin()) + 1, at - *line + 1};
}

}  // namespace vigie
