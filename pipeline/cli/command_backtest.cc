#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "pipeline/cli/commands.h"
#include "pipeline/cli/mention_file.h"
#include "pipeline/cli/report.h"
#include "pipeline/core/json.h"
#include "pipeline/route/backtest.h"
#include "pipeline/run/rules_source.h"

namespace vigie {
namespace {

constexpr std::array kQueues = {Queue::Social, Queue::Community, Queue::None};

// "12", or "10 -> 12" where there is something to compare with.
std::string change(const BacktestReport& report, std::uint64_t before, std::uint64_t now) {
  return report.against ? fmt::format("{} -> {}", before, now) : fmt::format("{}", now);
}

void print_example(char sign, const BacktestExample& example) {
  fmt::print("  {} {}{} {}\n", sign, example.key, example.dm ? " [direct message]" : "",
             example.text);
}

void print_side(char sign, const BacktestSide& side) {
  for (const BacktestExample& example : side.first) print_example(sign, example);
  for (const auto& [hash, example] : side.sampled) print_example(sign, example);
  const std::uint64_t shown = side.first.size() + side.sampled.size();
  if (side.mentions > shown) fmt::print("  {} and {} more\n", sign, side.mentions - shown);
}

void print_tags(const BacktestReport& report) {
  std::uint64_t same = 0;
  fmt::print("\ntags{}\n", report.against ? " (old -> new)" : "");
  for (const auto& [label, tag] : report.tags) {
    const bool changed =
        tag.added.mentions > 0 || tag.removed.mentions > 0 || tag.in_old != tag.in_new;
    if (report.against ? !changed : tag.new_mentions == 0) {
      ++same;
      continue;
    }
    fmt::print("{}: {}", label, change(report, tag.old_mentions, tag.new_mentions));
    if (report.against) {
      fmt::print(" ({} added, {} removed){}", tag.added.mentions, tag.removed.mentions,
                 tag.in_old == tag.in_new ? ""
                 : tag.in_new             ? " [new rule]"
                                          : " [rule is gone]");
    }
    fmt::print("\n");
    print_side('+', tag.added);
    print_side('-', tag.removed);
  }
  if (same > 0) {
    fmt::print("{} {}\n", same,
               report.against ? "rules tag what they tagged" : "rules tag nothing");
  }
}

void print_load(const char* name, const BacktestLoad& load) {
  for (const Queue queue : kQueues) {
    if (queue == Queue::None) continue;
    const auto at = static_cast<std::size_t>(queue);
    fmt::print("{}{}: {} mentions, {:.1f} an hour", name, vigie::name(queue), load.queues[at],
               load.mean_per_hour[at]);
    if (load.busiest[at]) {
      fmt::print(", most in the hour of {}: {}", format_local_hour(load.busiest[at]->hour),
                 load.busiest[at]->mentions);
    }
    fmt::print("\n");
  }
}

void print_queues(const BacktestReport& report) {
  fmt::print("\nqueues, over {} hours with a mention, {}\n", report.hours, report.timezone);
  if (report.against) print_load("old ", report.old_load);
  print_load(report.against ? "new " : "", report.new_load);
  for (const Queue from : kQueues) {
    for (const Queue to : kQueues) {
      const std::uint64_t mentions =
          report.moved[static_cast<std::size_t>(from)][static_cast<std::size_t>(to)];
      if (from == to || mentions == 0) continue;
      fmt::print("from {} to {}: {}\n", name(from), name(to), mentions);
    }
  }
}

void print_routes(const BacktestReport& report) {
  fmt::print("\npriorities\n");
  for (std::size_t i = report.new_load.priorities.size(); i-- > 0;) {
    fmt::print("{}: {}\n", name(static_cast<Priority>(i)),
               change(report, report.old_load.priorities[i], report.new_load.priorities[i]));
  }
  fmt::print("\nroutes\n");
  for (const auto& [id, counts] : report.routes) {
    fmt::print("{}: {}\n", id, change(report, counts.old_mentions, counts.new_mentions));
  }
}

void print(const BacktestReport& report, const MentionFileRead& read) {
  fmt::print("rules {}", report.rules);
  if (report.against) fmt::print(" against {}", *report.against);
  fmt::print("\n{} mentions matched, {} lines of other ops, {} bad lines\n", report.matched,
             report.other_ops, read.bad_lines);
  print_tags(report);
  print_queues(report);
  print_routes(report);
  if (report.untimed > 0) fmt::print("\n{} mentions without a time: in no hour\n", report.untimed);
  if (report.beyond_hours > 0) {
    fmt::print("\n{} mentions in further hours, beyond {}: in no hour\n", report.beyond_hours,
               Backtest::kMostHours);
  }
  if (report.beyond_authors > 0) {
    fmt::print("\n{} mentions by authors beyond {}: author:new each time\n", report.beyond_authors,
               AuthorsSeen::kMost);
  }
  if (report.beyond_examples > 0) {
    fmt::print("\n{} examples beyond {}: not shown\n", report.beyond_examples,
               Backtest::kMostExamples);
  }
}

std::string json_of(const BacktestReport& report, const MentionFileRead& read) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  append_fields(json, report);
  json.key("bad_lines").begin_object();
  json.field("lines", static_cast<std::int64_t>(read.bad_lines)).key("first").begin_array();
  for (const std::string& line : read.first_bad) json.string(line);
  json.end_array().end_object().end_object();
  return out;
}

// The set in a file, its warnings told; null when it is not good.
std::shared_ptr<const RuleSet> rules_in(const std::string& file, Exit& exit) {
  auto source = RulesSource::open(file);
  if (!source) {
    exit = report(source.error());
    return nullptr;
  }
  for (const std::string& warning : (*source)->warnings()) fmt::print(stderr, "{}\n", warning);
  return (*source)->current();
}

}  // namespace

Exit rules_backtest(const BacktestCommand& command) {
  Exit exit = Exit::Good;
  const auto rules = rules_in(command.rules, exit);
  if (!rules) return exit;
  std::shared_ptr<const RuleSet> against;
  if (!command.against.empty()) {
    against = rules_in(command.against, exit);
    if (!against) return exit;
  }
  Backtest backtest(rules, against);
  auto read =
      read_mention_file(command.input, [&](const Mention& mention) { backtest.add(mention); });
  if (!read) return report(read.error());
  report_bad_lines(command.input, *read);
  const BacktestReport result = backtest.report();
  if (command.json) {
    fmt::print("{}\n", json_of(result, *read));
  } else {
    print(result, *read);
  }
  return read->bad_lines == 0 ? Exit::Good : Exit::Input;
}

}  // namespace vigie
