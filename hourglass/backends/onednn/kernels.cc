#include "hourglass/backends/onednn/kernels.h"

#include "hourglass/backends/onednn/attention.h"
#include "hourglass/backends/onednn/cast.h"
#include "hourglass/backends/onednn/dropout.h"
#include "hourglass/backends/onednn/elementwise.h"
#include "hourglass/backends/onednn/embedding.h"
#include "hourglass/backends/onednn/layout.h"
#include "hourglass/backends/onednn/loss.h"
#include "hourglass/backends/onednn/matmul.h"
#include "hourglass/backends/onednn/norm.h"
#include "hourglass/backends/onednn/optimizer.h"
#include "hourglass/backends/onednn/pooling.h"
#include "hourglass/backends/onednn/rotary.h"

namespace hourglass::onednn {
namespace {

KernelTable MakeTable() {
  KernelTable table;
  table.Add<AccumulateOp>(MakeAccumulate);
  table.Add<AdamOp>(MakeAdam);
  table.Add<AddOp>(MakeAdd);
  table.Add<AttentionGradOp>(MakeAttentionGrad);
  table.Add<AttentionOp>(MakeAttention);
  table.Add<CastOp>(MakeCast);
  table.Add<ColumnSumOp>(MakeColumnSum);
  table.Add<CrossEntropyGradOp>(MakeCrossEntropyGrad);
  table.Add<CrossEntropyOp>(MakeCrossEntropy);
  table.Add<DropoutOp>(MakeDropout);
  table.Add<EmbeddingGradOp>(MakeEmbeddingGrad);
  table.Add<EmbeddingOp>(MakeEmbedding);
  table.Add<FillOp>(MakeFill);
  table.Add<GeluGradOp>(MakeGeluGrad);
  table.Add<GeluOp>(MakeGelu);
  table.Add<LayerNormGradOp>(MakeLayerNormGrad);
  table.Add<LayerNormOp>(MakeLayerNorm);
  table.Add<MatmulOp>(MakeMatmul);
  table.Add<PoolOp>(MakePool);
  table.Add<RepeatOp>(MakeRepeat);
  table.Add<ResidualNormGradOp>(MakeResidualNormGrad);
  table.Add<ResidualNormOp>(MakeResidualNorm);
  table.Add<ResidualOp>(MakeResidual);
  table.Add<RotaryOp>(MakeRotary);
  table.Add<ShiftRowsOp>(MakeShiftRows);
  table.Add<SumSquaresOp>(MakeSumSquares);
  return table;
}

}  // namespace

const KernelTable& Kernels() {
  static const KernelTable* const table = new KernelTable(MakeTable());
  return *table;
}

}  // namespace hourglass::onednn
