#include "pipeline/core/yaml.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <sstream>
#include <unordered_set>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "pipeline/core/utf8.h"
#include "pipeline/core/yaml_error.h"

namespace vigie {
namespace {

constexpr std::size_t kMaxDepth = 64;
constexpr std::size_t kMaxBytes = std::size_t{64} * 1024 * 1024;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

Mark mark_of(const YAML::Mark& mark) {
  return {static_cast<std::size_t>(std::max(mark.line, 0)) + 1,
          static_cast<std::size_t>(std::max(mark.column, 0)) + 1};
}

// Ends the parse from inside yaml-cpp's callbacks, which know no other way out; caught in
// parse_yaml.
struct Refused {
  Mark mark;
  std::string message;
};

// Builds our tree from yaml-cpp's events: its own tree hides anchors and tags.
class Builder : public YAML::EventHandler {
 public:
  // `text` outlives the object.
  explicit Builder(std::string_view text) : text_(text) {
    lines_.push_back(text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0);
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '\n') lines_.push_back(i + 1);
    }
  }

  YamlNode take() { return std::move(root_); }

  // Whether white space with a tab stands before everything else in the line.
  bool is_indented_by_tab(Mark mark) const {
    const std::string_view line = text_.substr(offset_of({mark.line, 1}));
    return line.substr(0, line.find_first_not_of(" \t")).find('\t') != line.npos;
  }

  // Where the last text begins, when it stands in quotes and goes over the end of a line.
  std::optional<Mark> long_quote() const {
    const char quote = byte_at(last_scalar_);
    if (quote != '"' && quote != '\'') return std::nullopt;
    const std::size_t begin = offset_of(last_scalar_) + 1;
    if (text_.find('\n', begin) > text_.find(quote, begin)) return std::nullopt;
    return last_scalar_;
  }

  // Where a text in quotes begins that nothing closes, which yaml-cpp takes in silence: it goes on
  // to the end of the file, so it is the last one.
  std::optional<Mark> open_quote() const {
    const char quote = byte_at(last_scalar_);
    if (quote != '"' && quote != '\'') return std::nullopt;
    for (std::size_t i = offset_of(last_scalar_) + 1; i < text_.size(); ++i) {
      if (quote == '"' && text_[i] == '\\') {
        ++i;
      } else if (text_[i] == quote) {
        if (quote == '"' || i + 1 == text_.size() || text_[i + 1] != quote) return std::nullopt;
        ++i;
      }
    }
    return last_scalar_;
  }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (has_document_) throw Refused{mark_of(mark), "expected one YAML document, found two"};
    has_document_ = true;
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_extras(mark, "", anchor);
    YamlNode node{.type = YamlNode::Type::Null, .mark = mark_of(mark)};
    // Of a value that is not there yaml-cpp tells the place of whatever comes next.
    const bool is_value = !stack_.empty() && has_key_.back();
    if (is_value && node.mark.line != keys_.back().mark.line) node.mark = keys_.back().mark;
    add(std::move(node));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    throw Refused{mark_of(mark), "aliases are not allowed: write the value out"};
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    // yaml-cpp gives "?" to plain scalars and "!" to quoted and block ones.
    const bool quoted = tag == "!";
    refuse_extras(mark, quoted ? "" : tag, anchor);
    YamlNode node{.type = YamlNode::Type::Scalar, .mark = mark_of(mark), .quoted = quoted};
    last_scalar_ = node.mark;
    node.text = value;
    if (!quoted && (value == "~" || value == "null")) node.type = YamlNode::Type::Null;
    add(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, YamlNode::Type::List);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, YamlNode::Type::Map);
  }
  void OnMapEnd() override { close(); }

 private:
  void refuse_extras(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (anchor != 0) {
      throw Refused{mark_of(mark),
                    "anchors are not allowed; a text that begins with & stands in quotes"};
    }
    // A lone `!` reads like the tag that yaml-cpp gives to what is quoted: only its place tells.
    if ((!tag.empty() && tag != "?") || byte_at(mark_of(mark)) == '!') {
      throw Refused{mark_of(mark), "tags are not allowed"};
    }
  }

  std::size_t offset_of(Mark mark) const {
    if (mark.line > lines_.size()) return text_.size();
    return std::min(lines_[mark.line - 1] + mark.column - 1, text_.size());
  }
  char byte_at(Mark mark) const {
    const std::size_t at = offset_of(mark);
    return at < text_.size() ? text_[at] : '\0';
  }

  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
            YamlNode::Type type) {
    refuse_extras(mark, tag, anchor);
    if (stack_.size() == kMaxDepth) {
      throw Refused{mark_of(mark), fmt::format("more than {} levels", kMaxDepth)};
    }
    stack_.push_back({.type = type, .mark = mark_of(mark)});
    keys_.emplace_back();
    names_.emplace_back();
    has_key_.push_back(false);
  }

  void close() {
    YamlNode node = std::move(stack_.back());
    stack_.pop_back();
    keys_.pop_back();
    names_.pop_back();
    has_key_.pop_back();
    add(std::move(node));
  }

  void add(YamlNode node) {
    if (stack_.empty()) {
      root_ = std::move(node);
      return;
    }
    YamlNode& parent = stack_.back();
    if (parent.type == YamlNode::Type::List) {
      parent.items.push_back(std::move(node));
      return;
    }
    if (!has_key_.back()) {
      if (node.type != YamlNode::Type::Scalar) throw Refused{node.mark, "expected a key"};
      if (stands_already(parent, node.text)) {
        throw Refused{node.mark, fmt::format("\"{}\" stands twice", node.text)};
      }
      keys_.back() = std::move(node);
      has_key_.back() = true;
      return;
    }
    parent.entries.push_back({std::move(keys_.back()), std::move(node)});
    has_key_.back() = false;
  }

  // A map of a few keys is looked through; one of many would cost the square of their number.
  bool stands_already(const YamlNode& map, const std::string& key) {
    constexpr std::size_t kFew = 32;
    if (map.entries.size() < kFew) return map.find(key) != nullptr;
    std::unordered_set<std::string>& names = names_.back();
    if (names.empty()) {
      for (const YamlEntry& entry : map.entries) names.insert(entry.key.text);
    }
    return !names.insert(key).second;
  }

  std::string_view text_;
  std::vector<std::size_t> lines_;  // where each line starts
  bool has_document_ = false;
  YamlNode root_;
  Mark last_scalar_;
  std::vector<YamlNode> stack_;
  std::vector<YamlNode> keys_;
  std::vector<bool> has_key_;
  std::vector<std::unordered_set<std::string>> names_;  // the keys so far, of a map that has many
};

