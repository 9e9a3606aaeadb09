// The commands around data: counters, generate, connectors list.
#include <cerrno>
#include <fstream>
#include <iostream>
#include <system_error>

#include <fmt/format.h>

#include "connectors/generate/generate.h"
#include "connectors/options.h"
#include "connectors/registry.h"
#include "pipeline/cli/commands.h"
#include "pipeline/cli/config.h"
#include "pipeline/cli/report.h"
#include "pipeline/run/replay.h"
#include "state/count_query.h"
#include "state/counters.h"
#include "state/store.h"
#include "state/stream_time.h"

namespace vigie {
namespace {

Error wrong(std::string message) {
  return {Code::Invalid, std::move(message)};
}

Error unwritable(std::string_view file) {
  const std::string_view name = file == "-" ? "the standard output" : file;
  return {Code::Unavailable,
          fmt::format("cannot write {}: {}", name, std::generic_category().message(errno))};
}

Result<std::vector<Act>> parse_acts(std::string_view text) {
  std::vector<Act> acts;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    const auto act = parse_act(text.substr(0, comma));
    if (!act) {
      return std::unexpected(
          wrong(fmt::format("--ops: unknown \"{}\"; expected create, duplicate, update, delete, "
                            "engagement, hide or unhide, with commas",
                            text.substr(0, comma))));
    }
    acts.push_back(*act);
    text = comma == std::string_view::npos ? "" : text.substr(comma + 1);
  }
  return acts;
}

Result<GenerateOptions> generate_options(const GenerateCommand& command) {
  GenerateOptions options;
  options.seed = command.seed;
  options.per_second = command.rate;
  // Alone, so that what is wrong is known to be the rate.
  if (const auto problem = check(options)) return std::unexpected(wrong("--rate: " + *problem));
  options.count = command.count;
  options.seen_at = command.seen_at;
  const auto duration = parse_duration(command.duration);
  if (!duration) return std::unexpected(wrong("--duration: expected a length like 90s, 15m, 48h"));
  options.duration = std::chrono::duration_cast<std::chrono::seconds>(*duration);
  if (command.start.empty()) {
    // Whole seconds, so that a run can be named again.
    options.start = std::chrono::floor<std::chrono::seconds>(system_clock()()) - options.duration;
  } else {
    const auto start = parse_time(command.start);
    if (!start) return std::unexpected(wrong("--start: expected an RFC 3339 time with offset"));
    options.start = *start;
  }
  auto acts = parse_acts(command.ops);
  if (!acts) return std::unexpected(std::move(acts.error()));
  options.acts = std::move(*acts);
  if (const auto problem = check(options)) return std::unexpected(wrong(*problem));
  return options;
}

// One series over a window.
Result<void> print_window(const CountersCommand& command, const Store& store,
                          const CounterReader& counters, const AuthorSetReader& authors) {
  const auto as_of = newest_stream_time(store);
  if (!as_of) return std::unexpected(as_of.error());
  if (!*as_of) return fail(Code::Invalid, "nothing was counted yet");
  const auto word = [](const std::string& text) {
    return text.empty() ? std::nullopt : std::optional<std::string_view>(text);
  };
  CountWords words;
  words.dimension = command.dimension;
  words.id = word(command.id);
  words.measure = word(command.measure);
  words.window = word(command.window);
  words.step = word(command.step);
  words.end = word(command.end);
  const auto query = read_count_query(words, **as_of);
  if (!query) return fail(query.error().code, "--" + query.error().message);
  const auto answered = answer(*query, counters, authors);
  if (!answered) return std::unexpected(answered.error());
  std::string line;
  append_json(line, *query, *answered);
  line += '\n';
  std::fwrite(line.data(), 1, line.size(), stdout);
  return {};
}

Result<void> print_hours(const CountersCommand& command, const Store& store,
                         const CounterReader& counters, const AuthorSetReader& authors) {
  const auto as_of = newest_stream_time(store);
  if (!as_of) return std::unexpected(as_of.error());
  const std::optional<Dimension> wanted = parse_dimension(command.dimension);
  if (!command.dump && !wanted) {
    return std::unexpected(wrong(fmt::format(
        "--dimension: unknown \"{}\"; expected all, network, brand, competitor, theme, campaign, "
        "queue, kind, author, country, city, hashtag or a pair such as theme×network",
        command.dimension)));
  }
  std::string line;
  return dump_counts(counters, authors, *as_of, [&](const CountLine& count) {
    const bool asked =
        command.dump ? !is_of_members(count.dimension)
                     : count.dimension == *wanted && (command.id.empty() || count.id == command.id);
    if (!asked) return;
    line.clear();
    append_count(line, count);
    line += '\n';
    std::fwrite(line.data(), 1, line.size(), stdout);
  });
}

}  // namespace

Exit counters(const CountersCommand& command) {
  const bool windowed = !command.window.empty() || !command.step.empty() ||
                        !command.measure.empty() || !command.end.empty();
  if (windowed && command.dump) {
    report(wrong("--dump: prints every hour; expected no --window, --step, --measure or --end"));
    return Exit::Usage;
  }
  auto config = load_config(command.config, process_environment());
  if (!config) return report(config.error());
  const bool kafka = config->log.kind == LogConfig::Kind::Kafka;
  StoreOptions options;
  options.read_only = true;
  auto store = Store::open(config->data_dir / (kafka ? "view" : "state"), options);
  if (!store) return report(store.error());
  // The broker knows how many there are; the store knows those that count.
  const auto present = CounterReader(**store, 0).present();
  if (!present) return report(present.error());
  const std::int32_t partitions = present->empty() ? 0 : number(present->back()) + 1;
  const CounterReader reader(**store, partitions);
  const AuthorSetReader authors(**store, partitions);
  const auto printed = windowed ? print_window(command, **store, reader, authors)
                                : print_hours(command, **store, reader, authors);
  if (printed) return Exit::Good;
  const Exit exit = report(printed.error());
  // What is wrong with a word of the command.
  return printed.error().message.starts_with("--") ? Exit::Usage : exit;
}

Exit generate(const GenerateCommand& command) {
  auto options = generate_options(command);
  if (!options) {
    report(options.error());
    return Exit::Usage;
  }
  std::ofstream file;
  if (command.out != "-") {
    file.open(command.out, std::ios::binary | std::ios::trunc);
    if (!file) return report(unwritable(command.out));
  }
  std::ofstream ledger;
  if (!command.ledger.empty()) {
    ledger.open(command.ledger, std::ios::binary | std::ios::trunc);
    if (!ledger) return report(unwritable(command.ledger));
  }
  std::ios::sync_with_stdio(false);
  Progress progress("acts", command.count);
  std::ostream& out = command.out == "-" ? std::cout : file;
  const auto done = generate_to(out, *options, command.ledger.empty() ? nullptr : &ledger,
                                [&](std::uint64_t acts) {
                                  progress.at(acts);
                                  return true;
                                });
  if (!done) return report(done.error());
  // The last of it is written here, so this is where a full disk may show.
  if (!out.flush()) return report(unwritable(command.out));
  if (!command.ledger.empty() && !ledger.flush()) return report(unwritable(command.ledger));
  return Exit::Good;
}

Exit connectors_list() {
  for (const ConnectorKind& kind : connector_kinds()) {
    fmt::print("{:<12} {}{}\n", kind.kind, kind.summary,
               kind.whole_network ? " (whole network: keep is matched by default)" : "");
  }
  fmt::print("{:<12} {}\n", "webhook",
             "POST /api/v1/mentions, signed or with a token; needs no entry");
  return Exit::Good;
}

}  // namespace vigie
