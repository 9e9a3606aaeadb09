#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipeline/cli/config.h"
#include "pipeline/core/yaml.h"

namespace vigie {

// "20GiB", "512KiB": a whole number and B, KiB, MiB, GiB or TiB. Empty when the text has any other
// form or does not fit.
std::optional<std::uint64_t> parse_size(std::string_view text);

// What is wrong with a config file, gathered while it is read to its end, and where its paths and
// secrets come from.
class ConfigSource {
 public:
  // `environment` outlives this object.
  ConfigSource(std::filesystem::path file, const Environment& environment)
      : file_(std::move(file)), name_(file_.string()), environment_(environment) {}

  void refuse(Mark mark, std::string_view key, std::string_view message);
  // A message that says its place itself.
  void refuse(Mark mark, std::string message);
  std::size_t failures() const { return failures_.size(); }
  // Everything refused, in the order of the file.
  Error error() const;

  const std::string& name() const { return name_; }
  // A path as the file means it: relative ones start at its folder.
  std::filesystem::path resolve(std::string_view path) const;

  // The variable that `text` names when it is `${NAME}`, or empty.
  static std::optional<std::string_view> variable(std::string_view text);
  // The value of a `${NAME}`; refused when the variable is not set or empty.
  std::optional<std::string> from_environment(const YamlNode& node, std::string_view key);
  // A secret, which may stand in the file only as `${NAME}`; the message tells how when it does
  // not. `file_key` is what reads one from a file instead, or empty.
  std::optional<std::string> secret(const YamlNode& node, std::string_view key,
                                    std::string_view file_key);
  // The contents of the file that `node` names, without the line end that closes it.
  std::optional<std::string> secret_file(const YamlNode& node, std::string_view key);

 private:
  std::filesystem::path file_;
  std::string name_;
  const Environment& environment_;
  std::multimap<std::pair<std::size_t, std::size_t>, std::string> failures_;  // line, column
};

// One map of the config. A value of the wrong form is refused and the default stands in for it, so
// that the rest is still checked. Source and node outlive it.
class ConfigSection {
 public:
  // `name` is the path of keys to here ("log.batch"; empty at the top); a null node is a map that
  // is not there. Keys outside `known` are refused.
  ConfigSection(ConfigSource& source, const YamlNode* node, std::string name,
                std::initializer_list<std::string_view> known);
  // A map whose keys somebody else checks.
  static ConfigSection open(ConfigSource& source, const YamlNode& map, std::string name);

  // The value of a key, or nullptr when it is not there or null.
  const YamlNode* find(std::string_view key) const;
  // The value of a key of an optional map.
  ConfigSection section(std::string_view key, std::initializer_list<std::string_view> known) const;
  // The items of a list, none when the key is not there.
  const std::vector<YamlNode>& list(std::string_view key) const;

  bool flag(std::string_view key, bool otherwise) const;
  double real(std::string_view key, double otherwise, double low, double high) const;
  std::chrono::milliseconds duration(std::string_view key, std::chrono::milliseconds otherwise,
                                     std::chrono::milliseconds low,
                                     std::chrono::milliseconds high) const;
  // Refuses a duration that would be rounded where it is used.
  void whole_units(std::string_view key, std::chrono::milliseconds value,
                   std::chrono::milliseconds unit, std::string_view message) const;
  std::uint64_t size(std::string_view key, std::uint64_t otherwise, std::uint64_t low,
                     std::uint64_t high) const;
  // A text, or the variable it names; never empty when the key is there.
  std::string text(std::string_view key, std::string otherwise) const;
  std::vector<std::string> texts(std::string_view key) const;
  std::filesystem::path path(std::string_view key) const;
  // A secret: from `key` as `${NAME}`, or from the file that `key`_file names.
  std::optional<std::string> secret(std::string_view key) const;

  template <class Number>
  Number whole(std::string_view key, Number otherwise, Number low, Number high) const {
    return static_cast<Number>(whole_number(key, static_cast<std::int64_t>(otherwise),
                                            static_cast<std::int64_t>(low),
                                            static_cast<std::int64_t>(high)));
  }

  template <class Value>
  Value choice(std::string_view key, Value otherwise,
               std::initializer_list<std::pair<std::string_view, Value>> choices) const {
    const YamlNode* node = find(key);
    if (node == nullptr) return otherwise;
    std::vector<std::string_view> names;
    for (const auto& [name, value] : choices) {
      if (node->type == YamlNode::Type::Scalar && node->text == name) return value;
      names.push_back(name);
    }
    refuse_choice(*node, key, names);
    return otherwise;
  }

  const std::string& name() const { return name_; }
  // "log.batch" and "max_wait" give "log.batch.max_wait".
  std::string full(std::string_view key) const;
  void refuse(const YamlNode& node, std::string_view key, std::string_view message) const;
  // Where the map stands, for what is missing in it.
  Mark mark() const { return node_ == nullptr ? Mark{} : node_->mark; }
  const YamlNode* node() const { return node_; }
  ConfigSource& source() const { return *source_; }

 private:
  ConfigSection(ConfigSource& source, const YamlNode* node, std::string name)
      : source_(&source), node_(node), name_(std::move(name)) {}

  const YamlNode* scalar(std::string_view key, std::string_view wanted) const;
  std::int64_t whole_number(std::string_view key, std::int64_t otherwise, std::int64_t low,
                            std::int64_t high) const;
  void refuse_value(const YamlNode& node, std::string_view key, std::string_view wanted) const;
  void refuse_choice(const YamlNode& node, std::string_view key,
                     const std::vector<std::string_view>& names) const;

  ConfigSource* source_;
  const YamlNode* node_;
  std::string name_;
};

}  // namespace vigie
