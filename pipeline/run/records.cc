#include "pipeline/run/records.h"

#include <algorithm>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <simdjson.h>
#include <xxhash.h>

#include "pipeline/core/json.h"
#include "state/authors.h"

namespace vigie {
namespace {

constexpr std::size_t kDeadLetterHead = std::size_t{64} << 10;

std::string base64(std::string_view bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                   reinterpret_cast<const unsigned char*>(bytes.data()),
                                   static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

void field_list(JsonWriter& json, std::string_view field, const std::vector<std::string>& list) {
  json.key(field).begin_array();
  for (const std::string& item : list) json.string(item);
  json.end_array();
}

void field_or_null(JsonWriter& json, std::string_view field, const std::string& text) {
  json.key(field);
  if (text.empty()) {
    json.null();
  } else {
    json.string(text);
  }
}

}  // namespace

std::string first_seen_json(Time first_seen) {
  std::string out;
  JsonWriter json(out);
  json.begin_object().field("v", std::int64_t{1});
  json.field("first_seen", format_time(first_seen)).end_object();
  return out;
}

std::optional<FirstSeen> parse_first_seen(std::string_view key,
                                          std::optional<std::string_view> value) {
  const auto author = parse_author_key(key);
  if (!author) return std::nullopt;
  FirstSeen out{*author, std::nullopt};
  if (!value) return out;
  simdjson::dom::parser parser;
  std::string_view time;
  if (parser.parse(simdjson::padded_string(*value))["first_seen"].get(time)) return std::nullopt;
  out.at = parse_time(time);
  return out.at ? std::optional(out) : std::nullopt;
}

void fold_first_seen(const LogRecord& record, StoreBatch& batch) {
  const auto seen = parse_first_seen(record.key, record.value);
  if (!seen) return;
  if (seen->at) {
    batch.put(Space::Authors, first_seen_key(seen->author), first_seen_value(*seen->at));
  } else {
    batch.erase(Space::Authors, first_seen_key(seen->author));
  }
}

std::string tagged_json(const Mention& mention, const LedgerRecord& record) {
  std::string out;
  append_json(out, mention);
  // The decision goes into the same object, behind the mention's own fields.
  out.back() = ',';
  std::string decision;
  JsonWriter json(decision);
  json.begin_object();
  field_list(json, "themes", record.themes);
  field_list(json, "campaigns", record.campaigns);
  field_list(json, "competitors", record.competitors);
  json.field("brand", !record.brand.empty());
  json.field("queue", record.queue);
  field_or_null(json, "route", record.route);
  field_or_null(json, "priority", record.priority);
  json.field("rules", record.rules);
  if (record.hidden || record.hidden_author) json.field("hidden", true);
  json.end_object();
  out.append(decision, 1);
  return out;
}

Record dead_letter(const EventLog& log, std::string_view source, std::string_view position,
                   std::string_view reason, std::string_view bytes, Time seen_at) {
  Record record;
  record.topic = Topic::Deadletter;
  record.key = std::string(source);
  record.partition = partition_for(log, Topic::Deadletter, record.key);
  JsonWriter json(record.value.emplace());
  json.begin_object().field("v", std::int64_t{1});
  json.field("source", source).field("position", position).field("reason", reason);
  json.field("seen_at", format_time(seen_at));
  json.field("bytes", static_cast<std::int64_t>(bytes.size()));
  json.field("xxh3", fmt::format("{:016x}", XXH3_64bits(bytes.data(), bytes.size())));
  json.field("head_base64", base64(bytes.substr(0, kDeadLetterHead)));
  json.end_object();
  return record;
}

}  // namespace vigie
