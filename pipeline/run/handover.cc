#include "pipeline/run/handover.h"

#include <algorithm>

#include <fmt/format.h>
#include <simdjson.h>

#include "pipeline/core/bytes.h"
#include "pipeline/core/json.h"

namespace vigie {
namespace {

// No name of a connector begins so, and no id of an alert.
constexpr std::string_view kHandoverKey =
    "\x01"
    "export";
constexpr std::string_view kDetectorKey =
    "\x02"
    "surge/";
// Far below what a record may hold.
constexpr std::size_t kDetectorPart = std::size_t{512} << 10;
constexpr std::uint32_t kMostParts = 10'000;
constexpr char kVersion = '\x01';

struct Part {
  std::uint32_t parts = 0;
  std::string bytes;
};

Result<std::optional<Part>> read_part(EventLog& log, std::uint32_t number) {
  auto value = log.latest(Topic::Alerts, fmt::format("{}{}", kDetectorKey, number));
  if (!value) return std::unexpected(std::move(value.error()));
  if (!*value) return std::nullopt;
  ByteReader in(**value);
  const bool known = in.fixed<char>() == kVersion;
  Part part;
  part.parts = in.fixed<std::uint32_t>();
  part.bytes = in.rest();
  if (!known || !in.ok() || part.parts > kMostParts) {
    return fail(Code::Corrupt, "alerts: what an export says of the detectors is damaged");
  }
  return part;
}

}  // namespace

std::string secret_mark(const AuthorKeys& keys) {
  return hex(erased(keys.of("vigie", "export")));
}

Record handover_record(const EventLog& log, const Handover& handover) {
  Record record;
  record.topic = Topic::Cursors;
  record.key = kHandoverKey;
  record.partition = partition_for(log, record.topic, record.key);
  JsonWriter json(record.value.emplace());
  json.begin_object().field("v", std::int64_t{1});
  json.field("state", handover.whole ? "whole" : "begun").field("at", format_time(handover.at));
  json.field("authors", handover.authors).end_object();
  return record;
}

Result<std::optional<Handover>> read_handover(EventLog& log) {
  auto json = log.latest(Topic::Cursors, kHandoverKey);
  if (!json) return std::unexpected(std::move(json.error()));
  if (!*json) return std::nullopt;
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  std::string_view state;
  std::string_view at;
  std::string_view authors;
  if (parser.parse(**json).get(object) || object["state"].get(state) || object["at"].get(at) ||
      object["authors"].get(authors)) {
    return fail(Code::Corrupt, "cursors: the record of an export is damaged");
  }
  return Handover{.whole = state == "whole",
                  .at = parse_time(at).value_or(Time{}),
                  .authors = std::string(authors)};
}

// The tool takes a regular expression.
std::string command_to_delete(std::string_view topic_prefix) {
  std::string pattern;
  for (const char c : topic_prefix) {
    if (c == '.') pattern += '\\';
    pattern += c;
  }
  return fmt::format("`kafka-topics.sh --bootstrap-server HOST:PORT --delete --topic '{}.*'`",
                     pattern);
}

Result<void> check_whole(EventLog& log, std::string_view topic_prefix) {
  const auto handover = read_handover(log);
  if (!handover) return std::unexpected(handover.error());
  if (!*handover || (*handover)->whole) return {};
  return fail(
      Code::Invalid,
      fmt::format("kafka: the topics `{}*` hold an export that began at {} and never "
                  "came to its end; let it end, or delete them ({}) and run "
                  "`vigie export` again",
                  topic_prefix, format_time((*handover)->at), command_to_delete(topic_prefix)));
}

Result<void> check_handover(EventLog& log, const AuthorKeys& keys, std::string_view topic_prefix) {
  if (auto whole = check_whole(log, topic_prefix); !whole) return whole;
  const auto handover = read_handover(log);
  if (!handover) return std::unexpected(handover.error());
  if (!*handover || (*handover)->authors == secret_mark(keys)) return {};
  return fail(Code::Invalid,
              fmt::format("kafka: authors in the topics `{}*` are known under another secret: "
                          "`author_key` has to be that of the installation that was exported",
                          topic_prefix));
}

std::vector<Record> detector_records(const EventLog& log, std::string_view saved) {
  std::vector<Record> records;
  const std::size_t parts = (saved.size() + kDetectorPart - 1) / kDetectorPart;
  for (std::size_t i = 0; i < parts; ++i) {
    Record& record = records.emplace_back();
    record.topic = Topic::Alerts;
    record.key = fmt::format("{}{}", kDetectorKey, i);
    record.partition = partition_for(log, record.topic, record.key);
    std::string& value = record.value.emplace(1, kVersion);
    put_fixed(value, static_cast<std::uint32_t>(parts));
    value += saved.substr(i * kDetectorPart, kDetectorPart);
  }
  return records;
}

bool is_detector_record(std::string_view key) {
  return key.starts_with(kDetectorKey);
}

Result<std::optional<std::string>> handed_over_detector(EventLog& log, Time now) {
  const auto handover = read_handover(log);
  if (!handover) return std::unexpected(handover.error());
  if (!*handover || (*handover)->at + info(Topic::Counters).retention < now) return std::nullopt;
  std::string saved;
  std::uint32_t parts = 1;
  for (std::uint32_t i = 0; i < parts; ++i) {
    auto part = read_part(log, i);
    if (!part) return std::unexpected(std::move(part.error()));
    if (!*part) {
      if (i == 0) return std::nullopt;
      return fail(Code::Unavailable,
                  "alerts: what an export says of the detectors is being removed");
    }
    parts = (*part)->parts;
    saved += (*part)->bytes;
  }
  return saved;
}

Result<void> drop_handed_over_detector(EventLog& log) {
  auto first = read_part(log, 0);
  if (!first) return std::unexpected(std::move(first.error()));
  if (!*first) return {};
  std::vector<Record> records =
      detector_records(log, std::string((*first)->parts * kDetectorPart, '\0'));
  for (Record& record : records) record.value.reset();
  // The first part tells of the others, so it goes last.
  std::ranges::reverse(records);
  for (Record& record : records) {
    auto gone = log.append_one(std::move(record));
    if (!gone) return std::unexpected(std::move(gone.error()));
  }
  return {};
}

}  // namespace vigie
