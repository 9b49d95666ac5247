#include "hourglass/train/checkpoint.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "hourglass/base/status.h"
#include "hourglass/train/config_json.h"
#include "hourglass/train/graphs.h"
#include "hourglass/train/host_values.h"

namespace hourglass {
namespace {

constexpr char kFormat[] = "hourglass-checkpoint-2";
constexpr const char* kReservedKeys[] = {"format", "config", "step", "optimizer", "sha256"};

// One family of tensors: the parameters or a moment.
struct Family {
  std::string file_prefix, state_prefix;
};
const Family kParameterFamily{"", ""};
const Family kMomentFamilies[] = {{"adam_m.", "adam_m/"}, {"adam_v.", "adam_v/"}};

std::vector<Family> Families(bool optimizer) {
  std::vector<Family> families{kParameterFamily};
  if (optimizer)
    families.insert(families.end(), std::begin(kMomentFamilies), std::end(kMomentFamilies));
  return families;
}

struct FoundPart {
  const Parameter* parameter;
  const ParameterPart* part;
};

absl::StatusOr<FoundPart> FindPart(const ParameterTable& parameters, std::string_view name) {
  for (const Parameter& parameter : parameters.parameters()) {
    for (const ParameterPart& part : parameter.parts) {
      if (part.name == name) return FoundPart{&parameter, &part};
    }
  }
  return absl::NotFoundError(absl::StrCat("no parameter is called '", std::string(name), "'"));
}

bool IsFloatingFile(FileDType dtype) {
  return dtype == FileDType::kF64 || dtype == FileDType::kF32 || dtype == FileDType::kBF16;
}

absl::Status CheckTensors(const ParameterTable& parameters, const Safetensors& file,
                          const std::string& prefix) {
  for (const Parameter& parameter : parameters.parameters()) {
    for (const ParameterPart& part : parameter.parts) {
      const std::string name = prefix + part.name;
      HG_ASSIGN_OR_RETURN(const FileTensor tensor, file.Find(name));
      if (!(tensor.shape == part.shape) || !IsFloatingFile(tensor.dtype)) {
        return absl::DataLossError(absl::StrCat(
            file.path(), ": tensor '", name, "': is ", std::string(Name(tensor.dtype)),
            tensor.shape.ToString(), ", the model wants floating ", part.shape.ToString()));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status FillState(State& state, const ParameterTable& parameters, const Safetensors& file,
                       const std::string& prefix, const std::string& state_prefix) {
  for (const Parameter& parameter : parameters.parameters()) {
    std::vector<double> stored(static_cast<size_t>(parameter.shape.Elements()));
    for (const ParameterPart& part : parameter.parts) {
      HG_ASSIGN_OR_RETURN(const std::vector<double> values, file.ReadDoubles(prefix + part.name));
      CopyPartIn(parameter, part, values.data(), stored.data());
    }
    HG_RETURN_IF_ERROR(WriteState(state, state_prefix + parameter.name, stored));
  }
  return absl::OkStatus();
}

FileDType FileDTypeOf(DType dtype) {
  switch (dtype) {
    case DType::kF64:
      return FileDType::kF64;
    case DType::kBF16:
      return FileDType::kBF16;
    default:
      return FileDType::kF32;
  }
}

absl::Status AddFamily(SafetensorsWriter& writer, const State& state,
                       const ParameterTable& parameters, const Family& family) {
  for (const Parameter& parameter : parameters.parameters()) {
    HG_ASSIGN_OR_RETURN(const TensorView view, state.Find(family.state_prefix + parameter.name));
    const DType dtype = view.spec.dtype;
    for (const ParameterPart& part : parameter.parts) {
      const auto source = [&state, &parameters, name = part.name, prefix = family.state_prefix,
                           dtype](std::span<std::byte> out) -> absl::Status {
        HG_ASSIGN_OR_RETURN(const std::vector<double> values,
                            ReadTensor(state, parameters, name, prefix));
        FromDoubles(values, dtype, out);
        return absl::OkStatus();
      };
      writer.Add(family.file_prefix + part.name, FileDTypeOf(dtype), part.shape, source);
    }
  }
  return absl::OkStatus();
}

absl::Status NotACheckpoint(const Safetensors& file, const std::string& what) {
  return absl::DataLossError(absl::StrCat(file.path(), ": is not a checkpoint: ", what));
}

absl::Status CheckFormat(const Safetensors& file) {
  HG_ASSIGN_OR_RETURN(const std::string format, file.Metadata("format"));
  if (format == kFormat) return absl::OkStatus();
  return NotACheckpoint(file, absl::StrCat("its format is '", format, "', not '", kFormat, "'"));
}

absl::StatusOr<CheckpointInfo> ParseInfo(const Safetensors& file) {
  HG_RETURN_IF_ERROR(CheckFormat(file));
  HG_RETURN_IF_ERROR(file.CheckSeal());
  CheckpointInfo info;
  info.metadata = file.metadata();
  HG_ASSIGN_OR_RETURN(const std::string config, file.Metadata("config"));
  HG_ASSIGN_OR_RETURN(const std::string step, file.Metadata("step"));
  HG_ASSIGN_OR_RETURN(const std::string optimizer, file.Metadata("optimizer"));
  auto model = ModelConfigFromJson(config);
  if (!model.ok()) return NotACheckpoint(file, std::string(model.status().message()));
  info.model = *std::move(model);
  if (!absl::SimpleAtoi(step, &info.step) || info.step < 0) {
    return NotACheckpoint(file, absl::StrCat("its step is '", step, "'"));
  }
  if (optimizer != "0" && optimizer != "1") {
    return NotACheckpoint(file, absl::StrCat("its optimizer entry is '", optimizer, "'"));
  }
  info.optimizer = optimizer == "1";
  for (const char* key : kReservedKeys) info.metadata.erase(key);
  return info;
}

}  // namespace

absl::Status InitialiseParameters(State& state, const ParameterTable& parameters, uint64_t seed) {
  for (const Parameter& parameter : parameters.parameters()) {
    HG_RETURN_IF_ERROR(WriteState(state, parameter.name, InitialValues(parameter, seed)));
    const std::vector<double> zeros(static_cast<size_t>(parameter.shape.Elements()));
    for (const std::string& moment : {AdamMName(parameter.name), AdamVName(parameter.name)}) {
      if (state.spec().Find(moment) == nullptr) continue;
      HG_RETURN_IF_ERROR(WriteState(state, moment, zeros));
    }
  }
  return absl::OkStatus();
}

absl::Status LoadParameters(State& state, const ParameterTable& parameters, const Safetensors& file,
                            const std::string& prefix, const std::string& state_prefix) {
  HG_RETURN_IF_ERROR(CheckTensors(parameters, file, prefix));
  return FillState(state, parameters, file, prefix, state_prefix);
}

absl::StatusOr<std::vector<double>> ReadTensor(const State& state, const ParameterTable& parameters,
                                               std::string_view canonical_name,
                                               const std::string& state_prefix) {
  HG_ASSIGN_OR_RETURN(const FoundPart found, FindPart(parameters, canonical_name));
  HG_ASSIGN_OR_RETURN(const std::vector<double> stored,
                      ReadState(state, state_prefix + found.parameter->name));
  std::vector<double> values(static_cast<size_t>(found.part->shape.Elements()));
  CopyPartOut(*found.parameter, *found.part, stored.data(), values.data());
  return values;
}

absl::Status WriteTensor(State& state, const ParameterTable& parameters,
                         std::string_view canonical_name, const std::vector<double>& values,
                         const std::string& state_prefix) {
  HG_ASSIGN_OR_RETURN(const FoundPart found, FindPart(parameters, canonical_name));
  if (static_cast<int64_t>(values.size()) != found.part->shape.Elements()) {
    return absl::InvalidArgumentError(absl::StrCat("parameter '", std::string(canonical_name),
                                                   "' is ", found.part->shape.ToString(), ", got ",
                                                   values.size(), " values"));
  }
  const std::string name = state_prefix + found.parameter->name;
  HG_ASSIGN_OR_RETURN(std::vector<double> stored, ReadState(state, name));
  CopyPartIn(*found.parameter, *found.part, values.data(), stored.data());
  return WriteState(state, name, stored);
}

absl::Status SaveCheckpoint(const std::string& path, const State& state,
                            const ParameterTable& parameters, const CheckpointInfo& info) {
  SafetensorsWriter writer;
  writer.Seal();
  for (const auto& [key, value] : info.metadata) writer.SetMetadata(key, value);
  for (const char* key : kReservedKeys) {
    if (info.metadata.count(key) == 0) continue;
    return absl::InvalidArgumentError(absl::StrCat("checkpoint metadata may not set '", key, "'"));
  }
  writer.SetMetadata("format", kFormat);
  writer.SetMetadata("config", ModelConfigToJson(info.model));
  writer.SetMetadata("step", absl::StrCat(info.step));
  writer.SetMetadata("optimizer", info.optimizer ? "1" : "0");
  for (const Family& family : Families(info.optimizer)) {
    HG_RETURN_IF_ERROR(AddFamily(writer, state, parameters, family));
  }
  return writer.Write(path);
}

absl::StatusOr<CheckpointInfo> ReadCheckpointInfo(const std::string& path) {
  HG_ASSIGN_OR_RETURN(const Safetensors file, Safetensors::Open(path));
  return ParseInfo(file);
}

absl::StatusOr<CheckpointInfo> LoadCheckpoint(const std::string& path, State& state,
                                              const ParameterTable& parameters,
                                              const ModelConfig& model, bool optimizer) {
  HG_ASSIGN_OR_RETURN(const Safetensors file, Safetensors::Open(path));
  HG_ASSIGN_OR_RETURN(CheckpointInfo info, ParseInfo(file));
  if (const std::string fields = DifferingFields(info.model, model); !fields.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        path, ": is a checkpoint of another model (field: checkpoint, wanted): ", fields));
  }
  if (optimizer && !info.optimizer) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": has no optimizer state, training cannot go on from it"));
  }
  for (const Family& family : Families(optimizer)) {
    HG_RETURN_IF_ERROR(CheckTensors(parameters, file, family.file_prefix));
  }
  for (const Family& family : Families(optimizer)) {
    HG_RETURN_IF_ERROR(FillState(state, parameters, file, family.file_prefix, family.state_prefix));
  }
  return info;
}

}  // namespace hourglass
