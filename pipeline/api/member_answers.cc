// Reports on people: one author, members by week, ambassadors.
#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "pipeline/api/answers.h"
#include "pipeline/api/count_window.h"
#include "pipeline/core/json.h"
#include "pipeline/route/local_hours.h"
#include "rules/rule_set.h"
#include "state/members.h"

namespace vigie {
namespace {

constexpr std::size_t kDefaultWeeks = 4;
constexpr std::size_t kMostWeeks = 4;
constexpr std::int64_t kFourWeeks = 28 * kDaySeconds;
constexpr std::int64_t kLongest = kHoursKept.count() * kHourSeconds;

std::vector<std::string> themes_of(const RuleSet& rules) {
  std::vector<std::string> themes;
  for (std::size_t i = 0; i < rules.rules().size(); ++i) {
    const auto rule = rules.rules()[i];
    if (rule.kind == RuleKind::Theme) themes.emplace_back(rule.id);
  }
  return themes;
}

void write_time_or_null(JsonWriter& json, std::string_view name, std::optional<Time> time) {
  json.key(name);
  if (time) {
    json.string(format_time(*time));
  } else {
    json.null();
  }
}

void write_measures(JsonWriter& json, const Measures& measures) {
  for (std::size_t i = 0; i < kMeasures; ++i) {
    json.field(name(static_cast<Measure>(i)), measures[i]);
  }
}

// The first hour that begins in the week of `time`, or after the start of the week `weeks` before.
// Weeks begin on Monday at midnight in the zone.
Hour week_begin(LocalHours& zone, Time time, std::size_t weeks) {
  using std::chrono::days;
  using std::chrono::hours;
  const auto local_of = [&](Time at) { return at + zone.of(at).offset; };
  const auto day = std::chrono::floor<days>(local_of(time));
  const std::chrono::weekday weekday{std::chrono::sys_days{day.time_since_epoch()}};
  const auto monday = day - days{weekday.iso_encoding() - 1} - days{7 * weeks};
  // Local midnight in UTC; the clocks may have changed since.
  Time begin = Time{monday} - zone.of(time).offset;
  begin = Time{monday} - zone.of(begin).offset;
  const Hour hour = hour_of(begin);
  return start_of_hour(hour) < begin ? hour + 1 : hour;
}

Result<void> write_ambassador(JsonWriter& json, const Service& service, const RuleSet& rules,
                              const std::string& ambassador, const CountWindow& window,
                              std::size_t& budget) {
  const auto found =
      ambassador_summary(service.view().counters, ambassador, rules.brand_id(), window.first_hour(),
                         window.last_hour(), std::min(window.end, window.as_of), budget);
  if (!found) return std::unexpected(found.error());
  json.begin_object().field("id", ambassador).field("by", found->by).field("about", found->about);
  json.key("activity").number(found->activity);
  json.field("answers", found->answers).key("authors_answered").begin_object();
  json.field("authors", found->answered).field("nurtured", found->nurtured);
  json.field("pending", found->pending).field("brand_mentions_before", found->before);
  json.field("brand_mentions_after", found->after).end_object().end_object();
  return {};
}

}  // namespace

Response answer_author(const Service& service, const Principal&, const Request& request) {
  const auto rules = service.parts.rules();
  if (!rules) return problem(503, "no rules yet");
  const std::string& network = request.captures[0];
  const std::string& id = request.captures[1];
  if (auto wrong = author_problem(network, id)) return std::move(*wrong);
  const auto window = hours_param(service, request, kLongest, kHoursKept);
  if (!window) return problem(window.error());
  const AuthorKey author = service.parts.author_key(network, id);
  const std::vector<std::string> themes = themes_of(*rules);
  const auto found = author_summary(service.view().counters, service.view().first_seen, author,
                                    themes, window->first_hour(), window->last_hour());
  if (!found) return problem(found.error());
  if (!found->first_seen && is_zero(found->total)) {
    return problem(404, "nothing is known of this author");
  }
  Response response;
  JsonWriter json(response.body);
  begin_counts(json, *window);
  json.field("network", network).field("id", id).field("author_key", hex(author));
  write_time_or_null(json, "first_seen", found->first_seen);
  std::optional<Time> last;
  if (found->last_hour) last = start_of_hour(*found->last_hour);
  write_time_or_null(json, "last_hour", last);
  write_measures(json, found->total);
  json.field("themes_window_seconds",
             std::min(window->seconds, std::int64_t{kRankedHoursKept.count()} * kHourSeconds));
  json.key("themes").begin_array();
  for (const AuthorSummary::Theme& theme : found->themes) {
    json.begin_object().field("id", theme.id);
    write_measures(json, theme.total);
    json.end_object();
  }
  json.end_array().end_object();
  return response;
}

Response answer_member_report(const Service& service, const Principal&, const Request& request) {
  const auto rules = service.parts.rules();
  if (!rules) return problem(503, "no rules yet");
  const auto weeks = count_param(request, "weeks", kDefaultWeeks, kMostWeeks);
  if (!weeks) return problem(weeks.error());
  const auto window = hours_param(service, request, kLongest, kHoursKept);
  if (!window) return problem(window.error());
  LocalHours zone(rules->timezone());
  std::vector<Hour> edges;
  for (std::size_t before = *weeks; before > 0; --before) {
    edges.push_back(week_begin(zone, window->end, before));
  }
  edges.push_back(week_begin(zone, window->end, 0));
  edges.push_back(window->last_hour() + 1);
  const auto spans = members_by_span(service.view().counters, service.view().first_seen, edges);
  if (!spans) return problem(spans.error());

  Response response;
  JsonWriter json(response.body);
  json.begin_object().field("as_of", format_time(window->as_of));
  json.field("end", format_time(window->end)).field("bucket_seconds", kHourSeconds);
  write_formula(json, FormulaId::Members);
  json.field("timezone", rules->timezone()).key("weeks").begin_array();
  for (const MemberSpan& span : *spans) {
    json.begin_object().field("begin", format_time(start_of_hour(span.begin)));
    json.field("end", format_time(start_of_hour(span.end)));
    // The last one is still going on.
    json.field("complete", &span != &spans->back());
    json.field("members", span.members).field("newcomers", span.newcomers);
    json.field("returning", span.returning()).end_object();
  }
  json.end_array().end_object();
  return response;
}

Response answer_ambassador_report(const Service& service, const Principal&,
                                  const Request& request) {
  const auto rules = service.parts.rules();
  if (!rules) return problem(503, "no rules yet");
  const auto window = hours_param(service, request, kFourWeeks, kHoursKept);
  if (!window) return problem(window.error());
  Response response;
  JsonWriter json(response.body);
  begin_counts(json, *window);
  json.key("formulas").begin_array();
  for (const FormulaId id : {FormulaId::AmbassadorActivity, FormulaId::Nurtured}) {
    json.string(formula_name(id));
  }
  json.end_array().key("ambassadors").begin_array();
  std::size_t budget = kMostAnswered;
  for (const std::string& ambassador : rules->ambassadors()) {
    const auto written = write_ambassador(json, service, *rules, ambassador, *window, budget);
    if (!written) return problem(written.error());
  }
  json.end_array().end_object();
  return response;
}

}  // namespace vigie
