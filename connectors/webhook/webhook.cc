#include "connectors/webhook/webhook.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "connectors/options.h"
#include "pipeline/core/ids.h"

namespace vigie {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

std::string_view trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return text.substr(0, 0);
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

// Cuts `[a, b]` at the commas of its own level. Only strings and brackets are looked at: each item
// is parsed whole later, so what is no JSON inside of one is that item's error.
Result<std::vector<std::string_view>> cut_array(std::string_view body) {
  std::vector<std::string_view> items;
  const std::string_view inside = body.substr(1, body.size() - 2);
  std::size_t depth = 0;
  bool quoted = false;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < inside.size(); ++i) {
    const char c = inside[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      if (depth == 0) return fail(Code::Invalid, "body: a bracket closes that was never opened");
      --depth;
    } else if (c == ',' && depth == 0) {
      items.push_back(trim(inside.substr(begin, i - begin)));
      begin = i + 1;
    }
  }
  if (quoted || depth != 0) return fail(Code::Invalid, "body: the JSON array ends too early");
  const std::string_view last = trim(inside.substr(begin));
  if (!last.empty() || !items.empty()) items.push_back(last);
  return items;
}

std::vector<std::string_view> cut_lines(std::string_view body) {
  std::vector<std::string_view> items;
  while (!body.empty()) {
    const std::string_view line = body.substr(0, body.find('\n'));
    body.remove_prefix(std::min(body.size(), line.size() + 1));
    if (const auto item = trim(line); !item.empty()) items.push_back(item);
  }
  return items;
}

bool is_ndjson_type(std::string_view content_type) {
  const std::string_view type = trim(content_type.substr(0, content_type.find(';')));
  return type == "application/x-ndjson" || type == "application/ndjson" ||
         type == "application/jsonl" || type == "application/x-jsonlines";
}

// Several lines, each an object of its own: no pretty-printed object looks like that.
bool looks_like_lines(const std::vector<std::string_view>& lines) {
  return lines.size() > 1 && std::ranges::all_of(lines, [](std::string_view line) {
           return line.starts_with('{') && line.ends_with('}');
         });
}

Result<std::vector<std::string_view>> cut(std::string_view body, std::string_view content_type) {
  const std::string_view text = trim(body);
  if (text.empty()) return fail(Code::Invalid, "body: expected a mention, found nothing");
  if (is_ndjson_type(content_type)) return cut_lines(text);
  if (text.starts_with('[')) {
    if (!text.ends_with(']') || text.size() < 2) {
      return fail(Code::Invalid, "body: the JSON array ends too early");
    }
    return cut_array(text);
  }
  if (!text.starts_with('{')) {
    return fail(Code::Invalid, "body: expected a mention, an array of mentions or NDJSON");
  }
  auto lines = cut_lines(text);
  if (looks_like_lines(lines)) return lines;
  return std::vector<std::string_view>{text};
}

// Why this source may not send this mention; empty when it may.
std::string binding_error(const WebhookOptions& options, const Mention& mention) {
  if (mention.op == Op::Tick || std::ranges::find(options.ops, mention.op) == options.ops.end()) {
    return fmt::format("op {} is not allowed for {}", name(mention.op), options.name);
  }
  if (std::ranges::find(options.networks, mention.network) == options.networks.end()) {
    return fmt::format("network {} is not allowed for {}; allowed: {}", mention.network,
                       options.name, fmt::join(options.networks, ", "));
  }
  return {};
}

void read_networks(Options& options, const ConnectorSettings& settings, WebhookOptions& out) {
  const YamlNode* node = options.find("networks");
  const Mark mark = node != nullptr               ? node->mark
                    : settings.options != nullptr ? settings.options->mark
                                                  : Mark{};
  out.networks = options.texts("networks");
  if (node == nullptr) out.networks.push_back(settings.name);
  if (out.networks.empty()) options.refuse(mark, "networks: expected at least one");
  for (const std::string& network : out.networks) {
    if (is_network_name(network)) continue;
    options.refuse(mark,
                   fmt::format("networks: expected [a-z][a-z0-9_]{{0,31}}, found \"{}\"", network));
  }
}

