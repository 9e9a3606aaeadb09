// An alert as JSON:
//   {"v":1,"id":"…","kind":"surge","state":"firing","dimension":"theme","series":"delivery",
//    "started_at":TIME,"resolved_at":TIME|null,"count":57,"peak":57,"baseline":4.25,"z":11.2,
//    "authors":40,"window_seconds":300,"rules_version":TEXT|null,
//    "evidence":{"method":"poisson","baseline_from":"hour_of_week","baseline_hours":4,
//                "ratio":13.4,"tail":1e-12,"examples":["x/1",…]}}
#include "pipeline/alerts/alert.h"

#include <fmt/format.h>
#include <simdjson.h>
#include <xxhash.h>

#include "pipeline/core/ids.h"
#include "pipeline/core/json.h"

namespace vigie {
namespace {

namespace dom = simdjson::dom;

constexpr std::size_t kIdDigits = 32;

bool is_alert_id(std::string_view id) {
  return id.size() == kIdDigits && id.find_first_not_of("0123456789abcdef") == id.npos;
}

bool read(dom::object object, std::string_view field, std::string& out) {
  std::string_view text;
  if (object[field].get(text) != simdjson::SUCCESS) return false;
  out = text;
  return true;
}

bool read(dom::object object, std::string_view field, std::int64_t& out) {
  return object[field].get(out) == simdjson::SUCCESS;
}

bool read(dom::object object, std::string_view field, double& out) {
  return object[field].get(out) == simdjson::SUCCESS;
}

// A null is an answer, too; a field that is missing is none.
template <class Take>
bool read_text_or_null(dom::object object, std::string_view field, Take take) {
  dom::element element;
  if (object[field].get(element) != simdjson::SUCCESS) return false;
  if (element.is_null()) return true;
  std::string_view text;
  return element.get(text) == simdjson::SUCCESS && take(text);
}

bool read_identity(dom::object root, Alert& alert) {
  std::string_view kind;
  std::string_view state;
  std::string_view dimension;
  if (root["kind"].get(kind) != simdjson::SUCCESS ||
      root["state"].get(state) != simdjson::SUCCESS ||
      root["dimension"].get(dimension) != simdjson::SUCCESS) {
    return false;
  }
  const auto parsed_kind = parse_alert_kind(kind);
  const auto parsed_state = parse_alert_state(state);
  const auto parsed_dimension = parse_dimension(dimension);
  if (!parsed_kind || !parsed_state || !parsed_dimension) return false;
  alert.kind = *parsed_kind;
  alert.state = *parsed_state;
  alert.series.dimension = *parsed_dimension;
  return read(root, "id", alert.id) && is_alert_id(alert.id) &&
         read(root, "series", alert.series.id);
}

bool read_times(dom::object root, Alert& alert) {
  std::string_view started;
  std::int64_t window = 0;
  if (root["started_at"].get(started) != simdjson::SUCCESS) return false;
  const auto start = parse_time(started);
  const auto take_end = [&](std::string_view text) {
    alert.resolved_at = parse_time(text);
    return alert.resolved_at.has_value();
  };
  if (!start || !read_text_or_null(root, "resolved_at", take_end) ||
      !read(root, "window_seconds", window) || window < 0 || window % 60 != 0) {
    return false;
  }
  alert.started_at = *start;
  alert.window = std::chrono::minutes{window / 60};
  return alert.resolved_at.has_value() == (alert.state == AlertState::Resolved);
}

bool read_evidence(dom::object root, AlertEvidence& evidence) {
  dom::object object;
  dom::array examples;
  if (root["evidence"].get(object) != simdjson::SUCCESS ||
      object["examples"].get(examples) != simdjson::SUCCESS) {
    return false;
  }
  for (const dom::element item : examples) {
    std::string_view key;
    if (item.get(key) != simdjson::SUCCESS) return false;
    evidence.examples.emplace_back(key);
  }
  return read(object, "method", evidence.method) &&
         read(object, "baseline_from", evidence.baseline_from) &&
         read(object, "baseline_hours", evidence.baseline_hours) &&
         read(object, "ratio", evidence.ratio) && read(object, "tail", evidence.tail);
}

bool read_alert(dom::object root, Alert& alert) {
  std::int64_t version = 0;
  const auto take_version = [&](std::string_view text) {
    alert.rules_version = text;
    return true;
  };
  return read(root, "v", version) && version == 1 && read_identity(root, alert) &&
         read_times(root, alert) && read(root, "count", alert.count) &&
         read(root, "peak", alert.peak) && read(root, "baseline", alert.baseline) &&
         read(root, "z", alert.z) && read(root, "authors", alert.authors) &&
         read_text_or_null(root, "rules_version", take_version) &&
         read_evidence(root, alert.evidence);
}

}  // namespace

std::string_view name(AlertKind) {
  return "surge";
}

std::optional<AlertKind> parse_alert_kind(std::string_view text) {
  if (text == name(AlertKind::Surge)) return AlertKind::Surge;
  return std::nullopt;
}

std::string_view name(AlertState state) {
  return state == AlertState::Firing ? "firing" : "resolved";
}

std::optional<AlertState> parse_alert_state(std::string_view text) {
  if (text == name(AlertState::Firing)) return AlertState::Firing;
  if (text == name(AlertState::Resolved)) return AlertState::Resolved;
  return std::nullopt;
}

std::string alert_id(AlertKind kind, const Series& series, Minute start) {
  // No name holds a NUL, so different parts never make one text.
  std::string text;
  text.append(name(kind)).push_back('\0');
  text.append(name(series.dimension)).push_back('\0');
  text.append(series.id).push_back('\0');
  text += std::to_string(start);
  XXH128_canonical_t bytes;
  XXH128_canonicalFromHash(&bytes, XXH3_128bits(text.data(), text.size()));
  return hex(bytes.digest, sizeof bytes.digest);
}

void append_json(std::string& out, const Alert& alert) {
  JsonWriter json(out);
  json.begin_object().field("v", std::int64_t{1}).field("id", alert.id);
  json.field("kind", name(alert.kind)).field("state", name(alert.state));
  json.field("dimension", name(alert.series.dimension)).field("series", alert.series.id);
  json.field("started_at", format_time(alert.started_at)).key("resolved_at");
  if (alert.resolved_at) {
    json.string(format_time(*alert.resolved_at));
  } else {
    json.null();
  }
  json.field("count", alert.count).field("peak", alert.peak);
  json.key("baseline").number(alert.baseline).key("z").number(alert.z);
  json.field("authors", alert.authors);
  json.field("window_seconds", std::int64_t{std::chrono::seconds(alert.window).count()});
  json.key("rules_version");
  if (alert.rules_version.empty()) {
    json.null();
  } else {
    json.string(alert.rules_version);
  }
  const AlertEvidence& evidence = alert.evidence;
  json.key("evidence").begin_object().field("method", evidence.method);
  json.field("baseline_from", evidence.baseline_from);
  json.field("baseline_hours", evidence.baseline_hours).key("ratio").number(evidence.ratio);
  json.key("tail").number(evidence.tail).key("examples").begin_array();
  for (const std::string& key : evidence.examples) json.string(key);
  json.end_array().end_object().end_object();
}

Result<Alert> parse_alert(std::string_view json) {
  dom::parser parser;
  dom::element root;
  dom::object object;
  Alert alert;
  if (parser.parse(json.data(), json.size(), true).get(root) != simdjson::SUCCESS ||
      root.get(object) != simdjson::SUCCESS || !read_alert(object, alert)) {
    return fail(Code::Corrupt, "alerts: a record is not an alert of format 1");
  }
  return alert;
}

}  // namespace vigie