Mark mark_at(std::string_view text, std::size_t offset) {
  Mark mark;
  for (std::size_t i = 0; i < offset; ++i) {
    if (text[i] == '\n') {
      ++mark.line;
      mark.column = 1;
    } else {
      ++mark.column;
    }
  }
  return mark;
}

// The place of a %TAG directive, which yaml-cpp takes in silence, or npos. Directives stand at the
// start, among comments and empty lines.
std::size_t tag_directive(std::string_view text) {
  std::size_t at = text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
  while (at < text.size()) {
    const std::string_view line = text.substr(at, text.find('\n', at) - at);
    if (line.starts_with("%TAG")) return at;
    const std::size_t first = line.find_first_not_of(" \t\r");
    const bool empty = first == std::string_view::npos || line[first] == '#';
    if (!empty && !line.starts_with('%')) break;
    at += line.size() + 1;
  }
  return std::string_view::npos;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t k = 1; k <= b.size(); ++k) {
      const std::size_t above = row[k];
      row[k] = std::min({above + 1, row[k - 1] + 1, diagonal + (a[i - 1] == b[k - 1] ? 0U : 1U)});
      diagonal = above;
    }
  }
  return row.back();
}

}  // namespace

const YamlNode* YamlNode::find(std::string_view key) const {
  for (const auto& [name, value] : entries) {
    if (name.text == key) return &value;
  }
  return nullptr;
}

std::string at(std::string_view file, Mark mark, std::string_view message) {
  return fmt::format("{}:{}:{}: {}", file, mark.line, mark.column, message);
}

Result<YamlNode> parse_yaml(std::string_view text, std::string_view file) {
  if (text.size() > kMaxBytes) {
    return fail(Code::Invalid, fmt::format("{}: larger than {} bytes", file, kMaxBytes));
  }
  if (const std::size_t broken = invalid_utf8(text); broken != std::string_view::npos) {
    return fail(Code::Invalid, at(file, mark_at(text, broken), "expected UTF-8"));
  }
  if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) {
    return fail(Code::Invalid, at(file, mark_at(text, nul), "expected text, found a NUL byte"));
  }
  if (const std::size_t tags = tag_directive(text); tags != std::string_view::npos) {
    return fail(Code::Invalid, at(file, mark_at(text, tags), "tags are not allowed"));
  }
  std::istringstream stream{std::string(text)};
  Builder builder(text);
  try {
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder)) return YamlNode{};
    parser.HandleNextDocument(builder);
  } catch (const Refused& refused) {
    return fail(Code::Invalid, at(file, refused.mark, refused.message));
  } catch (const YAML::Exception& error) {
    const Mark mark = mark_of(error.mark);
    if (builder.is_indented_by_tab(mark)) {
      return fail(Code::Invalid, at(file, {mark.line, 1}, "expected spaces, found a tab"));
    }
    std::string message = in_plain_words(error.msg);
    if (const auto open = builder.long_quote()) {
      message +=
          fmt::format("; is the quotation that begins at {}:{} closed?", open->line, open->column);
    }
    return fail(Code::Invalid, at(file, mark, message));
  }
  if (const auto open = builder.open_quote()) {
    return fail(Code::Invalid,
                at(file, *open,
                   "this quotation mark is not closed: the text in it goes on to the "
                   "end of the file"));
  }
  return builder.take();
}

std::string_view nearest(std::string_view word, const std::vector<std::string_view>& known) {
  std::string_view best;
  std::size_t best_distance = std::min<std::size_t>(3, (word.size() + 1) / 2);
  for (const std::string_view candidate : known) {
    if (candidate.size() > word.size() + 2 || word.size() > candidate.size() + 2) continue;
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

Result<void> check_keys(const YamlNode& node, std::string_view file, std::string_view what,
                        std::initializer_list<std::string_view> known) {
  if (node.type != YamlNode::Type::Map) {
    return fail(Code::Invalid, at(file, node.mark, fmt::format("{}: expected a map", what)));
  }
  for (const auto& [key, value] : node.entries) {
    if (std::ranges::find(known, key.text) != known.end()) continue;
    const std::vector<std::string_view> names(known);
    const std::string_view near = nearest(key.text, names);
    std::string message = fmt::format("{}: unknown key \"{}\"", what, key.text);
    if (near.empty()) {
      message += fmt::format("; expected one of {}", fmt::join(names, ", "));
    } else {
      message += fmt::format("; did you mean \"{}\"?", near);
    }
    return fail(Code::Invalid, at(file, key.mark, message));
  }
  return {};
}

}  // namespace vigie
