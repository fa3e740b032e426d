#include "coordinator/admin/report_plots.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

#include "common/base/errors.h"
#include "common/base/json_reader.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/rpc/message_limits.h"
#include "common/storage/atomic_file.h"
#include "coordinator/admin/svg_canvas.h"

namespace kalavai::coordinator {
namespace {

using nlohmann::json;

// Okabe and Ito's colours, told apart by colour-blind readers too; grey for the base.
constexpr std::array<const char*, 8> kColours = {"#8c8c8c", "#0072b2", "#e69f00", "#009e73",
                                                 "#cc79a7", "#56b4e9", "#d55e00", "#b8a800"};
constexpr size_t kExpertsShown = 7;  // by their own colour; the rest of the weight is white
constexpr int kLabelCharacters = 24;

absl::Status Lacks(absl::string_view field) {
  return MakeError(absl::StatusCode::kInvalidArgument, "JSON_INVALID",
                   {.what = absl::StrCat("report: '", field, "' is missing or of another type"),
                    .why = "the plots show the report's figures and nothing else",
                    .fix = "fuse again with this version"});
}

// A list at a path of keys, or an error that names it.
absl::StatusOr<json> ListAt(const json& object, absl::string_view path) {
  const json* at = &object;
  for (const absl::string_view key : absl::StrSplit(path, '.')) {
    if (!at->is_object() || !at->contains(std::string(key))) return Lacks(path);
    at = &at->at(std::string(key));
  }
  if (!at->is_array()) return Lacks(path);
  return *at;
}

absl::StatusOr<std::vector<std::string>> ExpertLabels(const json& report) {
  ASSIGN_OR_RETURN(const json experts, ListAt(report, "inputs.experts"));
  std::vector<std::string> labels;
  for (const json& expert : experts) {
    ASSIGN_OR_RETURN(std::string label, JsonString(expert, "label"));
    ASSIGN_OR_RETURN(const std::string domain, JsonString(expert, "domain"));
    if (!domain.empty() && domain != label) absl::StrAppend(&label, " (", domain, ")");
    labels.push_back(std::move(label));
  }
  if (labels.size() < 2) return Lacks("inputs.experts");
  return labels;
}

// Losses of every model and mixture on one domain, in the order of the rows.
absl::StatusOr<std::vector<double>> Column(const json& losses, size_t specialists) {
  std::vector<double> column;
  ASSIGN_OR_RETURN(column.emplace_back(), JsonNumber(losses, "base"));
  ASSIGN_OR_RETURN(const json list, ListAt(losses, "specialists"));
  for (const json& loss : list) {
    if (!loss.is_number()) return Lacks("losses.specialists");
    column.push_back(loss.get<double>());
  }
  if (column.size() != 1 + specialists) return Lacks("losses.specialists");
  for (const char* const mixture : {"uniform", "weight_average", "fused", "oracle"}) {
    // A re-solve after a withdrawal runs no model: it has no average.
    if (losses.contains(mixture) && losses.at(mixture).is_null()) continue;
    ASSIGN_OR_RETURN(column.emplace_back(), JsonNumber(losses, mixture));
  }
  return column;
}

// From blue (20 % below the base) over white to red (20 % above).
std::string HeatColour(double relative) {
  if (std::isnan(relative)) relative = 0;  // of a base without loss
  const double strength = std::pow(std::min(std::abs(relative) / 0.2, 1.0), 0.7);
  const std::array<double, 3> end =
      relative < 0 ? std::array<double, 3>{33, 102, 172} : std::array<double, 3>{192, 57, 43};
  std::array<int, 3> colour = {};
  for (size_t i = 0; i < 3; ++i) {
    colour[i] = static_cast<int>(std::lround(255 + (end[i] - 255) * 0.85 * strength));
  }
  return absl::StrFormat("#%02x%02x%02x", colour[0], colour[1], colour[2]);
}

struct Matrix {
  std::vector<std::string> rows;
  std::vector<std::string> columns;
  std::vector<std::vector<double>> loss;  // [columns][rows]
};

absl::StatusOr<Matrix> ReadMatrix(const json& report) {
  Matrix matrix;
  ASSIGN_OR_RETURN(matrix.rows, ExpertLabels(report));
  const size_t specialists = matrix.rows.size() - 1;
  matrix.rows.emplace_back("uniform mixture");
  const bool has_average = report.contains("equal_weight") &&
                           report.at("equal_weight").is_object() &&
                           !report.at("equal_weight").value("weight_average", json()).is_null();
  if (has_average) matrix.rows.emplace_back("weight average");
  matrix.rows.insert(matrix.rows.end(), {"fused", "oracle (domain known)"});
  ASSIGN_OR_RETURN(const json domains, ListAt(report, "domains"));
  for (const json& domain : domains) {
    ASSIGN_OR_RETURN(std::string name, JsonString(domain, "domain"));
    ASSIGN_OR_RETURN(const bool is_public, JsonBool(domain, "public"));
    if (!domain.contains("losses")) return Lacks("domains[].losses");
    matrix.columns.push_back(is_public ? name + " (public)" : name);
    ASSIGN_OR_RETURN(matrix.loss.emplace_back(), Column(domain.at("losses"), specialists));
  }
  if (!report.contains("equal_weight")) return Lacks("equal_weight");
  matrix.columns.emplace_back("EW");
  ASSIGN_OR_RETURN(matrix.loss.emplace_back(), Column(report.at("equal_weight"), specialists));
  for (const std::vector<double>& column : matrix.loss) {
    if (column.size() != matrix.rows.size()) return Lacks("weight_average");
  }
  return matrix;
}

void DrawHeatLegend(double x, double y, SvgCanvas& canvas) {
  canvas.Text(x, y - 8, "against the base", {.size = 11});
  for (int i = 0; i <= 40; ++i) {
    canvas.Rectangle({.x = x + 4.0 * i, .y = y, .width = 4.2, .height = 12},
                     HeatColour((i - 20) / 100.0));
  }
  canvas.Text(x, y + 26, "−20 %", {.size = 11});
  canvas.Text(x + 82, y + 26, "0", {.anchor = "middle", .size = 11});
  canvas.Text(x + 164, y + 26, "+20 %", {.anchor = "end", .size = 11});
}

absl::StatusOr<std::string> DrawLosses(const json& report) {
  ASSIGN_OR_RETURN(const Matrix matrix, ReadMatrix(report));
  constexpr double kLeft = 190, kTop = 150, kWidth = 66, kHeight = 24;
  const double width = kLeft + kWidth * static_cast<double>(matrix.columns.size()) + 70;
  const double height = kTop + kHeight * static_cast<double>(matrix.rows.size()) + 70;
  SvgCanvas canvas(std::max(width, 420.0), height);
  canvas.Text(16, 28, "Loss of every model on every domain", {.size = 16, .bold = true});
  canvas.Text(16, 46, "nats/token on the evaluation part; lower is better", {.colour = "#555555"});
  const size_t mixtures = matrix.rows.size() - 4;
  const auto row_y = [&](size_t row) {
    return kTop + kHeight * static_cast<double>(row) + (row >= mixtures ? 8 : 0);
  };
  for (size_t row = 0; row < matrix.rows.size(); ++row) {
    canvas.Text(kLeft - 10, row_y(row) + 16, Shortened(matrix.rows[row], kLabelCharacters),
                {.anchor = "end", .bold = matrix.rows[row] == "fused"});
  }
  for (size_t column = 0; column < matrix.columns.size(); ++column) {
    const bool mean = column + 1 == matrix.columns.size();
    const double x = kLeft + kWidth * static_cast<double>(column) + (mean ? 8 : 0);
    canvas.Text(x + kWidth / 2, kTop - 10, Shortened(matrix.columns[column], kLabelCharacters),
                {.turned = -28, .bold = mean});
    for (size_t row = 0; row < matrix.rows.size(); ++row) {
      const double loss = matrix.loss[column][row];
      const double relative = loss / matrix.loss[column][0] - 1;
      canvas.Rectangle(
          {.x = x, .y = row_y(row), .width = kWidth - 1, .height = kHeight - 1},
          HeatColour(relative),
          absl::StrFormat("%s on %s: %.4f nats/token, %+.1f %% against the base", matrix.rows[row],
                          matrix.columns[column], loss, 100 * relative));
      canvas.Text(x + kWidth / 2, row_y(row) + 16, absl::StrFormat("%.3f", loss),
                  {.anchor = "middle",
                   .colour = std::abs(relative) > 0.14 ? "#ffffff" : "#222222",
                   .bold = matrix.rows[row] == "fused"});
    }
  }
  DrawHeatLegend(kLeft, height - 38, canvas);
  return canvas.Finish();
}

struct GateSeries {
  std::string label;
  std::vector<double> weight;  // [rows]
  const char* colour = "";
};

absl::StatusOr<std::vector<double>> ParsePermille(const json& line) {
  if (!line.is_string()) return Lacks("spliced.example.weights_permille");
  std::vector<double> weights;
  for (const absl::string_view word :
       absl::StrSplit(line.get_ref<const std::string&>(), ' ', absl::SkipEmpty())) {
    int64_t value = 0;
    if (!absl::SimpleAtoi(word, &value) || value < 0 || value > 1000) {
      return Lacks("spliced.example.weights_permille");
    }
    weights.push_back(static_cast<double>(value) / 1000);
  }
  return weights;
}

// The base and the experts that weigh most, in the order of the experts.
absl::StatusOr<std::vector<GateSeries>> ReadGate(const json& report, const json& example) {
  ASSIGN_OR_RETURN(const std::vector<std::string> labels, ExpertLabels(report));
  ASSIGN_OR_RETURN(const json lines, ListAt(example, "weights_permille"));
  if (lines.size() != labels.size()) return Lacks("spliced.example.weights_permille");
  std::vector<GateSeries> all;
  std::vector<std::pair<double, size_t>> mass;
  for (size_t i = 0; i < labels.size(); ++i) {
    ASSIGN_OR_RETURN(std::vector<double> weight, ParsePermille(lines[i]));
    if (weight.size() < 2 || (i > 0 && weight.size() != all[0].weight.size())) {
      return Lacks("spliced.example.weights_permille");
    }
    double sum = 0;
    for (const double value : weight) sum += value;
    mass.emplace_back(i == 0 ? 1e9 : sum, i);
    all.push_back({.label = labels[i], .weight = std::move(weight)});
  }
  std::sort(mass.rbegin(), mass.rend());
  mass.resize(std::min(mass.size(), kExpertsShown));
  std::sort(mass.begin(), mass.end(), [](auto a, auto b) { return a.second < b.second; });
  std::vector<GateSeries> shown;
  for (const auto& [sum, index] : mass) {
    shown.push_back(std::move(all[index]));
    shown.back().colour = kColours[shown.size() - 1];
  }
  return shown;
}

absl::StatusOr<std::string> DrawGate(const json& report, const json& example) {
  ASSIGN_OR_RETURN(const std::vector<GateSeries> series, ReadGate(report, example));
  ASSIGN_OR_RETURN(const std::string first, JsonString(example, "first"));
  ASSIGN_OR_RETURN(const std::string second, JsonString(example, "second"));
  ASSIGN_OR_RETURN(const int64_t change, JsonInt(example, "change"));
  // Of a long text every stride-th row is there; reports of earlier versions have them all.
  int64_t stride = 1;
  if (example.contains("stride")) {
    ASSIGN_OR_RETURN(stride, JsonInt(example, "stride"));
  }
  if (stride < 1 || stride > limits::kChunkTokensMax) return Lacks("spliced.example.stride");
  const size_t rows = series[0].weight.size();
  if (change < 0 || change > stride * static_cast<int64_t>(rows)) {
    return Lacks("spliced.example.change");
  }
  constexpr double kLeft = 56, kTop = 84, kWidth = 700, kHeight = 220;
  SvgCanvas canvas(kLeft + kWidth + 200, kTop + kHeight + 60);
  canvas.Text(16, 28, "Who speaks while a text changes its subject", {.size = 16, .bold = true});
  canvas.Text(16, 46,
              "weight of each expert while a token is predicted; half of one text, then half of "
              "another",
              {.colour = "#555555"});
  const auto x_of = [&](double row) { return kLeft + kWidth * row / static_cast<double>(rows); };
  std::vector<double> below(rows, 0);
  for (const GateSeries& one : series) {
    // Steps, because a weight is that of one token: there is nothing between two tokens.
    std::vector<SvgPoint> outline;
    for (size_t t = 0; t < rows; ++t) {
      const double y = kTop + kHeight * (1 - std::min(1.0, below[t] + one.weight[t]));
      outline.push_back({x_of(static_cast<double>(t)), y});
      outline.push_back({x_of(static_cast<double>(t) + 1), y});
    }
    for (size_t t = rows; t-- > 0;) {
      const double y = kTop + kHeight * (1 - std::min(1.0, below[t]));
      outline.push_back({x_of(static_cast<double>(t) + 1), y});
      outline.push_back({x_of(static_cast<double>(t)), y});
      below[t] += one.weight[t];
    }
    canvas.Polygon(outline, one.colour, one.label);
  }
  const double middle = x_of(static_cast<double>(change) / static_cast<double>(stride));
  canvas.Line({middle, kTop - 18}, {middle, kTop + kHeight}, "#000000", 1.5, "5 3");
  canvas.Text(middle - 8, kTop - 8, Shortened(first, kLabelCharacters),
              {.anchor = "end", .bold = true});
  canvas.Text(middle + 8, kTop - 8, Shortened(second, kLabelCharacters), {.bold = true});
  for (const double share : {0.0, 0.5, 1.0}) {
    const double y = kTop + kHeight * (1 - share);
    canvas.Line({kLeft - 4, y}, {kLeft, y}, "#222222");
    canvas.Text(kLeft - 8, y + 4, absl::StrFormat("%.0f %%", 100 * share), {.anchor = "end"});
  }
  const size_t tick = rows > 100 ? 32 : 8;
  for (size_t t = 0; t <= rows; t += tick) {
    canvas.Text(x_of(static_cast<double>(t)), kTop + kHeight + 18,
                absl::StrCat(static_cast<int64_t>(t) * stride), {.anchor = "middle"});
  }
  canvas.Text(kLeft + kWidth / 2, kTop + kHeight + 42, "tokens read", {.anchor = "middle"});
  for (size_t i = 0; i < series.size(); ++i) {
    const double y = kTop + 22 * static_cast<double>(i);
    canvas.Rectangle({.x = kLeft + kWidth + 20, .y = y, .width = 14, .height = 14},
                     series[i].colour);
    canvas.Text(kLeft + kWidth + 40, y + 12, Shortened(series[i].label, kLabelCharacters - 4), {});
  }
  return canvas.Finish();
}

struct TrainingCurve {
  std::vector<double> step;
  std::vector<double> loss;
  std::vector<double> alpha;
};

absl::StatusOr<TrainingCurve> ReadTraining(const json& trajectory) {
  TrainingCurve curve;
  for (const json& point : trajectory) {
    ASSIGN_OR_RETURN(curve.step.emplace_back(), JsonNumber(point, "step"));
    ASSIGN_OR_RETURN(curve.loss.emplace_back(), JsonNumber(point, "loss"));
    ASSIGN_OR_RETURN(curve.alpha.emplace_back(), JsonNumber(point, "alpha"));
  }
  return curve;
}

struct Panel {
  double top = 0;
  const char* title = "";
  const char* colour = "";
  const char* format = "";
};

void DrawPanel(const Panel& panel, const std::vector<double>& step,
               const std::vector<double>& values, bool mean, SvgCanvas& canvas) {
  constexpr double kLeft = 72, kWidth = 620, kHeight = 130;
  double low = *std::min_element(values.begin(), values.end());
  double high = *std::max_element(values.begin(), values.end());
  const double room = std::max((high - low) * 0.08, std::abs(high) * 1e-6 + 1e-12);
  low = low >= 0 ? std::max(0.0, low - room) : low - room;
  high += room;
  const auto place = [&](size_t i, double value) {
    return SvgPoint{kLeft + kWidth * step[i] / step.back(),
                    panel.top + kHeight * (1 - (value - low) / (high - low))};
  };
  canvas.Text(kLeft, panel.top - 8, panel.title, {.bold = true});
  canvas.Rectangle({.x = kLeft, .y = panel.top, .width = kWidth, .height = kHeight}, "#f5f5f5");
  for (const double share : {0.0, 0.5, 1.0}) {
    const double y = panel.top + kHeight * (1 - share);
    canvas.Line({kLeft, y}, {kLeft + kWidth, y}, "#d8d8d8");
    canvas.Text(
        kLeft - 8, y + 4,
        absl::StrFormat(*absl::ParsedFormat<'f'>::New(panel.format), low + (high - low) * share),
        {.anchor = "end", .size = 11});
  }
  std::vector<SvgPoint> points;
  std::vector<SvgPoint> smooth;
  for (size_t i = 0; i < values.size(); ++i) {
    points.push_back(place(i, values[i]));
    // The batches differ more than the router moves: a mean over seven points shows the movement.
    const size_t from = i < 3 ? 0 : i - 3;
    const size_t to = std::min(i + 4, values.size());
    double sum = 0;
    for (size_t k = from; k < to; ++k) sum += values[k];
    smooth.push_back(place(i, sum / static_cast<double>(to - from)));
  }
  canvas.Polyline(points, mean ? "#b5cfe0" : panel.colour, mean ? 1 : 2);
  if (mean) canvas.Polyline(smooth, panel.colour, 2);
}

absl::StatusOr<std::string> DrawTraining(const json& report, const json& trajectory) {
  ASSIGN_OR_RETURN(const TrainingCurve curve, ReadTraining(trajectory));
  SvgCanvas canvas(730, 410);
  canvas.Text(16, 28, "The router's training", {.size = 16, .bold = true});
  const json& router = report.at("router");
  ASSIGN_OR_RETURN(const std::string rung, JsonString(router, "rung"));
  canvas.Text(16, 46, absl::StrCat("the ", rung, " router is kept"), {.colour = "#555555"});
  DrawPanel({.top = 84,
             .title = "loss of the batch, nats/token (bold: mean over seven points)",
             .colour = "#0072b2",
             .format = "%.3f"},
            curve.step, curve.loss, /*mean=*/true, canvas);
  DrawPanel({.top = 248,
             .title = "alpha: how often a text changes its subject, per token",
             .colour = "#d55e00",
             .format = "%.5f"},
            curve.step, curve.alpha, /*mean=*/false, canvas);
  for (int i = 0; i <= 5; ++i) {
    canvas.Text(72 + 124.0 * i, 396, absl::StrFormat("%.0f", curve.step.back() * i / 5),
                {.anchor = i == 5 ? "end" : "middle"});
  }
  return canvas.Finish();
}

}  // namespace

absl::StatusOr<std::vector<ReportPlot>> DrawReportPlots(const json& report) {
  if (!report.is_object()) return Lacks("report");
  std::vector<ReportPlot> plots;
  ASSIGN_OR_RETURN(std::string losses, DrawLosses(report));
  plots.push_back({.file = "losses.svg", .title = "loss matrix", .svg = std::move(losses)});
  if (report.contains("spliced") && report.at("spliced").is_object() &&
      report.at("spliced").contains("example") && report.at("spliced").at("example").is_object()) {
    ASSIGN_OR_RETURN(std::string gate, DrawGate(report, report.at("spliced").at("example")));
    plots.push_back({.file = "gate.svg",
                     .title = "gate over a text that changes its subject",
                     .svg = std::move(gate)});
  }
  ASSIGN_OR_RETURN(const json trajectory, ListAt(report, "router.trajectory"));
  if (trajectory.size() > 1) {
    ASSIGN_OR_RETURN(std::string training, DrawTraining(report, trajectory));
    plots.push_back(
        {.file = "training.svg", .title = "the router's training", .svg = std::move(training)});
  }
  return plots;
}

absl::Status WriteReportDirectory(const std::string& directory, const std::string& report_json,
                                  const std::string& report_markdown) {
  ASSIGN_OR_RETURN(const json report, ReadJson(report_json, {.bytes_max = kReportBytesMax}));
  ASSIGN_OR_RETURN(const std::vector<ReportPlot> plots, DrawReportPlots(report));
  RETURN_IF_ERROR(EnsureDirectory(directory, 0755));
  std::string page = report_markdown;
  absl::StrAppend(&page, "\n## Plots\n\n");
  for (const ReportPlot& plot : plots) {
    RETURN_IF_ERROR(WriteFileAtomically(absl::StrCat(directory, "/", plot.file), plot.svg));
    absl::StrAppend(&page, "![", plot.title, "](", plot.file, ")\n\n");
  }
  RETURN_IF_ERROR(WriteFileAtomically(absl::StrCat(directory, "/report.json"), report_json));
  return WriteFileAtomically(absl::StrCat(directory, "/report.md"), page);
}

}  // namespace kalavai::coordinator
