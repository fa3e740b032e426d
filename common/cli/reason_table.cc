#include "common/cli/reason_table.h"

#include <algorithm>

#include "kalavai/v1/error_reason.pb.h"

namespace kalavai {
namespace {

ReasonRow RowOf(const google::protobuf::EnumValueDescriptor& value) {
  const auto& options = value.options();
  const int exit_code = options.GetExtension(v1::exit_code);
  return {.reason = std::string(value.name()),
          .when = options.GetExtension(v1::when),
          .fix = options.GetExtension(v1::fix),
          .exit_code = exit_code == 0 ? 1 : exit_code};
}

}  // namespace

std::vector<ReasonRow> ReasonRows() {
  std::vector<ReasonRow> rows;
  const auto* const table = v1::ErrorReason_descriptor();
  for (int i = 0; i < table->value_count(); ++i) {
    if (table->value(i)->number() != 0) rows.push_back(RowOf(*table->value(i)));
  }
  std::sort(rows.begin(), rows.end(),
            [](const ReasonRow& a, const ReasonRow& b) { return a.reason < b.reason; });
  return rows;
}

std::optional<ReasonRow> FindReason(absl::string_view reason) {
  const auto* const value = v1::ErrorReason_descriptor()->FindValueByName(std::string(reason));
  if (value == nullptr || value->number() == 0) return std::nullopt;
  return RowOf(*value);
}

}  // namespace kalavai
