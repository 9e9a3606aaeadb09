// How long it takes to list every open item of a queue, through the answers of the API.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <prometheus/registry.h>
#include <stdlib.h>

#include "pipeline/api/answers.h"
#include "pipeline/api/idempotency.h"
#include "pipeline/log/event_log.h"

namespace vigie::bench {
namespace {

using std::chrono::duration;

constexpr std::string_view kUsage =
    "usage: bench_queues [--items N] [--messages N] [--runs N]\n\n"
    "Lists N open items of one queue, page by page, each with its texts from the store, and "
    "prints\n"
    "the median of all runs. Ends with 1 when an item is missing.\n";

struct Options {
  std::size_t items = 1000;
  std::size_t messages = 2;
  std::size_t runs = 31;
};

bool parse(int argc, char** argv, Options& out) {
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    const std::string_view text = argv[i + 1];
    std::size_t* value = name == "--items"      ? &out.items
                         : name == "--messages" ? &out.messages
                         : name == "--runs"     ? &out.runs
                                                : nullptr;
    if (value == nullptr) return false;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), *value);
    if (failed != std::errc{} || end != text.data() + text.size()) return false;
  }
  return argc % 2 == 1 && out.runs > 0;
}

std::string tagged_value(std::string_view id) {
  return fmt::format(
      R"({{"v":1,"network":"x","id":"{}","op":"create","kind":"mention","author":{{"id":"a{}","handle":"fan",)"
      R"("name":"A fan","followers":120,"verified":false}},"text":"@acme my order is late again, the tracking )"
      R"(has said Lyon since Monday and nobody answers the phone. What now? #acme","lang":"en",)"
      R"("created_at":"2026-06-01T10:00:00Z","seen_at":"2026-06-01T10:00:01Z","url":"https://x.example/{}",)"
      R"("mentions":[{{"id":"1","handle":"acme"}}],"hashtags":["acme"],"themes":["delivery"],"campaigns":[],)"
      R"("brand":true,"queue":"social","route":"to-brand","priority":"normal","rules":"0123456789abcdef"}})",
      id, id, id);
}

void fill(const Options& options, Store& store, Queues& queues) {
  const Time start = *parse_time("2026-06-01T10:00:00Z");
  StoreBatch batch;
  Offset offset = 0;
  for (std::size_t i = 0; i < options.items; ++i) {
    for (std::size_t m = 0; m < options.messages; ++m) {
      ConversationRecord record;
      record.conversation = fmt::format("x/{}", i);
      record.message.key = fmt::format("x/{}-{}", i, m);
      record.seen_at = record.message.event_time = start + std::chrono::seconds(i * 7 + m);
      record.message.queue = "social";
      record.message.route = "to-brand";
      record.message.priority = i % 3 == 0 ? "high" : "normal";
      record.message.sla_seconds = 3600;
      record.message.author_handle = "fan";
      std::string value;
      append_json(value, record);
      if (!queues.apply(Partition{0}, offset++, record.conversation, value, batch)) std::abort();
      batch.put(Space::Latest, latest_key(Topic::Tagged, record.message.key),
                latest_value(Partition{0}, offset, tagged_value(record.message.key.substr(2))));
    }
  }
  if (!store.write(batch, Durability::Buffered)) std::abort();
}

// All pages, as the API answers them.
std::vector<std::string> list_all(const Service& service) {
  std::vector<std::string> pages;
  Request request;
  request.captures = {"social"};
  request.query = {{"limit", "200"}, {"after", ""}};
  while (true) {
    Response page = answer_items(service, Principal{.everything = true}, request);
    pages.push_back(std::move(page.body));
    const std::string_view body = pages.back();
    constexpr std::string_view kNext = R"("next":")";
    // Stands before the items.
    const std::size_t at = body.substr(0, 400).find(kNext);
    if (page.status != 200 || at == std::string_view::npos) return pages;
    const std::string_view rest = body.substr(at + kNext.size());
    request.query[1].second = rest.substr(0, rest.find('"'));
  }
}

int measure(const Options& options, const Service& service) {
  std::vector<double> times;
  std::vector<std::string> pages;
  for (std::size_t run = 0; run < options.runs; ++run) {
    const auto begun = std::chrono::steady_clock::now();
    pages = list_all(service);
    times.push_back(duration<double, std::milli>(std::chrono::steady_clock::now() - begun).count());
  }
  std::size_t items = 0;
  std::size_t bytes = 0;
  for (const std::string& page : pages) {
    bytes += page.size();
    for (std::size_t at = 0; (at = page.find(R"({"id":"x/)", at)) != std::string::npos; ++at)
      ++items;
  }
  std::ranges::sort(times);
  const double median = times[times.size() / 2];
  fmt::print("{} items of {} messages, {} kB: median {:.2f} ms, best {:.2f} ms, worst {:.2f} ms\n",
             items, options.messages, bytes / 1000, median, times.front(), times.back());
  return items == options.items ? 0 : 1;
}

int run(const Options& options) {
  std::string name = (std::filesystem::temp_directory_path() / "vigie-bench-XXXXXX").string();
  const std::filesystem::path directory = ::mkdtemp(name.data());
  int exit = 1;
  {
    auto store = Store::open(directory, {});
    if (!store) std::abort();
    auto queues = Queues::open(**store);
    if (!queues) std::abort();
    fill(options, **store, **queues);
    Feed feed(1);
    const CounterReader counters(**store, 1);
    const AuthorSetReader authors(**store, 1);
    const FirstSeenReader first_seen(**store);
    prometheus::Registry registry;
    ViewParts view{.queues = **queues,
                   .social = feed,
                   .community = feed,
                   .alerts = feed,
                   .counters = counters,
                   .author_sets = authors,
                   .first_seen = first_seen,
                   .as_of = [] { return *parse_time("2026-06-01T12:00:00Z"); },
                   .tagged = [&](std::string_view key) { return stored_tagged(**store, key); },
                   .firing = {}};
    const ApiParts parts{.view = std::move(view), .registry = registry};
    const ApiOptions api;
    std::mutex backtest;
    IdempotencyMemory idempotency(1, 1);
    exit = measure(options, Service{api, parts, nullptr, backtest, idempotency});
  }
  std::filesystem::remove_all(directory);
  return exit;
}

}  // namespace
}  // namespace vigie::bench

int main(int argc, char** argv) {
  vigie::bench::Options options;
  if (!vigie::bench::parse(argc, argv, options)) {
    std::fputs(vigie::bench::kUsage.data(), stderr);
    return 2;
  }
  return vigie::bench::run(options);
}
