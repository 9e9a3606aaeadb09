#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/registry.h"

namespace vigie {

// "90s", "15m", "6h", "2d": a whole number from 0 and one unit (ms, s, m, h, d). Empty when the
// text has any other form or does not fit.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

// Reads the options of one connector. The first thing that is wrong is kept, with file, line and
// column, and every later call gives its default: read all, then ask `error`.
class Options {
 public:
  // `own` are the keys of this kind; those that every connector has are known anyhow. `settings`
  // outlives this object.
  Options(const ConnectorSettings& settings, std::initializer_list<std::string_view> own);

  std::string text(std::string_view key, std::string_view otherwise);
  // A text that must be there and not be empty.
  std::string required(std::string_view key);
  bool flag(std::string_view key, bool otherwise);
  std::int64_t whole(std::string_view key, std::int64_t low, std::int64_t high,
                     std::int64_t otherwise);
  double real(std::string_view key, double low, double high, double otherwise);
  std::chrono::milliseconds duration(std::string_view key, std::chrono::milliseconds otherwise);
  // One of `choices`; the first when the key is not there.
  std::string choice(std::string_view key, std::initializer_list<std::string_view> choices);
  std::vector<std::string> texts(std::string_view key);

  // Where a key's value stands, or nullptr: for values of a shape of their own.
  const YamlNode* find(std::string_view key) const;
  void refuse(Mark mark, std::string_view message);
  bool ok() const { return !error_; }
  Error error() const { return *error_; }

 private:
  const YamlNode* scalar(std::string_view key, std::string_view wanted);

  const ConnectorSettings& settings_;
  std::optional<Error> error_;
};

}  // namespace vigie
