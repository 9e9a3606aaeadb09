#include "connectors/webhook/webhook.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <simdjson.h>

namespace vigie {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

std::string_view trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return text.substr(0, 0);
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

// Cuts an array, known to be valid JSON, at the commas of its own level.
std::vector<std::string_view> cut_array(std::string_view array) {
  std::vector<std::string_view> items;
  const std::string_view inside = trim(array.substr(1, array.size() - 2));
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
      --depth;
    } else if (c == ',' && depth == 0) {
      items.push_back(trim(inside.substr(begin, i - begin)));
      begin = i + 1;
    }
  }
  if (!inside.empty()) items.push_back(trim(inside.substr(begin)));
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

bool is_json(std::string_view text) {
  simdjson::dom::parser parser;
  return parser.parse(simdjson::padded_string(text)).error() == simdjson::SUCCESS;
}

// What parses whole is an array or one item, however it is laid out; all else is a line each, so
// that a bad line costs nobody the others.
Result<std::vector<std::string_view>> cut(std::string_view body) {
  const std::string_view text = trim(body);
  if (text.empty()) return fail(Code::Invalid, "body: expected a mention, found nothing");
  const bool array = text.front() == '[';
  if (!is_json(text)) {
    if (array) return fail(Code::Invalid, "body: the array is not valid JSON");
    return cut_lines(text);
  }
  if (array) return cut_array(text);
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

Result<WebhookBody> read_webhook(std::string_view body, const WebhookGrant& grant,
                                 std::size_t max_items) {
  const auto items = cut(body);
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
    auto mention = reader.read(item);
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
