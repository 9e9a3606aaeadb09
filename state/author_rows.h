#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "pipeline/core/clock.h"
#include "pipeline/core/error.h"
#include "pipeline/core/ids.h"

// The form of the rows of authors.h in Space::Authors; author_rows.cc has the grammar.
namespace vigie {

// What all rows of a kind begin with, in a partition: 'h' hidden, 'i' index, 'e' erased.
std::string partition_prefix(char what, Partition partition);
std::string partition_key(char what, Partition partition, const AuthorKey& author);
// What all rows begin with that say when somebody was first seen, and that somebody was hidden or
// erased.
std::string first_seen_rows();
std::string hidden_rows();
std::string erased_rows();
std::string hidden_value();
Result<Time> parse_first_seen(std::string_view value);

// Of an author whose messages were erased.
struct ErasedRow {
  Time asked_at{};
  bool hidden = false;
};

std::string encode(const ErasedRow& row);
Result<ErasedRow> decode_erased_row(std::string_view value);

// The value of an index row says in which week the message's record expires, so that a record that
// lives on by its engagement seldom rewrites it.
std::uint32_t index_week(Minute expires);
std::string index_value(Minute expires);

}  // namespace vigie
