#include "hourglass/train/price.h"

#include "hourglass/base/status.h"
#include "hourglass/runtime/memory_plan.h"

namespace hourglass {

absl::StatusOr<TrainingPrice> PriceTraining(const LanguageModel& model, const StepShape& shape,
                                            const RecomputeSettings& recompute, Backend* backend) {
  HG_ASSIGN_OR_RETURN(const ParameterTable parameters, ParametersOf(model));
  HG_ASSIGN_OR_RETURN(RecordedStep step, BuildAccumulateGraph(model, shape));
  const StateSpec state = MakeStateSpec(parameters, shape.dtype, /*training=*/true);
  HG_ASSIGN_OR_RETURN(const Graph update, BuildUpdateGraph(state, AdamSettings{}));
  TrainingPrice price;
  price.parameters = parameters.CountElements();
  price.forward = step.graph.CountFlops(0, step.forward_nodes);
  price.backward = step.graph.CountFlops(step.forward_nodes);
  price.update = update.CountFlops();
  HG_ASSIGN_OR_RETURN(price.recomputed, ApplyRecompute(recompute, state, update, backend, step));
  HG_ASSIGN_OR_RETURN(const MemoryPlan accumulate_plan, PlanMemory(step.graph, state, {}));
  HG_ASSIGN_OR_RETURN(const MemoryPlan update_plan, PlanMemory(update, state, {}));
  price.state_bytes = state.TotalBytes();
  price.planned_bytes = accumulate_plan.PeakBytes() + update_plan.PeakBytes() - price.state_bytes;
  return price;
}

}  // namespace hourglass
