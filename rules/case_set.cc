#include "rules/case_set.h"

#include <algorithm>

#include <fmt/format.h>

#include "pipeline/core/json.h"

namespace vigie {
namespace {

// YAML takes JSON strings.
std::string quoted(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

}  // namespace

bool CaseSet::define(std::string_view what, CaseLine& line, std::size_t number) {
  std::string section;
  Piece piece;
  if (what == "rule" || what == "competitor" || what == "campaign" || what == "route") {
    section = what == "rule" ? "themes" : fmt::format("{}s", what);
    piece.id = line.word("an id");
  } else if (what == "list") {
    section = what;
    piece.id = line.word("the name of a list");
  } else if (what == "brand" || what == "account" || what == "ambassador") {
    section = what;
  } else {
    return false;
  }
  if (what == "route") piece.more.emplace_back("queue: social");
  if (what == "campaign") {
    for (const std::string_view key : {"from", "until"}) {
      const std::string_view time = line.word("a time or -");
      if (time != "-") piece.more.push_back(fmt::format("{}: {}", key, quoted(time)));
    }
  }
  piece.mark = {number, line.offset() + 1};
  piece.text = line.rest(section == "list" || section == "account" || section == "ambassador"
                             ? "NETWORK:@HANDLE"
                             : "a query");
  if (!line.error()) sections_[section].push_back(std::move(piece));
  return true;
}

void CaseSet::Yaml::add(std::string_view text, Mark origin, std::size_t indent) {
  text_ += text;
  text_ += '\n';
  lines_.push_back({origin, indent});
}

Mark CaseSet::Yaml::origin(Mark mark) const {
  if (lines_.empty()) return {};
  const Origin& line = lines_[std::min(mark.line, lines_.size()) - 1];
  const bool inside = line.indent > 0 && mark.column > line.indent;
  return {line.mark.line, line.mark.column + (inside ? mark.column - line.indent - 1 : 0)};
}

// A query stands in a block, so that no character of it means anything to YAML.
void CaseSet::add_rule(Yaml& out, std::string_view key, const Piece& piece) {
  constexpr std::size_t kIndent = 6;
  out.add(fmt::format("  - id: {}", quoted(piece.id)), piece.mark);
  for (const std::string& line : piece.more) out.add("    " + line, piece.mark);
  out.add(fmt::format("    {}: |-", key), piece.mark);
  out.add(std::string(kIndent, ' ') + piece.text, piece.mark, kIndent);
}

CaseSet::Yaml CaseSet::head() const {
  Yaml out;
  const auto pieces = [&](std::string_view section) -> const std::vector<Piece>& {
    static const std::vector<Piece> kNone;
    const auto found = sections_.find(section);
    return found == sections_.end() ? kNone : found->second;
  };
  const Mark start;
  out.add("brand:", start);
  out.add("  id: case", start);
  const std::vector<Piece>& brand = pieces("brand");
  if (brand.empty()) {
    out.add("  query: nobodysbrand", start);
  } else {
    out.add("  query: |-", brand.back().mark);
    out.add("    " + brand.back().text, brand.back().mark, 4);
  }
  for (const std::string_view key : {"account", "ambassador"}) {
    if (pieces(key).empty()) continue;
    out.add(fmt::format("  {}s:", key), pieces(key).front().mark);
    for (const Piece& piece : pieces(key)) out.add("    - " + quoted(piece.text), piece.mark);
  }
  std::map<std::string, std::vector<const Piece*>> lists;
  for (const Piece& piece : pieces("list")) lists[piece.id].push_back(&piece);
  if (!lists.empty()) out.add("lists:", start);
  for (const auto& [name, accounts] : lists) {
    out.add(fmt::format("  {}:", quoted(name)), accounts.front()->mark);
    for (const Piece* piece : accounts) out.add("    - " + quoted(piece->text), piece->mark);
  }
  return out;
}

CaseSet::Yaml CaseSet::yaml() const {
  Yaml out = head();
  for (const std::string_view section : {"competitors", "themes", "campaigns", "routes"}) {
    const auto found = sections_.find(section);
    if (found == sections_.end()) continue;
    out.add(fmt::format("{}:", section), found->second.front().mark);
    for (const Piece& piece : found->second)
      add_rule(out, section == "routes" ? "when" : "query", piece);
  }
  return out;
}

CaseSet::Yaml CaseSet::yaml_of_theme(std::string_view query, Mark origin) const {
  Yaml out = head();
  out.add("themes:", origin);
  add_rule(out, "query", {"t", std::string(query), origin, {}});
  return out;
}

}  // namespace vigie
