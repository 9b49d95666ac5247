#include "hourglass/runtime/state.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "hourglass/base/check.h"
#include "hourglass/base/status.h"

namespace hourglass {
namespace {

constexpr int64_t kAlignment = 64;

int64_t RoundUp(int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

}  // namespace

int StateSpec::ArenaIndex(const std::string& name, DType dtype) {
  for (size_t i = 0; i < arenas_.size(); ++i) {
    if (arenas_[i].name != name) continue;
    HG_CHECK(arenas_[i].dtype == dtype);
    return static_cast<int>(i);
  }
  const int index = static_cast<int>(arenas_.size());
  arenas_.push_back({name, dtype, 0});
  whole_.push_back({name, index, 0, {Shape{0}, dtype}});
  return index;
}

void StateSpec::Add(const std::string& arena, const std::string& name, TensorSpec spec) {
  const int index = ArenaIndex(arena, spec.dtype);
  Arena& target = arenas_[static_cast<size_t>(index)];
  const int64_t size = static_cast<int64_t>(SizeOf(spec.dtype));
  const int64_t offset = target.elements * size;
  target.elements += RoundUp(spec.Bytes()) / size;
  whole_[static_cast<size_t>(index)].spec.shape = Shape{target.elements};
  HG_CHECK(by_name_.emplace(name, static_cast<int>(entries_.size())).second);
  entries_.push_back({name, index, offset, std::move(spec)});
}

const StateSpec::Entry* StateSpec::Find(std::string_view name) const {
  const auto found = by_name_.find(std::string(name));
  if (found != by_name_.end()) return &entries_[static_cast<size_t>(found->second)];
  for (const Entry& whole : whole_) {
    if (whole.name == name) return &whole;
  }
  return nullptr;
}

int64_t StateSpec::TotalBytes() const {
  int64_t bytes = 0;
  for (const Entry& whole : whole_) bytes += whole.spec.Bytes();
  return bytes;
}

absl::StatusOr<std::shared_ptr<State>> State::Create(StateSpec spec,
                                                     std::shared_ptr<Backend> backend) {
  std::shared_ptr<State> state(new State(std::move(spec), std::move(backend)));
  for (const StateSpec::Arena& arena : state->spec_.arenas()) {
    const size_t bytes = static_cast<size_t>(arena.elements) * SizeOf(arena.dtype);
    HG_ASSIGN_OR_RETURN(Backend::Buffer buffer, state->backend_->Allocate(bytes));
    state->arenas_.push_back(std::move(buffer));
  }
  return state;
}

absl::StatusOr<TensorView> State::Find(std::string_view name) const {
  const StateSpec::Entry* entry = spec_.Find(name);
  if (entry == nullptr) {
    return absl::NotFoundError(absl::StrCat("no state buffer is called '", std::string(name), "'"));
  }
  std::byte* base = arenas_[static_cast<size_t>(entry->arena)].get();
  return TensorView{entry->spec, base + entry->byte_offset};
}

absl::Status State::Upload(std::string_view name, const void* host, size_t bytes) {
  HG_ASSIGN_OR_RETURN(const TensorView view, Find(name));
  if (static_cast<int64_t>(bytes) != view.spec.Bytes()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "state '", std::string(name), "' is ", view.spec.ToString(), ", got ", bytes, " bytes"));
  }
  return backend_->Upload(view.data, host, bytes);
}

absl::Status State::Download(std::string_view name, void* host, size_t bytes) const {
  HG_ASSIGN_OR_RETURN(const TensorView view, Find(name));
  if (static_cast<int64_t>(bytes) != view.spec.Bytes()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "state '", std::string(name), "' is ", view.spec.ToString(), ", wanted ", bytes, " bytes"));
  }
  return backend_->Download(host, view.data, bytes);
}

}  // namespace hourglass
