#include <algorithm>

#include <simdjson.h>

#include "pipeline/api/answers.h"
#include "pipeline/core/json.h"
#include "state/item_json.h"

namespace vigie {
namespace {

constexpr std::size_t kDefaultItems = 50;
constexpr std::size_t kMaxItems = 200;
// Of each item in a list; the item itself tells all of them.
constexpr std::size_t kListedMessages = 10;

bool sees_direct_messages(const Principal& who) {
  return who.has(Role::Social) || who.has(Role::Admin);
}

// The `tagged` record as `who` may see it, JSON: null when it is gone, hidden or unreadable, and
// only `{"kind":"dm"}` of a direct message for those who may not read it.
Result<std::string> visible(const Service& service, const Principal& who, std::string_view key,
                            simdjson::dom::parser& parser) {
  Result<std::optional<std::string>> tagged = service.view().tagged(key);
  if (!tagged) return std::unexpected(tagged.error());
  if (!*tagged) return "null";
  // The parser reads ahead of the text, within what it has reserved.
  std::string& text = **tagged;
  text.reserve(text.size() + simdjson::SIMDJSON_PADDING);
  simdjson::dom::object object;
  std::string_view kind;
  if (parser.parse(text.data(), text.size(), false).get(object) || object["kind"].get(kind)) {
    return "null";
  }
  bool hidden = false;
  if (!object["hidden"].get(hidden) && hidden) return "null";
  if (kind == "dm" && !sees_direct_messages(who)) return R"({"kind":"dm"})";
  return std::move(text);
}

}  // namespace

Result<void> write_item(JsonWriter& json, const Service& service, const Principal& who,
                        const QueueItem& item) {
  simdjson::dom::parser parser;
  const auto message = [&](const ItemMessage& each) -> Result<void> {
    const Result<std::string> mention = visible(service, who, each.key, parser);
    if (!mention) return std::unexpected(mention.error());
    json.key("mention").raw(*mention);
    return {};
  };
  return write_item(json, item, service.view().as_of(), message);
}

Response answer_items(const Service& service, const Principal& who, const Request& request) {
  const Result<std::size_t> limit = count_param(request, "limit", kDefaultItems, kMaxItems);
  if (!limit) return problem(limit.error());
  const std::string_view state = request.param("state").value_or("open");
  if (state != "open" && state != "all") return problem(400, "state: expected open or all");

  const Result<Queues::Page> page =
      service.view().queues.list(request.captures[0], state == "all",
                                 request.param("after").value_or(""), *limit, kListedMessages);
  if (!page) return problem(page.error());
  Response response;
  JsonWriter json(response.body);
  json.begin_object().field("as_of", format_time(service.view().as_of()));
  json.field("total", static_cast<std::int64_t>(page->total));
  json.key("next");
  page->next.empty() ? json.null() : json.string(page->next);
  json.key("items").begin_array();
  for (const QueueItem& item : page->items) {
    const Result<void> written = write_item(json, service, who, item);
    if (!written) return problem(written.error());
  }
  json.end_array().end_object();
  return response;
}

Response answer_item(const Service& service, const Principal& who, const Request& request) {
  const std::optional<QueueItem> item = service.view().queues.item(request.captures[0]);
  if (!item) return problem(404, "no such item");
  Response response;
  JsonWriter json(response.body);
  const Result<void> written = write_item(json, service, who, *item);
  if (!written) return problem(written.error());
  return response;
}

}  // namespace vigie
