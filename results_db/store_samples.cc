// What a running run adds: samples, timings, evaluation blocks.

#include <set>

#include "absl/strings/str_cat.h"
#include "hourglass/base/clock.h"
#include "hourglass/base/status.h"
#include "results_db/store.h"
#include "results_db/store_impl.h"

namespace hourglass::results {

std::optional<int64_t> ResultsStore::Impl::KnownBits(const PointKey& key, SQLite::Statement& find) {
  if (const auto found = pending.find(key); found != pending.end()) {
    return BitsOf(found->second.value);
  }
  find.bind(1, std::get<0>(key));
  find.bind(2, std::get<1>(key));
  find.bind(3, std::get<2>(key));
  std::optional<int64_t> bits;
  if (find.executeStep()) bits = find.getColumn(0).getInt64();
  find.reset();
  return bits;
}

absl::Status ResultsStore::Impl::Collect(std::string_view run_id, std::span<const Sample> samples,
                                         std::map<PointKey, PendingSample>& fresh) {
  HG_RETURN_IF_ERROR(CheckRunning(run_id));
  SQLite::Statement find(*db, "SELECT bits FROM point WHERE run = ? AND metric = ? AND step = ?");
  for (const Sample& sample : samples) {
    HG_ASSIGN_OR_RETURN(const int64_t metric, MetricId(sample.metric));
    const PointKey key(std::string(run_id), metric, sample.step);
    std::optional<int64_t> known = KnownBits(key, find);
    if (const auto found = fresh.find(key); found != fresh.end()) {
      known = BitsOf(found->second.value);
    }
    if (!known) {
      fresh.emplace(key, PendingSample{sample.value, sample.flops, sample.wall_ns});
    } else if (*known != BitsOf(sample.value)) {
      return absl::AlreadyExistsError(
          absl::StrCat(path, ": run ", std::string(run_id), " has another value of ",
                       std::string(sample.metric), " at step ", sample.step));
    }
  }
  return absl::OkStatus();
}

void ResultsStore::Impl::WritePending() {
  if (pending.empty()) return;
  SQLite::Statement insert(*db,
                           "INSERT INTO point(run, metric, step, value, bits, flops, wall_ns)"
                           " VALUES (?, ?, ?, ?, ?, ?, ?)");
  std::set<std::string> runs;
  for (const auto& [key, sample] : pending) {
    insert.bind(1, std::get<0>(key));
    insert.bind(2, std::get<1>(key));
    insert.bind(3, std::get<2>(key));
    insert.bind(4, sample.value);
    insert.bind(5, BitsOf(sample.value));
    BindOptional(insert, 6, sample.flops);
    BindOptional(insert, 7, sample.wall_ns);
    insert.exec();
    insert.reset();
    runs.insert(std::get<0>(key));
  }
  SQLite::Statement heartbeat(*db, "UPDATE run SET heartbeat_at = ? WHERE id = ?");
  for (const std::string& run : runs) {
    heartbeat.bind(1, Now());
    heartbeat.bind(2, run);
    heartbeat.exec();
    heartbeat.reset();
  }
}

void ResultsStore::Impl::WritePendingTimings() {
  if (pending_timings.empty()) return;
  SQLite::Statement insert(*db,
                           "INSERT INTO timing(run, bench, pair_round, arm, ord, ns, iters)"
                           " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING");
  for (const auto& [run, timing] : pending_timings) {
    insert.bind(1, run);
    insert.bind(2, timing.bench);
    insert.bind(3, timing.pair_round);
    insert.bind(4, timing.arm);
    insert.bind(5, timing.ord);
    insert.bind(6, timing.ns);
    insert.bind(7, timing.iters);
    insert.exec();
    insert.reset();
  }
}

absl::Status ResultsStore::Impl::Flush() {
  if (pending.empty() && pending_timings.empty()) return absl::OkStatus();
  HG_RETURN_IF_ERROR(CheckStillThere());
  HG_RETURN_IF_ERROR(InTransaction(*db, path, "writing samples", [&] {
    WritePending();
    WritePendingTimings();
    return absl::OkStatus();
  }));
  pending.clear();
  pending_timings.clear();
  last_commit_ns = MonotonicNanos();
  return absl::OkStatus();
}

absl::Status ResultsStore::Impl::FlushIfDue() {
  const auto waited = std::chrono::nanoseconds(MonotonicNanos() - last_commit_ns);
  return waited >= options.commit_interval ? Flush() : absl::OkStatus();
}

absl::Status ResultsStore::Impl::WriteBlocks(std::string_view run_id,
                                             std::span<const EvalBlock> blocks) {
  SQLite::Statement insert(
      *db,
      "INSERT INTO eval_block(run, dataset, step, block, n_units, nll_bits, bits, protocol)"
      " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING");
  SQLite::Statement find(*db,
                         "SELECT bits FROM eval_block WHERE run = ? AND dataset = ? AND step = ?"
                         " AND block = ? AND protocol = ?");
  for (const EvalBlock& block : blocks) {
    BindText(insert, 1, run_id);
    insert.bind(2, block.dataset);
    insert.bind(3, block.step);
    insert.bind(4, block.block);
    insert.bind(5, block.n_units);
    insert.bind(6, block.nll_bits);
    insert.bind(7, BitsOf(block.nll_bits));
    insert.bind(8, block.protocol);
    const bool is_new = insert.exec() == 1;
    insert.reset();
    if (is_new) continue;
    BindText(find, 1, run_id);
    find.bind(2, block.dataset);
    find.bind(3, block.step);
    find.bind(4, block.block);
    find.bind(5, block.protocol);
    if (!find.executeStep() || find.getColumn(0).getInt64() != BitsOf(block.nll_bits)) {
      return absl::AlreadyExistsError(absl::StrCat(
          path, ": run ", std::string(run_id), " has another value of evaluation block ",
          block.block, " (", block.protocol, ") at step ", block.step));
    }
    find.reset();
  }
  return absl::OkStatus();
}

absl::Status ResultsStore::Append(std::string_view run_id, std::span<const Sample> samples) {
  std::map<PointKey, PendingSample> fresh;
  try {
    HG_RETURN_IF_ERROR(impl_->Collect(run_id, samples, fresh));
  } catch (const SQLite::Exception& error) {
    return FromException(impl_->path, "checking samples", error);
  }
  impl_->pending.merge(fresh);
  return impl_->FlushIfDue();
}

absl::Status ResultsStore::AppendEvalBlocks(std::string_view run_id,
                                            std::span<const EvalBlock> blocks) {
  return InTransaction(*impl_->db, impl_->path, "writing evaluation blocks", [&]() -> absl::Status {
    HG_RETURN_IF_ERROR(impl_->CheckRunning(run_id));
    return impl_->WriteBlocks(run_id, blocks);
  });
}

absl::Status ResultsStore::AppendTimings(std::string_view run_id, std::span<const Timing> timings) {
  try {
    HG_RETURN_IF_ERROR(impl_->CheckRunning(run_id));
  } catch (const SQLite::Exception& error) {
    return FromException(impl_->path, "checking timings", error);
  }
  for (const Timing& timing : timings) impl_->pending_timings.emplace_back(run_id, timing);
  return impl_->FlushIfDue();
}

absl::Status ResultsStore::Flush() { return impl_->Flush(); }

}  // namespace hourglass::results
