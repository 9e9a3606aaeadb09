// {"rules":YAML text,"mentions":[MENTION,…]} -> the report of pipeline/route/backtest_json.cc, with
//   "warnings":[TEXT,…],"bad_mentions":{"mentions":N,"first":[{"index","reason"},…]}
#include <fmt/format.h>
#include <simdjson.h>

#include "pipeline/api/answers.h"
#include "pipeline/core/json.h"
#include "pipeline/route/backtest.h"

namespace vigie {
namespace {

constexpr std::size_t kMaxMentions = 10'000;
constexpr std::size_t kMaxReasons = 100;

struct Body {
  std::string rules;
  simdjson::dom::array mentions;  // a part of the parser
};

// Unprocessable bodies are told from those that are no JSON by the parser before.
Result<Body> read_body(const simdjson::dom::element& root) {
  simdjson::dom::object object;
  if (root.get(object) != simdjson::SUCCESS) {
    return fail(Code::Invalid, "expected an object with \"rules\" and \"mentions\"");
  }
  Body body;
  bool has_rules = false;
  bool has_mentions = false;
  for (const auto& [key, value] : object) {
    if (key == "rules") {
      std::string_view text;
      has_rules = value.get(text) == simdjson::SUCCESS;
      if (!has_rules) return fail(Code::Invalid, "rules: expected a string, the text of a file");
      body.rules = text;
    } else if (key == "mentions") {
      has_mentions = value.get(body.mentions) == simdjson::SUCCESS;
      if (!has_mentions) return fail(Code::Invalid, "mentions: expected an array");
    } else {
      return fail(Code::Invalid, "unknown field; expected \"rules\" and \"mentions\" alone");
    }
  }
  if (!has_rules) return fail(Code::Invalid, "rules: required");
  if (!has_mentions || body.mentions.size() == 0) {
    return fail(Code::Invalid, "mentions: at least one is needed: what is stored is not read");
  }
  if (body.mentions.size() > kMaxMentions) {
    return fail(Code::Invalid,
                fmt::format("mentions: expected at most {}; vigie rules backtest takes any number",
                            kMaxMentions));
  }
  return body;
}

std::string errors_json(const std::vector<Diagnostic>& diagnostics) {
  std::string out;
  JsonWriter json(out);
  std::size_t told = 0;
  json.begin_array();
  for (const Diagnostic& diagnostic : diagnostics) {
    if (!diagnostic.is_error || told++ >= kMaxReasons) continue;
    json.begin_object().field("line", static_cast<std::int64_t>(diagnostic.line));
    json.field("column", static_cast<std::int64_t>(diagnostic.column));
    json.field("reason", diagnostic.message).end_object();
  }
  json.end_array();
  return out;
}

struct BadMentions {
  std::int64_t count = 0;
  std::vector<std::pair<std::int64_t, std::string>> first;  // index, reason

  std::string reasons_json() const {
    std::string out;
    JsonWriter json(out);
    json.begin_array();
    for (const auto& [index, reason] : first) {
      json.begin_object().field("index", index).field("reason", reason).end_object();
    }
    json.end_array();
    return out;
  }
};

// Matches those that are mentions; the others are told.
BadMentions match_all(const simdjson::dom::array& mentions, Backtest& backtest) {
  MentionReader reader;
  BadMentions bad;
  std::int64_t index = 0;
  for (const simdjson::dom::element& element : mentions) {
    auto mention = reader.read(simdjson::minify(element));
    if (mention) {
      backtest.add(*mention);
    } else {
      ++bad.count;
      if (bad.first.size() < kMaxReasons) bad.first.emplace_back(index, mention.error().message);
    }
    ++index;
  }
  return bad;
}

}  // namespace

// The texts in the answer are those that came with the question, so direct messages are not hidden.
Response answer_backtest(const Service& service, const Principal&, const Request& request) {
  if (!is_json_type(request.header("content-type"))) {
    return problem(415, "content-type: expected application/json");
  }
  // One at a time, so that it never takes the threads of those who read queues.
  const std::unique_lock running(service.backtest, std::try_to_lock);
  if (!running.owns_lock()) {
    return problem(Error{Code::Throttled, "another backtest runs", std::chrono::seconds{1}});
  }
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (const auto error = parser.parse(request.body).get(root)) {
    return problem(400, std::string("body: no JSON: ") + simdjson::error_message(error));
  }
  const Result<Body> body = read_body(root);
  if (!body) return problem(422, body.error().message);
  const RuleSet::Compiled compiled = RuleSet::compile(body->rules, "rules");
  if (!compiled.rules) {
    return problem(422, "rules: there are errors", "errors", errors_json(compiled.diagnostics));
  }
  Backtest backtest(compiled.rules, service.parts.rules());
  const BadMentions bad = match_all(body->mentions, backtest);
  if (static_cast<std::size_t>(bad.count) == body->mentions.size()) {
    return problem(422, "mentions: none is valid", "errors", bad.reasons_json());
  }
  Response response;
  JsonWriter json(response.body);
  json.begin_object();
  append_fields(json, backtest.report());
  json.key("warnings").begin_array();
  std::size_t told = 0;
  for (const Diagnostic& diagnostic : compiled.diagnostics) {
    if (told++ < kMaxReasons) json.string(format(diagnostic));
  }
  json.end_array().key("bad_mentions").begin_object().field("mentions", bad.count);
  json.key("first").raw(bad.reasons_json()).end_object().end_object();
  return response;
}

}  // namespace vigie
