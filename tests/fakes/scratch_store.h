#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include <gtest/gtest.h>
#include <stdlib.h>

#include "state/store.h"

namespace vigie {

// A directory that goes with the test.
class ScratchDirectory {
 public:
  ScratchDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "vigie-test-XXXXXX").string();
    if (mkdtemp(pattern.data()) != nullptr) path_ = pattern;
  }
  ~ScratchDirectory() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// A real store in a directory of its own, which can be closed and opened again.
class ScratchStore {
 public:
  ScratchStore() { open(); }

  Store& operator*() { return *store_; }
  Store* operator->() { return store_.get(); }

  void reopen() {
    store_.reset();
    open();
  }
  const std::filesystem::path& path() const { return directory_.path(); }

 private:
  void open() {
    auto opened = Store::open(directory_.path(), {});
    if (!opened) {
      ADD_FAILURE() << opened.error().message;
      std::abort();
    }
    store_ = std::move(*opened);
  }

  ScratchDirectory directory_;
  std::unique_ptr<Store> store_;
};

}  // namespace vigie
