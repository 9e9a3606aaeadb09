#include "connectors/webhook/webhook.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

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

// Why this sender may not send this mention; empty when it may.
std::string binding_error(const WebhookGrant& grant, const Mention& mention) {
  if (grant.everything) return {};
  if (std::ranges::find(grant.networks, mention.network) == grant.networks.end()) {
    return fmt::format("network {} is not among those of this sender: {}", mention.network,
                       fmt::join(grant.networks, ", "));
  }
  if (std::ranges::find(grant.ops, name(mention.op)) == grant.ops.end()) {
    return fmt::format("op {} is not among those of this sender: {}", name(mention.op),
                       fmt::join(grant.ops, ", "));
  }
  return {};
}

}  // namespace

Result<WebhookBody> read_webhook(std::string_view body, std::string_view content_type,
                                 const WebhookGrant& grant, std::size_t max_items) {
  const auto items = cut(body, content_type);
  if (!items) return std::unexpected(items.error());
  if (items->empty()) return fail(Code::Invalid, "body: expected a mention, found none");
  if (items->size() > max_items) {
    return fail(Code::Invalid,
                fmt::format("body: {} items, at most {} allowed", items->size(), max_items));
  }
  using Reason = WebhookItemError::Reason;
  WebhookBody out;
  MentionReader reader;
  for (std::size_t i = 0; i < items->size(); ++i) {
    const std::string_view item = (*items)[i];
    const auto refuse = [&](Reason reason, std::string why) {
      out.errors.push_back({i, reason, std::move(why), std::string(item)});
    };
    // An empty item has no bytes to point at.
    auto mention = reader.read(item.empty() ? std::string_view("") : item);
    if (!mention) {
      refuse(Reason::NotAMention, mention.error().message);
    } else if (mention->op == Op::Tick) {
      refuse(Reason::NotAMention, "op: tick is not a sender's to write");
    } else if (std::string why = binding_error(grant, *mention); !why.empty()) {
      refuse(Reason::NotAllowed, std::move(why));
    } else {
      mention->connector = grant.name;
      mention->seen_at.reset();
      out.mentions.push_back(*std::move(mention));
    }
  }
  return out;
}

}  // namespace vigie
