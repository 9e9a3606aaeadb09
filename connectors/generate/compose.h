#pragma once

#include "connectors/generate/stream.h"
#include "pipeline/core/mention.h"

namespace vigie {

// The words and numbers of one act of a message: a pure function of its arguments. `parent` is the
// outline of the message that is answered, if any. Only messages that have an engagement or an
// update in their life are given steps of those kinds.
Mention compose(const Outline& outline, Step step, Time at, const Outline* parent);

}  // namespace vigie
