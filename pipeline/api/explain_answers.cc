#include <simdjson.h>

#include "pipeline/api/answers.h"
#include "pipeline/route/explain_route.h"

namespace vigie {
namespace {

struct Question {
  Mention mention;
  std::string rule;
  bool known_author = false;
};

// `{"mention": {...}, "rule": "theme:ID", "known_author": false}`
Result<Question> read_question(std::string_view body) {
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  if (parser.parse(simdjson::padded_string(body)).get(object) != simdjson::SUCCESS) {
    return fail(Code::Invalid, "expected a JSON object with a mention and, maybe, a rule");
  }
  Question question;
  bool has_mention = false;
  for (const auto& [key, value] : object) {
    if (key == "mention") {
      has_mention = true;
      Result<Mention> mention = MentionReader().read(simdjson::minify(value));
      if (!mention) return fail(Code::Invalid, "mention: " + mention.error().message);
      question.mention = std::move(*mention);
    } else if (key == "rule") {
      std::string_view rule;
      if (value.get(rule) != simdjson::SUCCESS) return fail(Code::Invalid, "rule: expected a text");
      question.rule = rule;
    } else if (key == "known_author") {
      if (value.get(question.known_author) != simdjson::SUCCESS) {
        return fail(Code::Invalid, "known_author: expected true or false");
      }
    } else {
      return fail(Code::Invalid, "unknown key \"" + std::string(key) +
                                     "\"; expected mention, rule or known_author");
    }
  }
  if (!has_mention) return fail(Code::Invalid, "expected the key \"mention\"");
  return question;
}

}  // namespace

Response answer_explain(const Service& service, const Principal&, const Request& request) {
  if (!is_json_type(request.header("content-type"))) {
    return problem(415, "content-type: expected application/json");
  }
  const Result<Question> question = read_question(request.body);
  if (!question) return problem(question.error());
  const auto explainer = service.parts.explainer ? service.parts.explainer() : nullptr;
  if (!explainer) return problem(503, "no rules yet");
  const IsNewAuthor is_new = [&](const Mention&) { return !question->known_author; };
  const Result<Explanation> explanation =
      explainer->explain(question->mention, question->rule, is_new);
  if (!explanation) return problem(explanation.error());
  Response response;
  append_json(response.body, *explainer, question->mention, *explanation);
  return response;
}

}  // namespace vigie
