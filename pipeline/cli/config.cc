#include "pipeline/cli/config.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>
#include <system_error>

#include <fmt/format.h>
#include <openssl/evp.h>

#include "pipeline/cli/config_connectors.h"
#include "pipeline/cli/config_log.h"
#include "pipeline/cli/config_retention.h"
#include "pipeline/cli/config_section.h"
#include "pipeline/core/mention.h"
#include "pipeline/net/signature.h"

namespace vigie {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::uint64_t kKiB = std::uint64_t{1} << 10;
constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr std::uint64_t kTiB = std::uint64_t{1} << 40;
constexpr std::size_t kMinTokenBytes = 16;

bool is_hex(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  });
}

std::string sha256_hex(std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr);
  return hex(digest.data(), size);
}

// 32 bytes as 64 hex digits or as base64.
std::optional<std::array<std::uint8_t, 32>> parse_key(std::string_view text) {
  std::array<std::uint8_t, 32> key{};
  if (text.size() == 64 && is_hex(text)) {
    for (std::size_t i = 0; i < key.size(); ++i) {
      std::from_chars(text.data() + 2 * i, text.data() + 2 * i + 2, key[i], 16);
    }
    return key;
  }
  if (text.size() != 44 || text.back() != '=' || text[42] == '=') return std::nullopt;
  std::array<unsigned char, 33> decoded{};
  if (EVP_DecodeBlock(decoded.data(), reinterpret_cast<const unsigned char*>(text.data()), 44) !=
      static_cast<int>(decoded.size())) {
    return std::nullopt;
  }
  std::copy_n(decoded.begin(), key.size(), key.begin());
  return key;
}

void read_author_key(const ConfigSection& top, Config& config) {
  const auto secret = top.secret("author_key");
  if (!secret) return;
  config.author_key = parse_key(*secret);
  if (config.author_key) return;
  const bool from_file = top.find("author_key") == nullptr;
  const std::string_view key = from_file ? "author_key_file" : "author_key";
  top.refuse(*top.find(key), key,
             "expected 32 bytes as 64 hex digits or as base64 (openssl rand -hex 32)");
}

// "127.0.0.1:8080", "[::1]:8080", "localhost:0"
bool parse_listen(std::string_view text, ApiOptions& api) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.contains(':')) {
    return false;
  }
  const auto [end, code] = std::from_chars(port.data(), port.data() + port.size(), api.port);
  if (host.empty() || code != std::errc{} || end != port.data() + port.size()) return false;
  api.address = host;
  return true;
}

bool is_loopback(std::string_view address) {
  return address == "localhost" || address == "::1" || address.starts_with("127.");
}

std::vector<Role> read_roles(const ConfigSection& token) {
  constexpr std::pair<std::string_view, Role> kRoles[] = {{"reader", Role::Reader},
                                                          {"social", Role::Social},
                                                          {"community", Role::Community},
                                                          {"ingest", Role::Ingest},
                                                          {"admin", Role::Admin}};
  std::vector<Role> out;
  for (const YamlNode& item : token.list("roles")) {
    const auto* const found =
        std::ranges::find(kRoles, item.text, &std::pair<std::string_view, Role>::first);
    if (found != std::end(kRoles)) {
      out.push_back(found->second);
    } else {
      token.refuse(item, "roles",
                   fmt::format("expected reader, social, community, ingest or admin, found \"{}\"",
                               item.text));
    }
  }
  if (token.find("roles") == nullptr ||
      (out.empty() && token.find("roles")->type == YamlNode::Type::List &&
       token.find("roles")->items.empty())) {
    token.source().refuse(token.mark(), token.full("roles"),
                          "required: a list of reader, social, community, ingest or admin");
  }
  return out;
}

