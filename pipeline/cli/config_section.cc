#include "pipeline/cli/config_section.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <limits>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "connectors/options.h"

namespace vigie {
namespace {

constexpr std::size_t kMaxSecretBytes = std::size_t{64} * 1024;

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number value{};
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The shortest way to write a duration or a size that the config understands.
template <std::size_t N>
std::string write_in(std::uint64_t value,
                     const std::pair<std::uint64_t, std::string_view> (&units)[N]) {
  for (const auto& [scale, unit] : units) {
    if (value >= scale && value % scale == 0) return fmt::format("{}{}", value / scale, unit);
  }
  return fmt::format("{}{}", value, units[N - 1].second);
}

std::string write_duration(std::chrono::milliseconds duration) {
  constexpr std::pair<std::uint64_t, std::string_view> kUnits[] = {
      {86'400'000, "d"}, {3'600'000, "h"}, {60'000, "m"}, {1000, "s"}, {1, "ms"}};
  return write_in(static_cast<std::uint64_t>(duration.count()), kUnits);
}

std::string write_size(std::uint64_t size) {
  constexpr std::pair<std::uint64_t, std::string_view> kUnits[] = {{std::uint64_t{1} << 40, "TiB"},
                                                                   {std::uint64_t{1} << 30, "GiB"},
                                                                   {std::uint64_t{1} << 20, "MiB"},
                                                                   {std::uint64_t{1} << 10, "KiB"},
                                                                   {1, "B"}};
  return write_in(size, kUnits);
}

}  // namespace

std::optional<std::uint64_t> parse_size(std::string_view text) {
  std::uint64_t count = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (code != std::errc{}) return std::nullopt;
  const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  constexpr std::pair<std::string_view, unsigned> kUnits[] = {
      {"B", 0}, {"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}};
  for (const auto& [name, shift] : kUnits) {
    if (unit != name) continue;
    if (count > std::numeric_limits<std::uint64_t>::max() >> shift) return std::nullopt;
    return count << shift;
  }
  return std::nullopt;
}

void ConfigSource::refuse(Mark mark, std::string_view key, std::string_view message) {
  refuse(mark, at(name_, mark, fmt::format("{}: {}", key, message)));
}

void ConfigSource::refuse(Mark mark, std::string message) {
  failures_.emplace(std::pair(mark.line, mark.column), std::move(message));
}

Error ConfigSource::error() const {
  std::string message;
  for (const auto& [place, text] : failures_) {
    if (!message.empty()) message += '\n';
    message += text;
  }
  return {Code::Invalid, std::move(message)};
}

std::filesystem::path ConfigSource::resolve(std::string_view path) const {
  return (file_.parent_path() / std::filesystem::path(path)).lexically_normal();
}

std::optional<std::string_view> ConfigSource::variable(std::string_view text) {
  if (!text.starts_with("${") || !text.ends_with('}')) return std::nullopt;
  const std::string_view name = text.substr(2, text.size() - 3);
  const auto fits = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  };
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return std::nullopt;
  if (!std::ranges::all_of(name, fits)) return std::nullopt;
  return name;
}

std::optional<std::string> ConfigSource::from_environment(const YamlNode& node,
                                                          std::string_view key) {
  const std::string_view name = variable(node.text).value_or(std::string_view{});
  auto value = environment_(name);
  if (!value) {
    refuse(node.mark, key, fmt::format("the environment variable {} is not set", name));
    return std::nullopt;
  }
  if (value->empty()) {
    refuse(node.mark, key, fmt::format("the environment variable {} is empty", name));
    return std::nullopt;
  }
  return value;
}

std::optional<std::string> ConfigSource::secret(const YamlNode& node, std::string_view key,
                                                std::string_view file_key) {
  if (node.type == YamlNode::Type::Scalar && variable(node.text)) {
    return from_environment(node, key);
  }
  // What was found here may be the secret: it is not repeated.
  std::string message =
      "a secret does not stand in the config: write ${NAME} and set that environment variable";
  if (!file_key.empty()) message += fmt::format(", or name a file that holds it in {}", file_key);
  refuse(node.mark, key, message);
  return std::nullopt;
}

std::optional<std::string> ConfigSource::secret_file(const YamlNode& node, std::string_view key) {
  if (node.type != YamlNode::Type::Scalar || node.text.empty()) {
    refuse(node.mark, key, "expected the path of a file");
    return std::nullopt;
  }
  const std::filesystem::path path = resolve(node.text);
  std::error_code code;
  std::ifstream stream;
  if (!std::filesystem::is_directory(path, code)) stream.open(path, std::ios::binary);
  if (!stream.is_open() || !stream) {
    refuse(node.mark, key, fmt::format("cannot read {}", path.string()));
    return std::nullopt;
  }
  std::string text(kMaxSecretBytes + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(stream.gcount()));
  if (text.size() > kMaxSecretBytes) {
    refuse(node.mark, key, fmt::format("{} is larger than 64 KiB", path.string()));
    return std::nullopt;
  }
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  if (text.empty()) {
    refuse(node.mark, key, fmt::format("{} is empty", path.string()));
    return std::nullopt;
  }
  return text;
}

ConfigSection::ConfigSection(ConfigSource& source, const YamlNode* node, std::string name,
                             std::initializer_list<std::string_view> known)
    : source_(&source), node_(node), name_(std::move(name)) {
  if (node_ == nullptr || node_->type == YamlNode::Type::Null) {
    node_ = nullptr;
    return;
  }
  if (node_->type != YamlNode::Type::Map) {
    source_->refuse(node_->mark, name_.empty() ? "config" : name_, "expected a map");
    node_ = nullptr;
    return;
  }
  const std::vector<std::string_view> names(known);
  for (const auto& [key, value] : node_->entries) {
    if (std::ranges::find(names, key.text) != names.end()) continue;
    const std::string_view near = nearest(key.text, names);
    source_->refuse(key.mark, full(key.text),
                    near.empty()
                        ? fmt::format("unknown key; expected one of {}", fmt::join(names, ", "))
                        : fmt::format("unknown key; did you mean \"{}\"?", near));
  }
}

ConfigSection ConfigSection::open(ConfigSource& source, const YamlNode& map, std::string name) {
  return {source, &map, std::move(name)};
}

std::string ConfigSection::full(std::string_view key) const {
  return name_.empty() ? std::string(key) : fmt::format("{}.{}", name_, key);
}

void ConfigSection::refuse(const YamlNode& node, std::string_view key,
                           std::string_view message) const {
  source_->refuse(node.mark, full(key), message);
}

void ConfigSection::refuse_value(const YamlNode& node, std::string_view key,
                                 std::string_view wanted) const {
  if (node.type != YamlNode::Type::Scalar) {
    refuse(node, key, fmt::format("expected {}", wanted));
    return;
  }
  refuse(node, key, fmt::format("expected {}, found \"{}\"", wanted, node.text));
}

void ConfigSection::refuse_choice(const YamlNode& node, std::string_view key,
                                  const std::vector<std::string_view>& names) const {
  std::string wanted = fmt::format("{}", fmt::join(names, ", "));
  if (const std::size_t comma = wanted.rfind(", "); comma != std::string::npos) {
    wanted.replace(comma, 2, " or ");
  }
  refuse_value(node, key, wanted);
}

const YamlNode* ConfigSection::find(std::string_view key) const {
  if (node_ == nullptr) return nullptr;
  const YamlNode* node = node_->find(key);
  return node == nullptr || node->type == YamlNode::Type::Null ? nullptr : node;
}

const YamlNode* ConfigSection::scalar(std::string_view key, std::string_view wanted) const {
  const YamlNode* node = find(key);
  if (node == nullptr || node->type == YamlNode::Type::Scalar) return node;
  refuse_value(*node, key, wanted);
  return nullptr;
}

ConfigSection ConfigSection::section(std::string_view key,
                                     std::initializer_list<std::string_view> known) const {
  return {*source_, find(key), full(key), known};
}

const std::vector<YamlNode>& ConfigSection::list(std::string_view key) const {
  static const std::vector<YamlNode> kNone;
  const YamlNode* node = find(key);
  if (node == nullptr) return kNone;
  if (node->type != YamlNode::Type::List) {
    refuse_value(*node, key, "a list");
    return kNone;
  }
  return node->items;
}

bool ConfigSection::flag(std::string_view key, bool otherwise) const {
  const YamlNode* node = scalar(key, "true or false");
  if (node == nullptr) return otherwise;
  if (!node->quoted && node->text == "true") return true;
  if (!node->quoted && node->text == "false") return false;
  refuse_value(*node, key, "true or false");
  return otherwise;
}

std::int64_t ConfigSection::whole_number(std::string_view key, std::int64_t otherwise,
                                         std::int64_t low, std::int64_t high) const {
  const std::string wanted = fmt::format("a whole number from {} to {}", low, high);
  const YamlNode* node = scalar(key, wanted);
  if (node == nullptr) return otherwise;
  const auto value = parse_number<std::int64_t>(node->text);
  if (value && *value >= low && *value <= high) return *value;
  refuse_value(*node, key, wanted);
  return otherwise;
}

double ConfigSection::real(std::string_view key, double otherwise, double low, double high) const {
  const std::string wanted = fmt::format("a number from {} to {}", low, high);
  const YamlNode* node = scalar(key, wanted);
  if (node == nullptr) return otherwise;
  const auto value = parse_number<double>(node->text);
  if (value && *value >= low && *value <= high) return *value;
  refuse_value(*node, key, wanted);
  return otherwise;
}

std::chrono::milliseconds ConfigSection::duration(std::string_view key,
                                                  std::chrono::milliseconds otherwise,
                                                  std::chrono::milliseconds low,
                                                  std::chrono::milliseconds high) const {
  const std::string wanted = fmt::format("a duration from {} to {}, such as 90s, 15m or 72h",
                                         write_duration(low), write_duration(high));
  const YamlNode* node = scalar(key, wanted);
  if (node == nullptr) return otherwise;
  const auto value = parse_duration(node->text);
  if (value && *value >= low && *value <= high) return *value;
  refuse_value(*node, key, wanted);
  return otherwise;
}

void ConfigSection::whole_units(std::string_view key, std::chrono::milliseconds value,
                                std::chrono::milliseconds unit, std::string_view message) const {
  if (value % unit != std::chrono::milliseconds{0}) refuse(*find(key), key, message);
}

std::uint64_t ConfigSection::size(std::string_view key, std::uint64_t otherwise, std::uint64_t low,
                                  std::uint64_t high) const {
  const std::string wanted = fmt::format("a size from {} to {}, such as 512KiB, 64MiB or 20GiB",
                                         write_size(low), write_size(high));
  const YamlNode* node = scalar(key, wanted);
  if (node == nullptr) return otherwise;
  const auto value = parse_size(node->text);
  if (value && *value >= low && *value <= high) return *value;
  refuse_value(*node, key, wanted);
  return otherwise;
}

std::string ConfigSection::text(std::string_view key, std::string otherwise) const {
  const YamlNode* node = scalar(key, "a text");
  if (node == nullptr) return otherwise;
  if (ConfigSource::variable(node->text)) {
    return source_->from_environment(*node, full(key)).value_or(std::move(otherwise));
  }
  if (node->text.empty()) {
    refuse(*node, key, "expected a text, found an empty one");
    return otherwise;
  }
  return node->text;
}

std::vector<std::string> ConfigSection::texts(std::string_view key) const {
  std::vector<std::string> out;
  for (const YamlNode& item : list(key)) {
    if (item.type == YamlNode::Type::Scalar && !item.text.empty()) {
      out.push_back(item.text);
    } else {
      refuse(item, key, "expected a list of texts");
    }
  }
  return out;
}

std::filesystem::path ConfigSection::path(std::string_view key) const {
  const std::string written = text(key, "");
  return written.empty() ? std::filesystem::path{} : source_->resolve(written);
}

std::optional<std::string> ConfigSection::secret(std::string_view key) const {
  const std::string file_key = fmt::format("{}_file", key);
  const YamlNode* inline_node = find(key);
  const YamlNode* file_node = find(file_key);
  if (inline_node != nullptr && file_node != nullptr) {
    refuse(*file_node, file_key, fmt::format("expected only one of {} and {}", key, file_key));
    return std::nullopt;
  }
  if (inline_node != nullptr) return source_->secret(*inline_node, full(key), file_key);
  if (file_node != nullptr) return source_->secret_file(*file_node, full(file_key));
  return std::nullopt;
}

}  // namespace vigie
