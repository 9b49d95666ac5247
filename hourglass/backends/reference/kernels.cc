#include "hourglass/backends/reference/kernels.h"

namespace hourglass::reference {

KernelTable MakeKernelTable() {
  KernelTable table;
  table.Add<AddOp>(MakeAdd);
  table.Add<CastOp>(MakeCast);
  table.Add<FillOp>(MakeFill);
  table.Add<MatmulOp>(MakeMatmul);
  table.Add<LayerNormOp>(MakeLayerNorm);
  table.Add<LayerNormGradOp>(MakeLayerNormGrad);
  table.Add<ResidualNormOp>(MakeResidualNorm);
  table.Add<ResidualNormGradOp>(MakeResidualNormGrad);
  table.Add<AttentionOp>(MakeAttention);
  table.Add<AttentionGradOp>(MakeAttentionGrad);
  table.Add<RotaryOp>(MakeRotary);
  table.Add<PoolOp>(MakePool);
  table.Add<RepeatOp>(MakeRepeat);
  table.Add<EmbeddingOp>(MakeEmbedding);
  table.Add<EmbeddingGradOp>(MakeEmbeddingGrad);
  table.Add<CrossEntropyOp>(MakeCrossEntropy);
  table.Add<CrossEntropyGradOp>(MakeCrossEntropyGrad);
  table.Add<GeluOp>(MakeGelu);
  table.Add<GeluGradOp>(MakeGeluGrad);
  table.Add<DropoutOp>(MakeDropout);
  table.Add<ResidualOp>(MakeResidual);
  table.Add<ShiftRowsOp>(MakeShiftRows);
  table.Add<ColumnSumOp>(MakeColumnSum);
  table.Add<AccumulateOp>(MakeAccumulate);
  table.Add<SumSquaresOp>(MakeSumSquares);
  table.Add<AdamOp>(MakeAdam);
  return table;
}

}  // namespace hourglass::reference