// What a sender may write.
void read_networks_and_ops(const ConfigSection& sender, std::vector<std::string>& networks,
                           std::vector<std::string>& ops) {
  networks = sender.texts("networks");
  for (const std::string& network : networks) {
    if (is_network_name(network)) continue;
    sender.refuse(*sender.find("networks"), "networks",
                  fmt::format("expected names such as \"bluesky\", found \"{}\"", network));
  }
  ops = sender.texts("ops");
  for (const std::string& op : ops) {
    const auto known = parse_op(op);
    if (known && *known != Op::Tick) continue;
    sender.refuse(*sender.find("ops"), "ops",
                  fmt::format("expected create, update, delete, engagement, hide, unhide, "
                              "hide_author, unhide_author or erase_author, found \"{}\"",
                              op));
  }
}

void read_scope(const ConfigSection& token, ApiToken& out) {
  read_networks_and_ops(token, out.networks, out.ops);
  if (std::ranges::find(out.roles, Role::Ingest) != out.roles.end()) return;
  for (const std::string_view key : {"networks", "ops"}) {
    if (const YamlNode* node = token.find(key)) {
      token.refuse(*node, key, "only a token with the role ingest writes mentions");
    }
  }
}

ApiToken read_token(const ConfigSection& token) {
  ApiToken out;
  out.name = token.text("name", "");
  if (token.find("name") == nullptr) {
    token.source().refuse(token.mark(), token.full("name"), "required");
  }
  const YamlNode* digest = token.find("token_sha256");
  const bool has_secret = token.find("token") != nullptr || token.find("token_file") != nullptr;
  if ((digest != nullptr) == has_secret) {
    token.source().refuse(token.mark(), token.full("token"),
                          "expected one of token_sha256, token and token_file");
  } else if (digest != nullptr) {
    out.sha256_hex = token.text("token_sha256", "");
    std::ranges::transform(out.sha256_hex, out.sha256_hex.begin(), [](char c) {
      return c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c;
    });
    // A token put here by mistake is a secret: it is not repeated.
    if (out.sha256_hex.size() != 64 || !is_hex(out.sha256_hex)) {
      token.refuse(*digest, "token_sha256",
                   "expected the SHA-256 of the token as 64 hex digits "
                   "(printf %s \"$TOKEN\" | sha256sum)");
    }
  } else if (const auto secret = token.secret("token")) {
    if (secret->size() < kMinTokenBytes) {
      token.source().refuse(
          token.mark(), token.full("token"),
          fmt::format("expected {} characters or more (openssl rand -hex 32)", kMinTokenBytes));
    }
    out.sha256_hex = sha256_hex(*secret);
  }
  out.roles = read_roles(token);
  read_scope(token, out);
  return out;
}

void read_tokens(const ConfigSection& api, ApiOptions& out) {
  std::set<std::string> names;
  std::size_t index = 0;
  for (const YamlNode& item : api.list("tokens")) {
    const ConfigSection token(
        api.source(), &item, fmt::format("api.tokens[{}]", index++),
        {"name", "token", "token_file", "token_sha256", "roles", "networks", "ops"});
    if (token.node() == nullptr) continue;
    out.tokens.push_back(read_token(token));
    const std::string& name = out.tokens.back().name;
    if (!name.empty() && !names.insert(name).second) {
      token.refuse(*token.find("name"), "name", fmt::format("\"{}\" stands twice", name));
    }
  }
}

void read_webhook(const ConfigSection& api, ApiOptions& out) {
  const ConfigSection webhook = api.section("webhook", {"secrets", "networks", "ops"});
  read_networks_and_ops(webhook, out.webhook_networks, out.webhook_ops);
  std::size_t index = 0;
  for (const YamlNode& item : webhook.list("secrets")) {
    const std::string key = fmt::format("api.webhook.secrets[{}]", index++);
    if (auto secret = api.source().secret(item, key, "")) {
      if (!WebhookSecret::parse(*secret)) {
        api.source().refuse(item.mark, key,
                            "expected whsec_ and base64 of 24 to 64 bytes "
                            "(echo whsec_$(openssl rand -base64 32))");
      }
      out.webhook_secrets.push_back(std::move(*secret));
    }
  }
}

