#pragma once

#include <functional>

#include "pipeline/api/server.h"
#include "pipeline/cli/config.h"
#include "pipeline/cli/service.h"

namespace vigie {

class ActionDesk;
class AuthorKeys;
class Erasures;
class Ingest;
class RulesSource;
class View;

// What one process has of what can be asked over HTTP. All of it outlives the server.
struct NodeParts {
  const Config& config;
  Roles roles;
  const AuthorKeys& keys;
  RulesSource& rules;
  Ingest& ingest;
  Erasures& erasures;
  View* view = nullptr;        // null without the role
  ActionDesk* desk = nullptr;  // goes with the view
  prometheus::Registry& registry;
  std::function<Readiness()> readiness;
};

// Every node tells its health, its metrics and its rules. One with the role ingest takes mentions
// and wishes for erasure, one with the role view answers what is made from a view.
ApiParts api_parts(const NodeParts& node);

}  // namespace vigie
