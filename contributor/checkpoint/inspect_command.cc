#include "contributor/checkpoint/inspect_command.h"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include <CLI/CLI.hpp>

#include "common/base/status_macros.h"
#include "common/safetensors/reader.h"

namespace kalavai::contributor {
namespace {

struct Flags {
  std::string file;
  std::string as = "format";
};

struct DtypeTotal {
  int64_t tensors = 0;
  int64_t bytes = 0;
};

std::map<std::string, DtypeTotal> Totals(const SafetensorsHeader& header) {
  std::map<std::string, DtypeTotal> totals;
  for (const TensorInfo& tensor : header.tensors()) {
    DtypeTotal& total = totals[std::string(DtypeName(tensor.dtype))];
    ++total.tensors;
    total.bytes += tensor.ByteCount();
  }
  return totals;
}

nlohmann::json ToJson(const Flags& flags, const SafetensorsHeader& header) {
  nlohmann::json dtypes = nlohmann::json::object();
  for (const auto& [name, total] : Totals(header)) {
    dtypes[name] = {{"tensors", total.tensors}, {"bytes", total.bytes}};
  }
  nlohmann::json tensors = nlohmann::json::array();
  for (const TensorInfo& tensor : header.tensors()) {
    tensors.push_back({{"name", std::string(tensor.name)},
                       {"dtype", std::string(DtypeName(tensor.dtype))},
                       {"shape", std::vector<uint64_t>(tensor.shape.begin(), tensor.shape.end())},
                       {"data_offsets", {tensor.begin, tensor.end}}});
  }
  return {{"file", flags.file},
          {"as", flags.as},
          {"accepted", true},
          {"tensor_count", header.tensors().size()},
          {"bytes", header.data_size()},
          {"dtypes", std::move(dtypes)},
          {"metadata", header.metadata()},
          {"tensors", std::move(tensors)}};
}

// Names and metadata are foreign: escaped, so that they cannot pose as other lines.
std::string ToText(const Flags& flags, const SafetensorsHeader& header) {
  std::string text = absl::StrCat("accepted as ", flags.as, ": ", flags.file, "\n  ",
                                  header.tensors().size(), " tensors, ", header.data_size(),
                                  " bytes (", HumanBytes(header.data_size()), ")\n");
  for (const auto& [name, total] : Totals(header)) {
    absl::StrAppend(&text, "  ", name, ": ", total.tensors, " tensors, ", total.bytes, " bytes\n");
  }
  for (const auto& [key, value] : header.metadata()) {
    absl::StrAppend(&text, "  metadata ", absl::CHexEscape(key), " = ", absl::CHexEscape(value),
                    "\n");
  }
  for (const TensorInfo& tensor : header.tensors()) {
    absl::StrAppend(&text, "  ", absl::CHexEscape(tensor.name), "  ", DtypeName(tensor.dtype),
                    "  [", absl::StrJoin(tensor.shape, ", "), "]  ", tensor.ByteCount(),
                    " bytes\n");
  }
  return text;
}

absl::Status Inspect(const Flags& flags, Console& console) {
  const SafetensorsMode mode =
      flags.as == "upload" ? SafetensorsMode::kUpload : SafetensorsMode::kFormat;
  ASSIGN_OR_RETURN(const SafetensorsFile file, SafetensorsFile::Open(flags.file, mode));
  const bool json = console.format() == OutputFormat::kJson;
  console.Result(json ? ToJson(flags, file.header()) : nlohmann::json(),
                 json ? "" : ToText(flags, file.header()));
  return absl::OkStatus();
}

}  // namespace

Command MakeCheckpointInspectCommand() {
  auto flags = std::make_shared<Flags>();
  return {.name = "checkpoint inspect",
          .summary = "check a safetensors file and list its tensors",
          .details =
              "  kalavai checkpoint inspect model.safetensors\n"
              "  kalavai checkpoint inspect model.safetensors --as upload   # what a "
              "coordinator accepts\n\n"
              "Reads the header, never the weights. Exit code 0: accepted; 1: refused, with "
              "the defect and its place.\n",
          .configure =
              [flags](CLI::App& app) {
                app.add_option("FILE", flags->file, "a safetensors file")->required();
                app.add_option("--as", flags->as,
                               "the rules: format (what the format allows) or upload (what a "
                               "coordinator accepts from a member)")
                    ->check(CLI::IsMember({"format", "upload"}))
                    ->capture_default_str();
              },
          .run = [flags](Console& console) { return Inspect(*flags, console); }};
}

}  // namespace kalavai::contributor
