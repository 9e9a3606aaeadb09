#include "connectors/options.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace vigie {
namespace {

constexpr std::array<std::string_view, 4> kCommonKeys = {"kind", "name", "keep", "rate"};

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number value{};
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  std::int64_t count = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (code != std::errc{} || count < 0) return std::nullopt;
  const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  const std::int64_t scale = unit == "ms"  ? 1
                             : unit == "s" ? 1000
                             : unit == "m" ? 60'000
                             : unit == "h" ? 3'600'000
                             : unit == "d" ? 86'400'000
                                           : 0;
  if (scale == 0 || count > std::numeric_limits<std::int64_t>::max() / 1'000'000 / scale) {
    return std::nullopt;
  }
  return std::chrono::milliseconds{count * scale};
}

Options::Options(const ConnectorSettings& settings, std::initializer_list<std::string_view> own)
    : settings_(settings) {
  if (settings.options == nullptr) return;
  const YamlNode& node = *settings.options;
  const std::string what = fmt::format("connector {}", settings.name);
  if (node.type != YamlNode::Type::Map) {
    refuse(node.mark, what + ": expected a map");
    return;
  }
  std::vector<std::string_view> known(own);
  known.insert(known.end(), kCommonKeys.begin(), kCommonKeys.end());
  for (const auto& [key, value] : node.entries) {
    if (std::ranges::find(known, key.text) != known.end()) continue;
    const std::string_view near = nearest(key.text, known);
    const std::string hint = near.empty()
                                 ? fmt::format("expected one of {}", fmt::join(known, ", "))
                                 : fmt::format("did you mean \"{}\"?", near);
    refuse(key.mark, fmt::format("{}: unknown key \"{}\"; {}", what, key.text, hint));
    return;
  }
}

const YamlNode* Options::find(std::string_view key) const {
  if (!ok() || settings_.options == nullptr) return nullptr;
  const YamlNode* node = settings_.options->find(key);
  return node == nullptr || node->type == YamlNode::Type::Null ? nullptr : node;
}

void Options::refuse(Mark mark, std::string_view message) {
  if (ok()) error_ = Error{Code::Invalid, at(settings_.file, mark, message)};
}

const YamlNode* Options::scalar(std::string_view key, std::string_view wanted) {
  const YamlNode* node = find(key);
  if (node == nullptr || node->type == YamlNode::Type::Scalar) return node;
  refuse(node->mark, fmt::format("{}: expected {}", key, wanted));
  return nullptr;
}

std::string Options::text(std::string_view key, std::string_view otherwise) {
  const YamlNode* node = scalar(key, "a text");
  return node == nullptr ? std::string(otherwise) : node->text;
}

std::string Options::required(std::string_view key) {
  const YamlNode* node = scalar(key, "a text");
  if (node != nullptr && !node->text.empty()) return node->text;
  const Mark mark = node != nullptr                ? node->mark
                    : settings_.options != nullptr ? settings_.options->mark
                                                   : Mark{};
  refuse(mark, fmt::format("connector {}: {}: required", settings_.name, key));
  return {};
}

bool Options::flag(std::string_view key, bool otherwise) {
  constexpr std::string_view kWanted = "true or false";
  const YamlNode* node = scalar(key, kWanted);
  if (node == nullptr) return otherwise;
  if (!node->quoted && node->text == "true") return true;
  if (!node->quoted && node->text == "false") return false;
  refuse(node->mark, fmt::format("{}: expected {}, found \"{}\"", key, kWanted, node->text));
  return otherwise;
}

std::int64_t Options::whole(std::string_view key, std::int64_t low, std::int64_t high,
                            std::int64_t otherwise) {
  const std::string wanted = fmt::format("a whole number from {} to {}", low, high);
  const YamlNode* node = scalar(key, wanted);
  if (node == nullptr) return otherwise;
  const auto value = parse_number<std::int64_t>(node->text);
  if (value && *value >= low && *value <= high) return *value;
  refuse(node->mark, fmt::format("{}: expected {}, found \"{}\"", key, wanted, node->text));
  return otherwise;
}

double Options::real(std::string_view key, double low, double high, double otherwise) {
  const std::string wanted = fmt::format("a number from {} to {}", low, high);
  const YamlNode* node = scalar(key, wanted);
  if (node == nullptr) return otherwise;
  const auto value = parse_number<double>(node->text);
  if (value && *value >= low && *value <= high) return *value;
  refuse(node->mark, fmt::format("{}: expected {}, found \"{}\"", key, wanted, node->text));
  return otherwise;
}

std::chrono::milliseconds Options::duration(std::string_view key,
                                            std::chrono::milliseconds otherwise) {
  constexpr std::string_view kWanted = "a duration such as 90s, 15m, 6h or 2d";
  const YamlNode* node = scalar(key, kWanted);
  if (node == nullptr) return otherwise;
  const auto value = parse_duration(node->text);
  if (value) return *value;
  refuse(node->mark, fmt::format("{}: expected {}, found \"{}\"", key, kWanted, node->text));
  return otherwise;
}

std::string Options::choice(std::string_view key, std::initializer_list<std::string_view> choices) {
  const std::string wanted = fmt::format("{}", fmt::join(choices, " or "));
  const YamlNode* node = scalar(key, wanted);
  if (node == nullptr) return std::string(*choices.begin());
  if (std::ranges::find(choices, node->text) != choices.end()) return node->text;
  refuse(node->mark, fmt::format("{}: expected {}, found \"{}\"", key, wanted, node->text));
  return std::string(*choices.begin());
}

std::vector<std::string> Options::texts(std::string_view key) {
  const YamlNode* node = find(key);
  std::vector<std::string> out;
  if (node == nullptr) return out;
  if (node->type != YamlNode::Type::List) {
    refuse(node->mark, fmt::format("{}: expected a list of texts", key));
    return out;
  }
  for (const YamlNode& item : node->items) {
    if (item.type != YamlNode::Type::Scalar) {
      refuse(item.mark, fmt::format("{}: expected a text", key));
      return {};
    }
    out.push_back(item.text);
  }
  return out;
}

}  // namespace vigie
