#pragma once

#include "pipeline/api/routes.h"
#include "pipeline/core/json.h"

// The answer of each route; routes.cc says which is whose.
namespace vigie {

Response answer_health(const Service& service, const Principal& who, const Request& request);
Response answer_ready(const Service& service, const Principal& who, const Request& request);
Response answer_metrics(const Service& service, const Principal& who, const Request& request);
Response answer_page(const Service& service, const Principal& who, const Request& request);
Response answer_openapi(const Service& service, const Principal& who, const Request& request);
Response answer_rules(const Service& service, const Principal& who, const Request& request);
Response answer_alerts(const Service& service, const Principal& who, const Request& request);
Response answer_items(const Service& service, const Principal& who, const Request& request);
Response answer_item(const Service& service, const Principal& who, const Request& request);
Response answer_action(const Service& service, const Principal& who, const Request& request);
Response answer_counters(const Service& service, const Principal& who, const Request& request);
Response answer_top(const Service& service, const Principal& who, const Request& request);
Response answer_share_of_voice(const Service& service, const Principal& who,
                               const Request& request);
Response answer_best_times(const Service& service, const Principal& who, const Request& request);
Response answer_tag_report(const Service& service, const Principal& who, const Request& request);
Response answer_place_report(const Service& service, const Principal& who, const Request& request);
Response answer_response_report(const Service& service, const Principal& who,
                                const Request& request);
Response answer_member_report(const Service& service, const Principal& who, const Request& request);
Response answer_ambassador_report(const Service& service, const Principal& who,
                                  const Request& request);
Response answer_author(const Service& service, const Principal& who, const Request& request);
Response answer_formulas(const Service& service, const Principal& who, const Request& request);
Response answer_mentions(const Service& service, const Principal& who, const Request& request);
Response answer_erase_author(const Service& service, const Principal& who, const Request& request);
Response answer_erasure(const Service& service, const Principal& who, const Request& request);
Response answer_explain(const Service& service, const Principal& who, const Request& request);
Response answer_backtest(const Service& service, const Principal& who, const Request& request);

// An item as `who` may see it, with its newest messages. JSON of what cannot be read is the error.
Result<void> write_item(JsonWriter& json, const Service& service, const Principal& who,
                        const QueueItem& item);

// What is wrong with the network and id of an author in a path, if anything.
std::optional<Response> author_problem(std::string_view network, std::string_view id);

// Whether a Content-Type says JSON, one value or one a line: a form that a web page of another
// origin cannot send without asking first.
bool is_json_type(std::string_view header);

// A whole number from 1 to `max`, or `otherwise` where the request has no such parameter.
Result<std::size_t> count_param(const Request& request, std::string_view name,
                                std::size_t otherwise, std::size_t max);

// The files that the build embeds.
std::string_view page_html();
std::string_view openapi_json();

}  // namespace vigie
