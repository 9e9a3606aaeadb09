#include "pipeline/api/answers.h"
#include "state/count_query.h"

namespace vigie {

Response answer_counters(const Service& service, const Principal&, const Request& request) {
  const CountWords words = {.dimension = request.param("dimension"),
                            .id = request.param("id"),
                            .measure = request.param("measure"),
                            .window = request.param("window"),
                            .step = request.param("step"),
                            .end = request.param("end")};
  const auto query = read_count_query(words, service.view().as_of());
  if (!query) return problem(query.error());
  const auto found = answer(*query, service.view().counters, service.view().author_sets);
  if (!found) return problem(found.error());
  Response response;
  append_json(response.body, *query, *found);
  return response;
}

}  // namespace vigie
