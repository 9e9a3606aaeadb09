// {"rules":VERSION,"against":VERSION,"timezone":NAME,"matched":N,"other_ops":N,"untimed":N,
//  "tags":[{"rule":LABEL,"in":"both"|"new"|"old","old":N,"new":N,
//           "added":SIDE,"removed":SIDE},…],
//  "silent_rules":N,                              in both sets, or the only one, with no tag
//  "queues":{"new":LOAD,"old":LOAD},
//  "moved":[{"from":QUEUE,"to":QUEUE,"mentions":N},…],
//  "routes":[{"route":ID,"in":…,"old":N,"new":N},…],
//  "hours":N,"left_out":{"hours":N,"authors":N,"examples":N}}
// SIDE: {"mentions":N,"first":[EXAMPLE,…],"sampled":[EXAMPLE,…]}
// EXAMPLE: {"mention":KEY,"text":LINE,"dm":BOOL}
// LOAD: {"social":{"mentions":N,"mean_per_hour":X,"busiest":{"hour":TIME,"mentions":N}|null},
//        "community":…,"none":…,"priorities":{"low":N,…}}
// Without a set to compare with there are no "against", "old", "removed", "in" and "moved".
#include <cmath>

#include "pipeline/core/json.h"
#include "pipeline/route/backtest.h"

namespace vigie {
namespace {

constexpr std::array kQueues = {Queue::Social, Queue::Community, Queue::None};

void count(JsonWriter& json, std::string_view name, std::uint64_t value) {
  json.field(name, static_cast<std::int64_t>(value));
}

std::string_view where(bool in_old, bool in_new) {
  if (in_old && in_new) return "both";
  return in_new ? "new" : "old";
}

void append_example(JsonWriter& json, const BacktestExample& example) {
  json.begin_object().field("mention", example.key).field("text", example.text);
  json.field("dm", example.dm).end_object();
}

void append_side(JsonWriter& json, std::string_view name, const BacktestSide& side) {
  json.key(name).begin_object();
  count(json, "mentions", side.mentions);
  json.key("first").begin_array();
  for (const BacktestExample& example : side.first) append_example(json, example);
  json.end_array().key("sampled").begin_array();
  for (const auto& [hash, example] : side.sampled) append_example(json, example);
  json.end_array().end_object();
}

void append_load(JsonWriter& json, std::string_view name, const BacktestLoad& load) {
  json.key(name).begin_object();
  for (const Queue queue : kQueues) {
    const auto at = static_cast<std::size_t>(queue);
    json.key(vigie::name(queue)).begin_object();
    count(json, "mentions", load.queues[at]);
    json.key("mean_per_hour").number(std::round(load.mean_per_hour[at] * 1000) / 1000);
    json.key("busiest");
    if (load.busiest[at]) {
      json.begin_object().field("hour", format_local_hour(load.busiest[at]->hour));
      count(json, "mentions", load.busiest[at]->mentions);
      json.end_object();
    } else {
      json.null();
    }
    json.end_object();
  }
  json.key("priorities").begin_object();
  for (std::size_t i = 0; i < load.priorities.size(); ++i) {
    count(json, vigie::name(static_cast<Priority>(i)), load.priorities[i]);
  }
  json.end_object().end_object();
}

void append_tags(JsonWriter& json, const BacktestReport& report) {
  std::uint64_t silent = 0;
  json.key("tags").begin_array();
  for (const auto& [label, tag] : report.tags) {
    if (tag.old_mentions == 0 && tag.new_mentions == 0 &&
        (!report.against || tag.in_old == tag.in_new)) {
      ++silent;
      continue;
    }
    json.begin_object().field("rule", label);
    if (report.against) {
      json.field("in", where(tag.in_old, tag.in_new));
      count(json, "old", tag.old_mentions);
    }
    count(json, "new", tag.new_mentions);
    append_side(json, "added", tag.added);
    if (report.against) append_side(json, "removed", tag.removed);
    json.end_object();
  }
  json.end_array();
  count(json, "silent_rules", silent);
}

void append_moved(JsonWriter& json, const BacktestReport& report) {
  json.key("moved").begin_array();
  for (const Queue from : kQueues) {
    for (const Queue to : kQueues) {
      const std::uint64_t mentions =
          report.moved[static_cast<std::size_t>(from)][static_cast<std::size_t>(to)];
      if (from == to || mentions == 0) continue;
      json.begin_object().field("from", name(from)).field("to", name(to));
      count(json, "mentions", mentions);
      json.end_object();
    }
  }
  json.end_array();
}

}  // namespace

void append_fields(JsonWriter& json, const BacktestReport& report) {
  json.field("rules", report.rules);
  if (report.against) json.field("against", *report.against);
  json.field("timezone", report.timezone);
  count(json, "matched", report.matched);
  count(json, "other_ops", report.other_ops);
  count(json, "untimed", report.untimed);
  append_tags(json, report);
  json.key("queues").begin_object();
  append_load(json, "new", report.new_load);
  if (report.against) append_load(json, "old", report.old_load);
  json.end_object();
  if (report.against) append_moved(json, report);
  json.key("routes").begin_array();
  for (const auto& [id, counts] : report.routes) {
    json.begin_object().field("route", id);
    if (report.against) {
      json.field("in", where(counts.in_old, counts.in_new));
      count(json, "old", counts.old_mentions);
    }
    count(json, "new", counts.new_mentions);
    json.end_object();
  }
  json.end_array();
  count(json, "hours", report.hours);
  json.key("left_out").begin_object();
  count(json, "hours", report.beyond_hours);
  count(json, "authors", report.beyond_authors);
  count(json, "examples", report.beyond_examples);
  json.end_object();
}

}  // namespace vigie
