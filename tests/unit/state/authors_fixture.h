#pragma once

#include <cstdint>

#include <gtest/gtest.h>

#include "state/authors.h"
#include "tests/fakes/scratch_store.h"

namespace vigie {

inline AuthorKey author(std::uint8_t n, std::uint8_t m = 0) {
  AuthorKey key{};
  key[0] = n;
  key[1] = m;
  return key;
}

inline void write(Store& store, Authors& authors) {
  StoreBatch batch;
  ASSERT_TRUE(authors.flush_sets(batch));
  authors.flush_rows(batch);
  ASSERT_TRUE(store.write(batch, Durability::Buffered));
  authors.settled();
}

}  // namespace vigie
