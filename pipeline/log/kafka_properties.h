#pragma once

#include <string_view>

namespace vigie {

// Whether the log sets this property of librdkafka itself, or what it rests on would not hold under
// another value. A user's configuration may not name it.
bool is_fixed_property(std::string_view name);

}  // namespace vigie
