#include "tests/bench/rules/rivals.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <deque>
#include <stdexcept>

#include <re2/filtered_re2.h>
#include <re2/set.h>

#include "tests/bench/rules/trees.h"

namespace vigie::bench {
namespace {

class Re2PerLeaf : public Rival {
 public:
  explicit Re2PerLeaf(const std::vector<std::string>& queries) : trees_(queries) {}

  void match(std::string_view text, Found& out) override {
    text_.read(text);
    trees_.start(text_);
    out.rules.clear();
    out.spans.clear();
    for (std::uint32_t rule = 0; rule < trees_.size(); ++rule) {
      if (!trees_.holds(rule)) continue;
      out.rules.push_back(rule);
      trees_.spans(rule, out.spans);
    }
  }

 private:
  Trees trees_;
  Canonical text_;
};

// What is common to the rivals that look at all leaves at once: their hits lead to the rules.
class ByHits : public Rival {
 public:
  ByHits(const std::vector<std::string>& queries, const std::vector<std::string>& sample)
      : trees_(queries) {
    std::unordered_map<std::string, double> seen;
    CutText cut;
    for (const std::string& text : sample) {
      cut.cut(text, "x");
      for (const Word& word : cut.words()) ++seen[std::string(word.folded)];
    }
    std::vector<double> frequency;
    for (const Leaf& leaf : trees_.leaves()) {
      double least = leaf.words.empty() ? 1 : 1e9;
      for (const std::string& word : leaf.words) {
        const auto found = seen.find(word);
        least = std::min(least, found == seen.end() ? 0.5 : found->second);
      }
      frequency.push_back(least);
    }
    posted_.resize(trees_.leaves().size());
    for (std::uint32_t rule = 0; rule < trees_.size(); ++rule) {
      for (const std::uint32_t leaf : trees_.needed(rule, frequency)) posted_[leaf].push_back(rule);
    }
  }

  void match(std::string_view text, Found& out) final {
    text_.read(text);
    hits_.clear();
    find_hits(text_, hits_);
    trees_.start(text_, hits_);
    out.rules.clear();
    out.spans.clear();
    candidates_.clear();
    for (const std::uint32_t leaf : hits_) {
      candidates_.insert(candidates_.end(), posted_[leaf].begin(), posted_[leaf].end());
    }
    std::ranges::sort(candidates_);
    const auto [first, last] = std::ranges::unique(candidates_);
    candidates_.erase(first, last);
    for (const std::uint32_t rule : candidates_) {
      if (!trees_.holds(rule)) continue;
      out.rules.push_back(rule);
      trees_.spans(rule, out.spans);
    }
  }

 protected:
  virtual void find_hits(const Canonical& text, std::vector<std::uint32_t>& hits) = 0;
  std::vector<Leaf>& leaves() { return trees_.leaves(); }

 private:
  Trees trees_;
  Canonical text_;
  std::vector<std::vector<std::uint32_t>> posted_;
  std::vector<std::uint32_t> hits_;
  std::vector<std::uint32_t> candidates_;
};

class Re2Set : public ByHits {
 public:
  Re2Set(const std::vector<std::string>& queries, const std::vector<std::string>& sample)
      : ByHits(queries, sample),
        over_words_(options(true)),
        over_text_(options(true)),
        over_text_any_case_(options(false)) {
    for (std::uint32_t i = 0; i < leaves().size(); ++i) {
      const Leaf& leaf = leaves()[i];
      Part& part = !leaf.is_regex     ? over_words_
                   : leaf.ignore_case ? over_text_any_case_
                                      : over_text_;
      part.set.Add(leaf.pattern, nullptr);
      part.leaves.push_back(i);
    }
    for (Part* part : {&over_words_, &over_text_, &over_text_any_case_}) {
      if (!part->leaves.empty() && !part->set.Compile()) is_too_large_ = true;
    }
  }

  bool is_too_large() const { return is_too_large_; }

 protected:
  void find_hits(const Canonical& text, std::vector<std::uint32_t>& hits) override {
    run(over_words_, text.words(), hits);
    run(over_text_, text.written(), hits);
    run(over_text_any_case_, text.written(), hits);
  }

 private:
  struct Part {
    explicit Part(const re2::RE2::Options& options) : set(options, re2::RE2::UNANCHORED) {}
    re2::RE2::Set set;
    std::vector<std::uint32_t> leaves;
  };
  static re2::RE2::Options options(bool case_sensitive) {
    re2::RE2::Options result;
    result.set_max_mem(std::int64_t{1} << 31);
    result.set_case_sensitive(case_sensitive);
    result.set_log_errors(false);
    return result;
  }
  void run(const Part& part, std::string_view text, std::vector<std::uint32_t>& hits) {
    if (part.leaves.empty()) return;
    found_.clear();
    part.set.Match(re2::StringPiece(text.data(), text.size()), &found_);
    for (const int i : found_) hits.push_back(part.leaves[static_cast<std::size_t>(i)]);
  }

