#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "pipeline/api/answers.h"
#include "pipeline/api/count_window.h"
#include "pipeline/core/json.h"
#include "state/counters.h"

namespace vigie {
namespace {

constexpr std::size_t kDefaultTop = 10;
constexpr std::size_t kMaxTop = 100;
// Different ids that are added up for one answer; beyond that a shorter window is asked for.
constexpr std::size_t kMostIds = 200'000;

// What may be ranked: alone, within a theme, within a campaign.
struct Ranking {
  std::string_view by;
  std::optional<Dimension> alone;
  std::optional<Dimension> of_theme;
  std::optional<Dimension> of_campaign;
};
constexpr Ranking kRankings[] = {
    {"network", Dimension::Network, Dimension::ThemeNetwork, Dimension::CampaignNetwork},
    {"kind", Dimension::Kind, Dimension::ThemeKind, {}},
    {"hashtag", Dimension::Hashtag, Dimension::ThemeHashtag, {}},
    {"link", {}, Dimension::ThemeLink, {}},
    {"author", Dimension::Author, Dimension::ThemeAuthor, {}},
    {"ambassador", {}, {}, Dimension::CampaignAmbassador},
    {"country", Dimension::Country, {}, {}},
    {"city", Dimension::City, {}, {}},
    {"theme", Dimension::Theme, {}, {}},
    {"campaign", Dimension::Campaign, {}, {}},
    {"competitor", Dimension::Competitor, {}, {}},
    {"queue", Dimension::Queue, {}, {}},
};

struct Question {
  std::string_view by;
  Dimension dimension = Dimension::Hashtag;
  std::string_view within;  // id of a theme or campaign; empty: none
  Measure measure = Measure::Mentions;
  std::size_t limit = kDefaultTop;
  CountWindow window;
};

Result<void> read_ranking(const Request& request, Question& out) {
  out.by = request.param("by").value_or("hashtag");
  const auto ranking = std::ranges::find(kRankings, out.by, &Ranking::by);
  if (ranking == std::end(kRankings)) {
    std::string names;
    for (const Ranking& one : kRankings) {
      names.append(names.empty() ? "" : ", ").append(one.by);
    }
    return fail(Code::Invalid, "by: unknown; expected one of " + names);
  }
  const auto theme = request.param("theme");
  const auto campaign = request.param("campaign");
  if (theme && campaign) {
    return fail(Code::Invalid, "theme, campaign: expected at most one of the two");
  }
  const std::optional<Dimension> dimension = theme      ? ranking->of_theme
                                             : campaign ? ranking->of_campaign
                                                        : ranking->alone;
  if (!dimension) {
    return fail(Code::Invalid, fmt::format("by: {} is not counted {}", out.by,
                                           theme      ? "by theme"
                                           : campaign ? "by campaign"
                                                      : "alone; name a theme or a campaign"));
  }
  out.dimension = *dimension;
  out.within = theme ? *theme : campaign.value_or("");
  return {};
}

Result<Question> read_question(const Service& service, const Request& request) {
  Question out;
  if (const Result<void> read = read_ranking(request, out); !read) {
    return std::unexpected(read.error());
  }
  const Result<Measure> measure = measure_param(request);
  if (!measure) return std::unexpected(measure.error());
  out.measure = *measure;
  const Result<std::size_t> limit = count_param(request, "limit", kDefaultTop, kMaxTop);
  if (!limit) return std::unexpected(limit.error());
  out.limit = *limit;
  const Result<CountWindow> window =
      hours_param(service, request, kDaySeconds, kept_for(out.dimension, Granularity::Hour));
  if (!window) return std::unexpected(window.error());
  out.window = *window;
  return out;
}

}  // namespace

Response answer_top(const Service& service, const Principal&, const Request& request) {
  const Result<Question> question = read_question(service, request);
  if (!question) return problem(question.error());
  const auto totals = service.view().counters.totals(question->dimension, question->within,
                                                     question->window.first_hour(),
                                                     question->window.last_hour(), kMostIds);
  if (!totals) return problem(totals.error());
  std::vector<std::pair<std::int64_t, std::string_view>> ranked;
  for (const auto& [id, measures] : *totals) {
    if (const std::int64_t value = at(measures, question->measure); value != 0) {
      ranked.emplace_back(-value, id);
    }
  }
  const std::size_t shown = std::min(question->limit, ranked.size());
  std::ranges::partial_sort(ranked, ranked.begin() + static_cast<std::ptrdiff_t>(shown));

  Response response;
  JsonWriter json(response.body);
  begin_counts(json, question->window);
  json.field("by", question->by).field("dimension", name(question->dimension));
  json.key("within");
  if (question->within.empty()) {
    json.null();
  } else {
    json.string(question->within);
  }
  json.field("measure", name(question->measure));
  json.field("ids", static_cast<std::int64_t>(ranked.size()));
  json.key("top").begin_array();
  for (std::size_t i = 0; i < shown; ++i) {
    json.begin_object().field("id", ranked[i].second).field("value", -ranked[i].first);
    json.end_object();
  }
  json.end_array().end_object();
  return response;
}

}  // namespace vigie
