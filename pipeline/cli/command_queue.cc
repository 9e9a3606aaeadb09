// vigie queue: what a data directory knows of the two work queues.
#include <vector>

#include <fmt/format.h>

#include "pipeline/cli/commands.h"
#include "pipeline/cli/config.h"
#include "pipeline/cli/report.h"
#include "pipeline/core/mention.h"
#include "pipeline/core/utf8.h"
#include "pipeline/log/event_log.h"
#include "state/item_json.h"
#include "state/queues.h"
#include "state/store.h"

namespace vigie {
namespace {

constexpr std::size_t kShownText = 70;

// The store of a data directory as it is now, and the items in it.
struct Opened {
  std::unique_ptr<Store> store;
  std::unique_ptr<Queues> queues;
};

Result<Opened> open(const QueueCommand& command) {
  auto config = load_config(command.config, process_environment());
  if (!config) return std::unexpected(std::move(config.error()));
  const bool kafka = config->log.kind == LogConfig::Kind::Kafka;
  StoreOptions options;
  options.read_only = true;
  auto store = Store::open(config->data_dir / (kafka ? "view" : "state"), options);
  if (!store) return std::unexpected(std::move(store.error()));
  auto queues = Queues::open(**store);
  if (!queues) return std::unexpected(std::move(queues.error()));
  return Opened{std::move(*store), std::move(*queues)};
}

// The `tagged` record of a message; "null" when it has no text any more.
Result<std::string> tagged_of(const Store& store, std::string_view key) {
  auto tagged = stored_tagged(store, key);
  if (!tagged) return std::unexpected(std::move(tagged.error()));
  const bool gone = !*tagged || (*tagged)->ends_with(R"("hidden":true})");
  return gone ? "null" : std::move(**tagged);
}

std::string text_of(const Store& store, std::string_view key) {
  const auto tagged = tagged_of(store, key);
  if (!tagged || *tagged == "null") return "(its text is gone)";
  const auto mention = MentionReader().read(*tagged, kMaxStoredMentionBytes);
  return mention ? on_one_line(mention->text) : "(cannot be read)";
}

Result<void> print_json(const Opened& from, const QueueItem& item) {
  std::string line;
  JsonWriter json(line);
  const auto mention = [&](const ItemMessage& message) -> Result<void> {
    auto tagged = tagged_of(*from.store, message.key);
    if (!tagged) return std::unexpected(std::move(tagged.error()));
    json.key("mention").raw(*tagged);
    return {};
  };
  auto written = write_item(json, item, from.queues->newest_record(), mention);
  if (written) fmt::print("{}\n", line);
  return written;
}

std::string holder_of(const QueueItem& item) {
  if (item.claimed_by.empty()) return "";
  return fmt::format("claimed by {} until {}", on_one_line(item.claimed_by),
                     format_time(*item.claimed_until));
}

const ItemMessage* last_inbound(const QueueItem& item) {
  const ItemMessage* last = nullptr;
  for (const ItemMessage& message : item.messages) {
    if (message.inbound || last == nullptr) last = &message;
  }
  return last;
}

// Two lines an item: what it is, and what was written last.
void print_line(const Opened& from, const QueueItem& item) {
  std::string line = fmt::format("{:<8} {:<8} {}", item.priority, name(item.state), item.id);
  if (item.due_at) line += "  due " + format_time(*item.due_at);
  if (const std::string holder = holder_of(item); !holder.empty()) line += "  " + holder;
  fmt::print("{}\n", line);
  const ItemMessage* last = last_inbound(item);
  if (last == nullptr) return;
  const std::string text = text_of(*from.store, last->key);
  fmt::print("                  {}{}\n",
             last->author_handle.empty() ? "" : "@" + on_one_line(last->author_handle) + ": ",
             first_code_points(text, kShownText));
}

Result<void> list(const Opened& from, const QueueCommand& command, const std::string& queue) {
  auto page = from.queues->list(queue, command.all, "", command.limit);
  if (!page) return std::unexpected(std::move(page.error()));
  if (!command.json) {
    fmt::print("{}: {} of {}\n", queue, page->items.size(), page->total);
  }
  for (const QueueItem& item : page->items) {
    if (!command.json) {
      print_line(from, item);
      continue;
    }
    auto printed = print_json(from, item);
    if (!printed) return printed;
  }
  return {};
}

void print_clocks(const QueueItem& item, Time now) {
  for (const ItemClock& clock : item.clocks) {
    const std::string_view state = !clock.due              ? "paused"
                                   : *clock.due <= now     ? "breached"
                                   : *clock.warn_at <= now ? "at risk"
                                                           : "running";
    fmt::print("{:<16} {}{}\n", name(clock.kind), state,
               clock.due ? ", due " + format_time(*clock.due) : "");
  }
}

void print_whole(const Opened& from, const QueueItem& item) {
  const auto field = [](std::string_view what, const std::string& value) {
    if (!value.empty()) fmt::print("{:<16} {}\n", what, value);
  };
  field("item", item.id);
  field("queue", item.queue);
  field("state", std::string(name(item.state)));
  field("priority", item.priority);
  field("route", item.route);
  field("held", holder_of(item));
  field("answered by", on_one_line(item.answered_by));
  field("resolved by", on_one_line(item.resolved_by));
  print_clocks(item, from.queues->newest_record());
  if (item.other_queue) field("note well", "a message of it was routed to the other queue");
  if (item.answered_by_other) field("note well", "somebody else replied while it was claimed");
  if (item.late_message) field("note well", "a message came late and stands before the answer");
  for (const ItemNote& note : item.notes) {
    fmt::print("\n{} {} ({})\n  {}\n", format_time(note.at), on_one_line(note.who), note.action,
               on_one_line(note.text));
  }
  for (const ItemMessage& message : item.messages) {
    fmt::print("\n{} {}{}\n  {}\n", format_time(message.event_time),
               message.inbound ? "" : "reply by ", on_one_line(message.author_handle),
               text_of(*from.store, message.key));
  }
  if (item.omitted > 0) fmt::print("\n{} older messages are not kept\n", item.omitted);
}

}  // namespace

Exit queue_list(const QueueCommand& command) {
  const auto opened = open(command);
  if (!opened) return report(opened.error());
  for (const char* queue : {"social", "community"}) {
    if (!command.queue.empty() && command.queue != queue) continue;
    const auto listed = list(*opened, command, queue);
    if (!listed) return report(listed.error());
  }
  return Exit::Good;
}

Exit queue_show(const QueueCommand& command) {
  const auto opened = open(command);
  if (!opened) return report(opened.error());
  const std::optional<QueueItem> item = opened->queues->item(command.id);
  if (!item) {
    return report({Code::Invalid, fmt::format("queue: no item \"{}\"; `vigie queue --all` lists "
                                              "them",
                                              command.id)});
  }
  if (!command.json) {
    print_whole(*opened, *item);
    return Exit::Good;
  }
  const auto printed = print_json(*opened, *item);
  return printed ? Exit::Good : report(printed.error());
}

}  // namespace vigie
