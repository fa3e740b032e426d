#include "tests/experiments/fusion/experiment_plan.h"

#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"

#include "common/base/json_reader.h"
#include "common/base/status_macros.h"

namespace kalavai::experiment {
namespace {

using Json = nlohmann::json;

absl::StatusOr<std::vector<PlanMember>> MembersOf(const Json& json, const char* field) {
  std::vector<PlanMember> members;
  if (!json.contains(field)) return members;
  for (const Json& one : json.at(field)) {
    PlanMember member;
    ASSIGN_OR_RETURN(member.name, JsonString(one, "name"));
    ASSIGN_OR_RETURN(member.model, JsonString(one, "model"));
    if (one.contains("domain")) {
      ASSIGN_OR_RETURN(member.domain, JsonString(one, "domain"));
    }
    members.push_back(std::move(member));
  }
  return members;
}

absl::StatusOr<std::vector<PlanDomain>> DomainsOf(const Json& json) {
  std::vector<PlanDomain> domains;
  for (const Json& one : json.at("domains")) {
    PlanDomain domain;
    ASSIGN_OR_RETURN(domain.name, JsonString(one, "name"));
    for (const Json& file : one.at("files")) domain.files.push_back(file.get<std::string>());
    if (one.contains("public")) {
      ASSIGN_OR_RETURN(domain.public_class, JsonBool(one, "public"));
    }
    domains.push_back(std::move(domain));
  }
  return domains;
}

absl::Status ReadNumber(const Json& json, const char* field, int64_t& value) {
  if (!json.contains(field)) return absl::OkStatus();
  ASSIGN_OR_RETURN(value, JsonInt(json, field));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ExperimentPlan> ReadPlan(const std::string& path) {
  std::ifstream file(path);
  if (!file) return absl::NotFoundError(absl::StrCat(path, ": cannot be read"));
  std::stringstream text;
  text << file.rdbuf();
  ASSIGN_OR_RETURN(const Json json, ReadJson(text.str()));
  RETURN_IF_ERROR(CheckJsonKeys(json, {"base", "cache", "chunk_tokens", "chunks", "spliced",
                                       "bfloat16", "members", "domains", "references"}));
  if (!json.contains("domains")) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": no domains; must have some"));
  }
  ExperimentPlan plan;
  ASSIGN_OR_RETURN(plan.base, JsonString(json, "base"));
  ASSIGN_OR_RETURN(plan.cache, JsonString(json, "cache"));
  RETURN_IF_ERROR(ReadNumber(json, "chunk_tokens", plan.chunk_tokens));
  RETURN_IF_ERROR(ReadNumber(json, "chunks", plan.chunks));
  RETURN_IF_ERROR(ReadNumber(json, "spliced", plan.spliced));
  if (json.contains("bfloat16")) {
    ASSIGN_OR_RETURN(plan.bfloat16, JsonBool(json, "bfloat16"));
  }
  ASSIGN_OR_RETURN(plan.members, MembersOf(json, "members"));
  ASSIGN_OR_RETURN(plan.references, MembersOf(json, "references"));
  ASSIGN_OR_RETURN(plan.domains, DomainsOf(json));
  return plan;
}

absl::StatusOr<std::vector<PlanMember>> MembersNamed(const ExperimentPlan& plan,
                                                     const std::vector<std::string>& names) {
  std::vector<PlanMember> members;
  for (const std::string& name : names) {
    bool found = false;
    for (const PlanMember& member : plan.members) {
      if (member.name != name) continue;
      members.push_back(member);
      found = true;
    }
    if (!found) return absl::NotFoundError(absl::StrCat("member '", name, "': not in the plan"));
  }
  return members;
}

}  // namespace kalavai::experiment