void read_ops(Options& options, WebhookOptions& out) {
  const YamlNode* node = options.find("ops");
  if (node == nullptr) return;
  out.ops.clear();
  for (const std::string& text : options.texts("ops")) {
    const auto op = parse_op(text);
    if (op && *op != Op::Tick) {
      out.ops.push_back(*op);
    } else {
      options.refuse(node->mark, fmt::format("ops: \"{}\" is no op that a sender may use", text));
    }
  }
  if (out.ops.empty()) options.refuse(node->mark, "ops: expected at least one");
}

void read_secrets(Options& options, WebhookOptions& out) {
  const YamlNode* node = options.find("secrets");
  if (node == nullptr) return;
  for (const std::string& text : options.texts("secrets")) {
    auto secret = WebhookSecret::parse(text);
    if (!secret) return options.refuse(node->mark, secret.error().message);
    out.secrets.push_back(*std::move(secret));
  }
  // An empty list must not be read as "everybody".
  if (out.secrets.empty()) options.refuse(node->mark, "secrets: expected at least one");
}

}  // namespace

WebhookSource::WebhookSource(WebhookOptions options, Clock clock) : options_(std::move(options)) {
  if (!options_.secrets.empty()) verifier_.emplace(options_.secrets, std::move(clock));
}

Result<void> WebhookSource::verify(const WebhookHeaders& headers, std::string_view body) const {
  if (!verifier_) return {};
  return verifier_->verify(headers, body);
}

Result<WebhookBody> WebhookSource::read(std::string_view body,
                                        std::string_view content_type) const {
  if (body.size() > options_.max_body) {
    return fail(Code::Invalid,
                fmt::format("body: {} bytes, at most {} allowed", body.size(), options_.max_body));
  }
  const auto items = cut(body, content_type);
  if (!items) return std::unexpected(items.error());
  if (items->size() > options_.max_items) {
    return fail(Code::Invalid, fmt::format("body: {} items, at most {} allowed", items->size(),
                                           options_.max_items));
  }
  WebhookBody out;
  MentionReader reader;
  for (std::size_t i = 0; i < items->size(); ++i) {
    auto mention = reader.read((*items)[i]);
    if (!mention) {
      out.errors.push_back({i, WebhookItemError::Reason::NotAMention,
                            fmt::format("item {}: {}", i, mention.error().message)});
      continue;
    }
    if (const std::string why = binding_error(options_, *mention); !why.empty()) {
      out.errors.push_back(
          {i, WebhookItemError::Reason::NotAllowed, fmt::format("item {}: {}", i, why)});
      continue;
    }
    mention->connector = options_.name;
    mention->seen_at.reset();
    out.mentions.push_back(*std::move(mention));
  }
  return out;
}

Result<std::unique_ptr<WebhookSource>> make_webhook(const ConnectorSettings& settings,
                                                    Clock clock) {
  Options options(settings, {"networks", "ops", "secrets", "max_body_bytes", "max_items"});
  WebhookOptions out;
  out.name = settings.name;
  out.max_body =
      static_cast<std::size_t>(options.whole("max_body_bytes", 1024, std::int64_t{64} * 1024 * 1024,
                                             static_cast<std::int64_t>(out.max_body)));
  out.max_items = static_cast<std::size_t>(
      options.whole("max_items", 1, 100'000, static_cast<std::int64_t>(out.max_items)));
  read_networks(options, settings, out);
  read_ops(options, out);
  read_secrets(options, out);
  if (!options.ok()) return std::unexpected(options.error());
  return std::make_unique<WebhookSource>(std::move(out), std::move(clock));
}

}  // namespace vigie
