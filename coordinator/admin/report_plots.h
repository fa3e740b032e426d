// The plots of a fusion's report, drawn from report.json alone (docs/formats/fusion_report.md), so
// that whoever has the report can draw them.
//
//   losses.svg    the loss matrix as a heat map: models and mixtures by domains, coloured by how
//   much
//                 better or worse than the base
//   gate.svg      the gate's weights over the tokens of a text spliced from two domains
//   training.svg  the router's training: loss of the batches, and alpha
//
// Pure functions; equal reports give equal bytes. A plot whose figures the report does not have is
// left out (gate.svg with one domain). Any thread.
#ifndef KALAVAI_COORDINATOR_ADMIN_REPORT_PLOTS_H_
#define KALAVAI_COORDINATOR_ADMIN_REPORT_PLOTS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

namespace kalavai::coordinator {

struct ReportPlot {
  std::string file;   // name without folder
  std::string title;  // what it shows
  std::string svg;
};

// Errors: INVALID_ARGUMENT JSON_INVALID: the report lacks a field or has it of another type.
absl::StatusOr<std::vector<ReportPlot>> DrawReportPlots(const nlohmann::json& report);

// Writes report.json (the bytes that the model's report digest is of), report.md with the plots,
// and the plots to `directory`, which is made; files of these names are replaced. Errors: those
// above; IO_ERROR.
absl::Status WriteReportDirectory(const std::string& directory, const std::string& report_json,
                                  const std::string& report_markdown);

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_ADMIN_REPORT_PLOTS_H_
