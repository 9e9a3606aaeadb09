#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "pipeline/api/routes.h"
#include "pipeline/core/error.h"
#include "state/count_query.h"
#include "state/formulas.h"

namespace vigie {

class JsonWriter;

// From the parameters `window` (`otherwise` when there is none) and `end`, in whole hours: one hour
// at least, and as long as hours are `kept` at most.
Result<CountWindow> hours_param(const Service& service, const Request& request,
                                std::int64_t otherwise, std::chrono::hours kept);

// The measure that a request asks for; `mentions` when it does not say.
Result<Measure> measure_param(const Request& request);

// Opens an object and writes what every answer from hours begins with.
void begin_counts(JsonWriter& json, const CountWindow& window);

// Its id and version, as in "share_of_voice/1", and the field `formula` with that.
std::string formula_name(FormulaId id);
void write_formula(JsonWriter& json, FormulaId id);
// A field with the value of a ratio, or null.
void write_ratio(JsonWriter& json, std::string_view name, const Ratio& ratio);

}  // namespace vigie
