#include "coordinator/admin/message_json.h"

#include <string>

#include "google/protobuf/timestamp.pb.h"

#include "common/base/check.h"
#include "common/rpc/timestamp.h"

namespace kalavai::coordinator {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

nlohmann::json SubMessageJson(const Message& message) {
  if (message.GetDescriptor() == google::protobuf::Timestamp::descriptor()) {
    google::protobuf::Timestamp timestamp;
    timestamp.CopyFrom(message);
    return absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", FromTimestamp(timestamp), absl::UTCTimeZone());
  }
  return MessageJson(message);
}

// Value number `index` of a repeated field, or the value of a singular one (index -1).
nlohmann::json ValueJson(const Message& message, const FieldDescriptor* field, int index) {
  const Reflection& read = *message.GetReflection();
  const bool one = index < 0;
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return one ? read.GetInt32(message, field) : read.GetRepeatedInt32(message, field, index);
    case FieldDescriptor::CPPTYPE_INT64:
      return one ? read.GetInt64(message, field) : read.GetRepeatedInt64(message, field, index);
    case FieldDescriptor::CPPTYPE_UINT32:
      return one ? read.GetUInt32(message, field) : read.GetRepeatedUInt32(message, field, index);
    case FieldDescriptor::CPPTYPE_UINT64:
      return one ? read.GetUInt64(message, field) : read.GetRepeatedUInt64(message, field, index);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return one ? read.GetDouble(message, field) : read.GetRepeatedDouble(message, field, index);
    case FieldDescriptor::CPPTYPE_FLOAT:
      return one ? read.GetFloat(message, field) : read.GetRepeatedFloat(message, field, index);
    case FieldDescriptor::CPPTYPE_BOOL:
      return one ? read.GetBool(message, field) : read.GetRepeatedBool(message, field, index);
    case FieldDescriptor::CPPTYPE_ENUM:
      return one ? read.GetEnum(message, field)->name()
                 : read.GetRepeatedEnum(message, field, index)->name();
    case FieldDescriptor::CPPTYPE_STRING:
      return one ? read.GetString(message, field) : read.GetRepeatedString(message, field, index);
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return SubMessageJson(one ? read.GetMessage(message, field)
                                : read.GetRepeatedMessage(message, field, index));
  }
  return nullptr;
}

}  // namespace

nlohmann::json MessageJson(const Message& message) {
  const google::protobuf::Descriptor& type = *message.GetDescriptor();
  const Reflection& read = *message.GetReflection();
  nlohmann::json object = nlohmann::json::object();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor* const field = type.field(i);
    KALAVAI_CHECK(!field->is_map(), "the API has no maps");
    nlohmann::json& value = object[field->name()];
    if (field->is_repeated()) {
      value = nlohmann::json::array();
      for (int k = 0; k < read.FieldSize(message, field); ++k) {
        value.push_back(ValueJson(message, field, k));
      }
    } else if (field->has_presence() && !read.HasField(message, field)) {
      object.erase(field->name());
    } else {
      value = ValueJson(message, field, -1);
    }
  }
  return object;
}

}  // namespace kalavai::coordinator