  Part over_words_;
  Part over_text_;
  Part over_text_any_case_;
  bool is_too_large_ = false;
  std::vector<int> found_;
};

// Which of many strings stand in a text. States times classes of bytes in one table.
class AhoCorasick {
 public:
  explicit AhoCorasick(const std::vector<std::string>& atoms) {
    for (const std::string& atom : atoms) {
      for (const char c : atom) {
        if (classes_[byte(c)] == 0) classes_[byte(c)] = width_++;
      }
    }
    add_state();
    for (std::size_t i = 0; i < atoms.size(); ++i) {
      std::uint32_t state = 0;
      for (const char c : atoms[i]) {
        const std::size_t slot = state * width_ + classes_[byte(c)];
        if (next_[slot] == 0) {
          const std::uint32_t added = add_state();
          next_[slot] = added;
        }
        state = next_[slot];
      }
      ends_[state] = static_cast<int>(i);
    }
    std::vector<std::uint32_t> fail(ends_.size());
    std::deque<std::uint32_t> open = {0};
    while (!open.empty()) {
      const std::uint32_t state = open.front();
      open.pop_front();
      for (std::size_t c = 1; c < width_; ++c) {
        std::uint32_t& to = next_[state * width_ + c];
        const std::uint32_t otherwise = state == 0 ? 0 : next_[fail[state] * width_ + c];
        if (to == 0) {
          to = otherwise;
          continue;
        }
        fail[to] = otherwise;
        shorter_[to] = ends_[otherwise] >= 0 ? otherwise : shorter_[otherwise];
        open.push_back(to);
      }
    }
  }

  void find(std::string_view text, std::vector<int>& out) const {
    std::uint32_t state = 0;
    for (const char c : text) {
      state = next_[state * width_ + classes_[byte(c)]];
      for (std::uint32_t at = state; at != 0; at = shorter_[at]) {
        if (ends_[at] >= 0) out.push_back(ends_[at]);
      }
    }
  }

 private:
  static std::size_t byte(char c) { return static_cast<unsigned char>(c); }
  std::uint32_t add_state() {
    next_.resize(next_.size() + width_);
    ends_.push_back(-1);
    shorter_.push_back(0);
    return static_cast<std::uint32_t>(ends_.size() - 1);
  }

  std::array<std::size_t, 256> classes_ = {};
  std::size_t width_ = 1;
  std::vector<std::uint32_t> next_;
  std::vector<int> ends_;
  std::vector<std::uint32_t> shorter_;  // the longest other atom that ends in this state
};

class Filtered : public ByHits {
 public:
  Filtered(const std::vector<std::string>& queries, const std::vector<std::string>& sample)
      : ByHits(queries, sample) {
    for (std::uint32_t i = 0; i < leaves().size(); ++i) {
      const Leaf& leaf = leaves()[i];
      re2::RE2::Options options;
      options.set_max_mem(std::int64_t{1} << 20);
      options.set_case_sensitive(!leaf.ignore_case);
      Part& part = leaf.is_regex ? over_text_ : over_words_;
      int id = 0;
      if (part.filter.Add(leaf.pattern, options, &id) != re2::RE2::NoError)
        throw std::invalid_argument(leaf.pattern);
      part.leaves.push_back(i);
    }
    for (Part* part : {&over_words_, &over_text_}) {
      std::vector<std::string> atoms;
      part->filter.Compile(&atoms);
      part->atoms = std::make_unique<AhoCorasick>(atoms);
    }
  }

 protected:
  void find_hits(const Canonical& text, std::vector<std::uint32_t>& hits) override {
    run(over_words_, text.words(), hits);
    run(over_text_, text.written(), hits);
  }

 private:
  struct Part {
    re2::FilteredRE2 filter{3};
    std::unique_ptr<AhoCorasick> atoms;
    std::vector<std::uint32_t> leaves;
  };
  void run(Part& part, std::string_view text, std::vector<std::uint32_t>& hits) {
    if (part.leaves.empty()) return;
    lower_.assign(text);
    for (char& c : lower_) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    atoms_.clear();
    part.atoms->find(lower_, atoms_);
    std::ranges::sort(atoms_);
    const auto [first, last] = std::ranges::unique(atoms_);
    atoms_.erase(first, last);
    found_.clear();
    part.filter.AllMatches(re2::StringPiece(text.data(), text.size()), atoms_, &found_);
    for (const int i : found_) hits.push_back(part.leaves[static_cast<std::size_t>(i)]);
  }

  Part over_words_;
  Part over_text_;
  std::string lower_;
  std::vector<int> atoms_;
  std::vector<int> found_;
};

}  // namespace

std::unique_ptr<Rival> make_re2_per_leaf(const std::vector<std::string>& queries) {
  return std::make_unique<Re2PerLeaf>(queries);
}
std::unique_ptr<Rival> make_re2_set(const std::vector<std::string>& queries,
                                    const std::vector<std::string>& sample) {
  auto rival = std::make_unique<Re2Set>(queries, sample);
  if (rival->is_too_large()) return nullptr;
  return rival;
}
std::unique_ptr<Rival> make_filtered_re2(const std::vector<std::string>& queries,
                                         const std::vector<std::string>& sample) {
  return std::make_unique<Filtered>(queries, sample);
}

}  // namespace vigie::bench