ApiOptions read_api(const ConfigSection& top) {
  const ConfigSection api =
      top.section("api", {"listen", "tls", "behind_proxy", "tokens", "webhook", "max_body",
                          "max_connections", "max_stream_clients"});
  ApiOptions out;
  const std::string listen = api.text("listen", "127.0.0.1:8080");
  const bool placed = parse_listen(listen, out);
  if (!placed) {
    api.refuse(*api.find("listen"), "listen",
               fmt::format("expected HOST:PORT, such as 127.0.0.1:8080, found \"{}\"", listen));
  }
  const ConfigSection tls = api.section("tls", {"certificate_file", "key_file"});
  out.tls_certificate_file = tls.path("certificate_file").string();
  out.tls_key_file = tls.path("key_file").string();
  if (tls.node() != nullptr &&
      (tls.find("certificate_file") == nullptr) != (tls.find("key_file") == nullptr)) {
    tls.source().refuse(tls.mark(), "api.tls", "expected both certificate_file and key_file");
  }
  out.behind_proxy = api.flag("behind_proxy", out.behind_proxy);
  read_tokens(api, out);
  read_webhook(api, out);
  out.max_body_bytes = api.size("max_body", out.max_body_bytes, kKiB, 256 * kMiB);
  out.max_connections = api.whole<std::size_t>("max_connections", out.max_connections, 1, 100'000);
  out.max_stream_clients =
      api.whole<std::size_t>("max_stream_clients", out.max_stream_clients, 1, 100'000);
  if (out.behind_proxy && out.tokens.empty()) {
    api.refuse(*api.find("behind_proxy"), "behind_proxy",
               "a proxy leads everybody here, so it needs api.tokens");
  }
  if (!placed || is_loopback(out.address)) return out;
  const YamlNode& place = *api.find("listen");
  if (out.tokens.empty()) {
    api.refuse(place, "listen", "an address beyond loopback needs api.tokens");
  }
  if (tls.node() == nullptr && !out.behind_proxy) {
    api.refuse(place, "listen",
               "an address beyond loopback needs api.tls, or behind_proxy: true when a proxy "
               "speaks TLS for it");
  }
  return out;
}

AlertsConfig read_alerts(const ConfigSection& top) {
  const ConfigSection alerts = top.section("alerts", {"surge"});
  const ConfigSection surge =
      alerts.section("surge", {"enabled", "window", "floor", "min_authors", "ratio", "z", "clear_z",
                               "clear_after", "cooldown", "min_history"});
  AlertsConfig out;
  SurgeConfig& s = out.surge;
  s.enabled = surge.flag("enabled", s.enabled);
  s.window = surge.duration("window", s.window, minutes{1}, hours{1});
  s.floor = surge.whole<std::uint32_t>("floor", s.floor, 1, 1'000'000);
  s.min_authors = surge.whole<std::uint32_t>("min_authors", s.min_authors, 1, 1'000'000);
  s.ratio = surge.real("ratio", s.ratio, 1.0, 1000.0);
  s.z = surge.real("z", s.z, 0.5, 100.0);
  s.clear_z = surge.real("clear_z", s.clear_z, 0.0, 100.0);
  if (s.clear_z > s.z) {
    surge.source().refuse(surge.mark(), surge.full("clear_z"), "expected at most the value of z");
  }
  s.clear_after = surge.duration("clear_after", s.clear_after, minutes{0}, hours{24});
  s.cooldown = surge.duration("cooldown", s.cooldown, minutes{0}, hours{24 * 7});
  s.min_history = surge.duration("min_history", s.min_history, minutes{0}, hours{24 * 35});
  for (const auto& [key, value] : {std::pair("window", s.window),
                                   {"clear_after", s.clear_after},
                                   {"cooldown", s.cooldown},
                                   {"min_history", s.min_history}}) {
    surge.whole_units(key, value, minutes{1}, "expected whole minutes");
  }
  return out;
}

StoreConfig read_store(const ConfigSection& top) {
  const ConfigSection store = top.section("store", {"block_cache", "write_buffers"});
  StoreConfig out;
  out.block_cache = store.size("block_cache", out.block_cache, kMiB, kTiB);
  out.write_buffers = store.size("write_buffers", out.write_buffers, 4 * kMiB, kTiB);
  return out;
}

DiskConfig read_disk(const ConfigSection& top) {
  const ConfigSection disk = top.section("disk", {"stop_below", "resume_above"});
  DiskConfig out;
  const auto size = [&](std::string_view key, std::optional<std::uint64_t>& value) {
    if (disk.find(key) != nullptr) value = disk.size(key, 0, kMiB, kTiB);
  };
  size("stop_below", out.stop_below);
  size("resume_above", out.resume_above);
  if (out.stop_below && out.resume_above && *out.resume_above < *out.stop_below) {
    disk.refuse(*disk.find("resume_above"), "resume_above", "expected no less than stop_below");
  }
  return out;
}

LoggingConfig read_logging(const ConfigSection& top) {
  using Level = LoggingConfig::Level;
  using Format = LoggingConfig::Format;
  const ConfigSection logging = top.section("logging", {"level", "format"});
  LoggingConfig out;
  out.level = logging.choice<Level>("level", out.level,
                                    {{"trace", Level::Trace},
                                     {"debug", Level::Debug},
                                     {"info", Level::Info},
                                     {"warn", Level::Warn},
                                     {"error", Level::Error}});
  out.format = logging.choice<Format>("format", out.format,
                                      {{"text", Format::Text}, {"json", Format::Json}});
  return out;
}

}  // namespace

Environment process_environment() {
  return [](std::string_view name) -> std::optional<std::string> {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing in this process changes its environment.
    const char* value = std::getenv(std::string(name).c_str());
    if (value == nullptr) return std::nullopt;
    return value;
  };
}

Result<Config> parse_config(std::string_view text, const std::filesystem::path& file,
                            const Environment& environment) {
  const auto root = parse_yaml(text, file.string());
  if (!root) return std::unexpected(root.error());
  ConfigSource source(file, environment);
  const ConfigSection top(
      source, &*root, "",
      {"data_dir", "rules", "detect_lang", "author_key", "author_key_file", "log", "connectors",
       "api", "alerts", "store", "disk", "retention", "logging"});
  Config config;
  config.file = file;
  config.data_dir = top.text("data_dir", config.data_dir.string());
  config.rules = top.path("rules");
  if (top.find("rules") == nullptr) {
    source.refuse(top.mark(), "rules", "required: the path of the rule file");
  }
  config.detect_lang = top.flag("detect_lang", config.detect_lang);
  read_author_key(top, config);
  config.log = read_log(top);
  config.connectors = read_connectors(top);
  config.api = read_api(top);
  config.alerts = read_alerts(top);
  config.store = read_store(top);
  config.disk = read_disk(top);
  config.retention = read_retention(top, config.log);
  config.logging = read_logging(top);
  if (source.failures() > 0) return std::unexpected(source.error());
  return config;
}

Result<Config> load_config(const std::filesystem::path& file, const Environment& environment) {
  std::error_code code;
  if (std::filesystem::is_directory(file, code)) {
    return fail(Code::NotFound,
                fmt::format("{}: expected a file, found a directory", file.string()));
  }
  std::ifstream stream(file, std::ios::binary);
  if (!stream) {
    return fail(Code::NotFound, fmt::format("{}: cannot read: {}", file.string(),
                                            std::generic_category().message(errno)));
  }
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  return parse_config(text, file, environment);
}

}  // namespace vigie
