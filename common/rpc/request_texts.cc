#include "common/rpc/request_texts.h"

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/base/utf8.h"

namespace kalavai {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

absl::Status CheckText(const std::string& field, const std::string& text) {
  const int64_t offset = ValidUtf8Prefix(text);
  if (offset == static_cast<int64_t>(text.size())) return absl::OkStatus();
  return MakeError(
      absl::StatusCode::kInvalidArgument, "FIELD_INVALID",
      {.what = absl::StrCat(field, ": byte ", offset, " is not UTF-8; the whole text must be"),
       .fix = "write it in UTF-8: the terminal or the script that typed it uses another encoding",
       .metadata = {{"field", field}, {"offset", absl::StrCat(offset)}}});
}

absl::Status CheckTexts(const Message& message, const std::string& prefix) {
  const Reflection& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* const field : fields) {
    const std::string name = absl::StrCat(prefix, field->name());
    const bool repeated = field->is_repeated();
    const int count = repeated ? reflection.FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      if (field->type() == FieldDescriptor::TYPE_STRING) {
        RETURN_IF_ERROR(CheckText(name, repeated ? reflection.GetRepeatedString(message, field, i)
                                                 : reflection.GetString(message, field)));
      } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        RETURN_IF_ERROR(CheckTexts(repeated ? reflection.GetRepeatedMessage(message, field, i)
                                            : reflection.GetMessage(message, field),
                                   name + "."));
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckRequestTexts(const Message& request) { return CheckTexts(request, ""); }

}  // namespace kalavai
