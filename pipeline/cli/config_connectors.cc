#include "pipeline/cli/config_connectors.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "connectors/registry.h"

namespace vigie {
namespace {

constexpr std::string_view kNameForm =
    "a lower-case letter and up to 31 more, digits, \"_\" or \"-\"";

bool is_connector_name(std::string_view text) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  return !text.empty() && text.size() <= 32 && text[0] >= 'a' && text[0] <= 'z' &&
         std::ranges::all_of(text, fits);
}

// Whether the value of an option is a secret: `token`, `app_secret`, `client_secret`, `password`.
bool is_secret_key(std::string_view key) {
  const std::string_view last = key.substr(key.rfind('_') + 1);
  return last == "token" || last == "secret" || last == "password" || last == "tokens" ||
         last == "secrets" || last == "passwords" || key == "api_key" || key == "private_key";
}

// "100/s", "0.5/s"
std::optional<double> parse_rate(std::string_view text) {
  if (!text.ends_with("/s")) return std::nullopt;
  text.remove_suffix(2);
  double value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (!(value >= 0.001 && value <= 1e6)) return std::nullopt;
  return value;
}

// Puts the values of variables and secret files into a connector's options, and remembers them so
// that a message about the options can be cleaned of them.
class Secrets {
 public:
  explicit Secrets(ConfigSource& source) : source_(source) {}

  void fill(YamlNode& node, const std::string& name) {
    for (auto& [key, value] : node.entries) fill_entry(node, key, value, name);
    std::size_t index = 0;
    for (YamlNode& item : node.items) fill_value(item, fmt::format("{}[{}]", name, index++));
  }

  std::string clean(std::string message) const {
    for (const auto& [value, shown] : values_) {
      for (std::size_t at = message.find(value); at != std::string::npos;
           at = message.find(value, at + shown.size())) {
        message.replace(at, value.size(), shown);
      }
    }
    return message;
  }

 private:
  void fill_entry(const YamlNode& map, YamlNode& key, YamlNode& value, const std::string& name) {
    const std::string full = fmt::format("{}.{}", name, key.text);
    const std::string_view base = key.text.ends_with("_file")
                                      ? std::string_view(key.text).substr(0, key.text.size() - 5)
                                      : std::string_view{};
    if (is_secret_key(base)) {
      if (map.find(base) != nullptr) {
        source_.refuse(key.mark, full,
                       fmt::format("expected only one of {} and {}", base, key.text));
      } else if (auto secret = source_.secret_file(value, full)) {
        values_.insert_or_assign(*secret, fmt::format("<{}>", key.text));
        value.text = std::move(*secret);
        value.quoted = true;
        key.text = std::string(base);
      }
    } else if (is_secret_key(key.text)) {
      fill_secret(value, full, key.text + "_file");
    } else {
      fill_value(value, full);
    }
  }

  void fill_secret(YamlNode& value, const std::string& full, std::string_view file_key) {
    if (value.type == YamlNode::Type::List) {
      for (YamlNode& item : value.items) fill_secret(item, full, "");
    } else if (auto secret = source_.secret(value, full, file_key)) {
      put(value, std::move(*secret));
    }
  }

  void fill_value(YamlNode& value, const std::string& full) {
    if (value.type != YamlNode::Type::Scalar) {
      fill(value, full);
    } else if (ConfigSource::variable(value.text)) {
      if (auto text = source_.from_environment(value, full)) put(value, std::move(*text));
    }
  }

  void put(YamlNode& node, std::string text) {
    values_.insert_or_assign(text, node.text);
    node.text = std::move(text);
    node.quoted = true;
  }

  ConfigSource& source_;
  std::map<std::string, std::string, std::greater<>> values_;  // what to show in their place
};

const ConnectorKind* read_kind(const ConfigSection& entry) {
  std::vector<std::string_view> kinds;
  for (const ConnectorKind& kind : connector_kinds()) kinds.push_back(kind.kind);
  const YamlNode* node = entry.find("kind");
  if (node == nullptr) {
    entry.source().refuse(entry.mark(), entry.full("kind"),
                          fmt::format("required: one of {}", fmt::join(kinds, ", ")));
    return nullptr;
  }
  const ConnectorKind* kind = find_connector_kind(node->text);
  if (kind != nullptr) return kind;
  const std::string_view near = nearest(node->text, kinds);
  entry.refuse(
      *node, "kind",
      near.empty()
          ? fmt::format("expected one of {}, found \"{}\"", fmt::join(kinds, ", "), node->text)
          : fmt::format("unknown kind \"{}\"; did you mean \"{}\"?", node->text, near));
  return nullptr;
}

// The keys that every connector has; those of the kind are left to it.
void read_common(const ConfigSection& entry, const ConnectorKind& kind, ConnectorConfig& out) {
  out.kind = kind.kind;
  out.keep = entry.choice<Keep>("keep", kind.whole_network ? Keep::Matched : Keep::All,
                                {{"all", Keep::All}, {"matched", Keep::Matched}});
  if (const YamlNode* node = entry.find("rate")) {
    out.rate = parse_rate(node->text);
    if (!out.rate) {
      entry.refuse(*node, "rate", "expected mentions a second, such as \"100/s\" or \"0.5/s\"");
    }
  }
  if (entry.find("stall") != nullptr) {
    out.stall = entry.duration("stall", std::chrono::seconds{0}, std::chrono::seconds{1},
                               std::chrono::hours{24 * 7});
  }
}

void read_options(const ConfigSection& entry, const ConnectorKind& kind, ConnectorConfig& out) {
  ConfigSource& source = entry.source();
  const std::size_t before = source.failures();
  out.options = *entry.node();
  std::erase_if(out.options.entries, [](const YamlEntry& e) { return e.key.text == "stall"; });
  Secrets secrets(source);
  secrets.fill(out.options, entry.name());
  // A secret that is missing is the error to fix first.
  if (source.failures() != before) return;
  const auto made = kind.make(
      {.name = out.name, .kind = out.kind, .options = &out.options, .file = source.name()});
  if (!made) source.refuse(entry.mark(), secrets.clean(made.error().message));
}

}  // namespace

std::vector<ConnectorConfig> read_connectors(const ConfigSection& top) {
  std::vector<ConnectorConfig> out;
  std::set<std::string> names;
  std::size_t index = 0;
  for (const YamlNode& item : top.list("connectors")) {
    const std::string place = fmt::format("connectors[{}]", index++);
    if (item.type != YamlNode::Type::Map) {
      top.source().refuse(item.mark, place, "expected a map");
      continue;
    }
    const ConfigSection entry = ConfigSection::open(top.source(), item, place);
    ConnectorConfig connector;
    connector.name = entry.text("name", "");
    if (entry.find("name") == nullptr) {
      entry.source().refuse(entry.mark(), entry.full("name"), "required");
    } else if (!is_connector_name(connector.name)) {
      entry.refuse(*entry.find("name"), "name",
                   fmt::format("expected {}, found \"{}\"", kNameForm, connector.name));
    } else if (!names.insert(connector.name).second) {
      entry.refuse(*entry.find("name"), "name", fmt::format("\"{}\" stands twice", connector.name));
    }
    if (const ConnectorKind* kind = read_kind(entry)) {
      read_common(entry, *kind, connector);
      read_options(entry, *kind, connector);
    }
    out.push_back(std::move(connector));
  }
  return out;
}

}  // namespace vigie
