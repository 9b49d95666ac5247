-- Schema 1 of the results store.
--
-- Ids are content hashes or ULIDs, so that merging two files needs no renumbering. The one
-- exception is metric.id, a small integer local to its file, because every point carries it: a merge joins it
-- by (name, definition_version).
--
-- FLOPs are stored per optimizer step of config.batch sequences, not per sequence: the projection
-- of the relative positions is computed once for a batch, so a figure per sequence need not be an
-- integer. What a kernel really executed depends on backend and machine, so it belongs to the run,
-- not to the config.
PRAGMA application_id = 1212632147;  -- 'HGLS'
PRAGMA user_version   = 1;

CREATE TABLE schema_migration(
  version INTEGER PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT NOT NULL, applied_at TEXT NOT NULL
) STRICT;

-- what ran ----------------------------------------------------------------------------------------
CREATE TABLE source_rev(
  id TEXT PRIMARY KEY, commit_sha TEXT NOT NULL CHECK (commit_sha <> ''),
  tree_sha TEXT NOT NULL CHECK (tree_sha <> ''), parent_sha TEXT,
  committed_at TEXT NOT NULL, dirty INTEGER NOT NULL CHECK (dirty IN (0,1)),
  diff_sha256 TEXT, diff_blob BLOB,
  CHECK (dirty = 0 OR (diff_sha256 IS NOT NULL AND diff_blob IS NOT NULL))
) STRICT;
CREATE TABLE build(
  id TEXT PRIMARY KEY, source_rev TEXT NOT NULL REFERENCES source_rev(id),
  binary_sha256 TEXT NOT NULL CHECK (length(binary_sha256) = 64),
  compiler TEXT NOT NULL CHECK (compiler <> ''), flags TEXT NOT NULL,
  bazel_version TEXT NOT NULL CHECK (bazel_version <> ''),
  deps_sha256 TEXT NOT NULL,                   -- hash of the pinned dependency rules
  deps_json TEXT NOT NULL CHECK (json_valid(deps_json))   -- name -> version of every library used
) STRICT;
CREATE TABLE host(
  id TEXT PRIMARY KEY,
  fingerprint_json TEXT NOT NULL CHECK (json_valid(fingerprint_json) AND fingerprint_json <> '{}'),
  perf_class TEXT NOT NULL CHECK (perf_class <> ''),
  numeric_class TEXT NOT NULL CHECK (numeric_class <> '')
) STRICT;
CREATE TABLE dataset(
  id TEXT PRIMARY KEY, name TEXT NOT NULL CHECK (name <> ''),
  split TEXT NOT NULL CHECK (split <> ''),
  version TEXT NOT NULL, sha256 TEXT NOT NULL CHECK (length(sha256) = 64),
  bytes INTEGER NOT NULL, n_units INTEGER NOT NULL,
  unit TEXT NOT NULL CHECK (unit IN ('byte','char','subpixel','token')),
  preprocess TEXT NOT NULL, synthetic INTEGER NOT NULL CHECK (synthetic IN (0,1)),
  licence TEXT NOT NULL
) STRICT;
-- label, family, sequence_length and batch are columns and not only keys of canonical_json because
-- plain SQL groups, pairs and divides by them; the dense counts stand here because they, like the
-- needed ones, follow from the graph.
CREATE TABLE config(
  id TEXT PRIMARY KEY,
  label TEXT NOT NULL CHECK (label <> ''), family TEXT NOT NULL CHECK (family <> ''),
  canonical_json TEXT NOT NULL CHECK (json_valid(canonical_json)),
  n_params INTEGER NOT NULL CHECK (n_params > 0),
  sequence_length INTEGER NOT NULL CHECK (sequence_length > 0),
  -- predicted units, padding excluded
  units_per_sequence INTEGER NOT NULL CHECK (units_per_sequence > 0),
  -- sequences per optimizer step; the FLOPs below are per step
  batch INTEGER NOT NULL CHECK (batch > 0),
  flop_convention TEXT NOT NULL,               -- 'flops-v1'
  flops_fwd_needed INTEGER NOT NULL, flops_bwd_needed INTEGER NOT NULL,
  flops_fwd_dense INTEGER NOT NULL, flops_bwd_dense INTEGER NOT NULL,
  flops_fwd_dense_trax INTEGER,                -- forward, one batch of 8: the paper's Table 1
  flops_elementwise INTEGER NOT NULL, flops_optimizer INTEGER NOT NULL,
  flops_recompute INTEGER NOT NULL,
  CHECK (flops_fwd_needed <= flops_fwd_dense AND flops_bwd_needed <= flops_bwd_dense)
) STRICT;
-- command: what a reader types to produce the rows again; a report prints it, it must not guess.
CREATE TABLE experiment(
  id TEXT PRIMARY KEY, slug TEXT NOT NULL CHECK (slug <> ''), spec_sha256 TEXT NOT NULL,
  spec_text TEXT NOT NULL, paper_ref TEXT, command TEXT NOT NULL
) STRICT;
-- dataset_valid: quality is measured on it, and a result needs the hash of the bytes it was
-- measured on as much as of those it was trained on.
CREATE TABLE cell(                              -- the unit of planning and resuming
  id TEXT PRIMARY KEY, experiment TEXT NOT NULL REFERENCES experiment(id),
  config TEXT NOT NULL REFERENCES config(id), dataset_train TEXT NOT NULL REFERENCES dataset(id),
  dataset_valid TEXT REFERENCES dataset(id),
  seed INTEGER NOT NULL, replica INTEGER NOT NULL,
  budget_kind TEXT NOT NULL CHECK (budget_kind IN ('steps','units','flops','seconds')),
  budget INTEGER NOT NULL, backend TEXT NOT NULL CHECK (backend <> ''),
  scope TEXT NOT NULL CHECK (scope IN ('full','scaled','smoke')),
  UNIQUE (experiment, config, dataset_train, seed, replica, budget_kind, budget, backend)
) STRICT;
CREATE TABLE run(
  id TEXT PRIMARY KEY CHECK (length(id) = 26),  -- ULID: sorts by start time
  cell TEXT NOT NULL REFERENCES cell(id), attempt INTEGER NOT NULL,
  parent_run TEXT REFERENCES run(id), reason TEXT NOT NULL
    CHECK (reason IN ('first','retry','resume','force','replay')),
  build TEXT NOT NULL REFERENCES build(id), host TEXT NOT NULL REFERENCES host(id),
  status TEXT NOT NULL CHECK (status IN ('running','ok','failed','killed','diverged','timeout',
                                         'incorrect','unsupported')),
  exit_code INTEGER, error TEXT,
  argv_json TEXT NOT NULL CHECK (json_valid(argv_json)),
  env_json TEXT NOT NULL CHECK (json_valid(env_json)),
  threads INTEGER NOT NULL CHECK (threads > 0),
  deterministic INTEGER NOT NULL CHECK (deterministic IN (0,1)),
  describe_json TEXT NOT NULL CHECK (json_valid(describe_json)),  -- Backend::Describe()
  -- kernels executed, with counts
  primitives_json TEXT CHECK (primitives_json IS NULL OR json_valid(primitives_json)),
  warnings_json TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(warnings_json)),
  engine_json TEXT NOT NULL CHECK (json_valid(engine_json)),    -- Slurm and MPI ids, restart count
  started_at TEXT NOT NULL, heartbeat_at TEXT NOT NULL, ended_at TEXT,
  load_json TEXT CHECK (load_json IS NULL OR json_valid(load_json)),
  peak_bytes_planned INTEGER, peak_bytes_held INTEGER,
  flops_executed INTEGER,                       -- the whole run, forward and backward
  flops_step_executed INTEGER,                  -- one optimizer step: compare config.flops_*
  trace_sha256 TEXT, ckpt_sha256 TEXT, row_sha256 TEXT
) STRICT;
CREATE INDEX run_by_cell ON run(cell, status);

-- measurements ------------------------------------------------------------------------------------
-- bits: the IEEE-754 bits of the value as a double, because SQLite stores NaN as NULL and drops the
-- sign of zero.
CREATE TABLE metric(
  id INTEGER PRIMARY KEY, name TEXT NOT NULL, unit TEXT NOT NULL,
  direction TEXT NOT NULL CHECK (direction IN ('lower','higher','none')),
  kind TEXT NOT NULL CHECK (kind IN ('quality','speed','memory','count')),
  definition_version INTEGER NOT NULL, definition TEXT NOT NULL,
  UNIQUE (name, definition_version)
) STRICT;
CREATE TABLE point(
  run TEXT NOT NULL REFERENCES run(id), metric INTEGER NOT NULL REFERENCES metric(id),
  step INTEGER NOT NULL, value REAL, bits INTEGER NOT NULL, flops INTEGER, wall_ns INTEGER,
  PRIMARY KEY (run, metric, step)
) STRICT, WITHOUT ROWID;
CREATE TABLE summary(
  run TEXT NOT NULL REFERENCES run(id), metric INTEGER NOT NULL REFERENCES metric(id),
  agg TEXT NOT NULL, value REAL, bits INTEGER NOT NULL, ci_lo REAL, ci_hi REAL, n INTEGER NOT NULL,
  PRIMARY KEY (run, metric, agg)
) STRICT, WITHOUT ROWID;
CREATE TABLE timing(                            -- raw samples, order kept
  run TEXT NOT NULL REFERENCES run(id), bench TEXT NOT NULL, pair_round INTEGER NOT NULL,
  arm TEXT NOT NULL CHECK (arm IN ('base','head','base2')), ord INTEGER NOT NULL,
  ns INTEGER NOT NULL, iters INTEGER NOT NULL,
  PRIMARY KEY (run, bench, pair_round, arm, ord)
) STRICT, WITHOUT ROWID;
CREATE TABLE eval_block(
  run TEXT NOT NULL REFERENCES run(id), dataset TEXT NOT NULL REFERENCES dataset(id),
  step INTEGER NOT NULL, block INTEGER NOT NULL, n_units INTEGER NOT NULL, nll_bits REAL,
  bits INTEGER NOT NULL,
  PRIMARY KEY (run, dataset, step, block)
) STRICT, WITHOUT ROWID;

-- judgements --------------------------------------------------------------------------------------
CREATE TABLE claim(
  id TEXT PRIMARY KEY, paper TEXT NOT NULL, locator TEXT NOT NULL, statement TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('value','ordering','ratio','trend')),
  predicate_json TEXT NOT NULL, margin REAL NOT NULL, margin_reason TEXT NOT NULL,
  scope TEXT NOT NULL CHECK (scope IN ('full','scaled')),
  CHECK (NOT (kind = 'value' AND scope = 'scaled'))
) STRICT;
CREATE TABLE verdict(
  id TEXT PRIMARY KEY, claim TEXT NOT NULL REFERENCES claim(id), made_at TEXT NOT NULL,
  build TEXT NOT NULL REFERENCES build(id), method TEXT NOT NULL,
  estimate REAL, ci_lo REAL, ci_hi REAL, level REAL, p REAL, n_a INTEGER, n_b INTEGER,
  outcome TEXT NOT NULL CHECK (outcome IN ('reproduced','partly','not reproduced','inconclusive',
                                           'not run')),
  inputs_sha256 TEXT NOT NULL
) STRICT;
CREATE TABLE verdict_run(
  verdict TEXT NOT NULL REFERENCES verdict(id), run TEXT NOT NULL REFERENCES run(id),
  role TEXT NOT NULL, PRIMARY KEY (verdict, run, role)
) STRICT, WITHOUT ROWID;
CREATE TABLE baseline(                          -- history kept: newest set_at wins
  name TEXT NOT NULL, metric INTEGER NOT NULL REFERENCES metric(id),
  cell TEXT NOT NULL REFERENCES cell(id), run TEXT NOT NULL REFERENCES run(id),
  set_at TEXT NOT NULL, set_by TEXT NOT NULL, reason TEXT NOT NULL,
  PRIMARY KEY (name, metric, cell, set_at)
) STRICT, WITHOUT ROWID;
CREATE TABLE gate(
  id TEXT PRIMARY KEY, made_at TEXT NOT NULL, base_build TEXT NOT NULL REFERENCES build(id),
  head_build TEXT NOT NULL REFERENCES build(id), policy_sha256 TEXT NOT NULL,
  bypass_reason TEXT,
  outcome TEXT NOT NULL CHECK (outcome IN ('pass','worse speed','worse quality','worse both',
                                           'inconclusive','invalid'))
) STRICT;
CREATE TABLE gate_item(
  gate TEXT NOT NULL REFERENCES gate(id), metric INTEGER NOT NULL REFERENCES metric(id),
  bench TEXT NOT NULL, estimate REAL, ci_lo REAL, ci_hi REAL, margin REAL NOT NULL, p REAL,
  rounds INTEGER NOT NULL, aa_lo REAL, aa_hi REAL, bootstrap_seed INTEGER,
  outcome TEXT NOT NULL CHECK (outcome IN ('better','same','worse','inconclusive','invalid')),
  PRIMARY KEY (gate, metric, bench)
) STRICT, WITHOUT ROWID;

-- housekeeping ------------------------------------------------------------------------------------
CREATE TABLE event(                             -- environment changes: cut points for trends
  id TEXT PRIMARY KEY, at TEXT NOT NULL, kind TEXT NOT NULL, host TEXT REFERENCES host(id),
  text TEXT NOT NULL
) STRICT;
CREATE TABLE artifact(
  run TEXT NOT NULL REFERENCES run(id), kind TEXT NOT NULL, sha256 TEXT NOT NULL,
  bytes INTEGER NOT NULL, rel_path TEXT NOT NULL, PRIMARY KEY (run, kind, sha256)
) STRICT, WITHOUT ROWID;
CREATE TABLE merge_log(
  src_sha256 TEXT PRIMARY KEY, merged_at TEXT NOT NULL, rows_added INTEGER NOT NULL
) STRICT;

-- guards ------------------------------------------------------------------------------------------
-- Inserting a point into a final run is refused by the store, not by a trigger: a merge inserts
-- final runs first and their points after them.
CREATE TRIGGER run_final_update BEFORE UPDATE ON run WHEN OLD.status <> 'running'
BEGIN SELECT RAISE(ABORT, 'a final run cannot be changed'); END;
CREATE TRIGGER run_delete BEFORE DELETE ON run
BEGIN SELECT RAISE(ABORT, 'a run cannot be deleted'); END;
CREATE TRIGGER point_update BEFORE UPDATE ON point
BEGIN SELECT RAISE(ABORT, 'points are append-only'); END;
CREATE TRIGGER point_delete BEFORE DELETE ON point
BEGIN SELECT RAISE(ABORT, 'points are append-only'); END;
CREATE TRIGGER summary_update BEFORE UPDATE ON summary
BEGIN SELECT RAISE(ABORT, 'summaries are append-only'); END;
CREATE TRIGGER summary_delete BEFORE DELETE ON summary
BEGIN SELECT RAISE(ABORT, 'summaries are append-only'); END;
CREATE TRIGGER timing_update BEFORE UPDATE ON timing
BEGIN SELECT RAISE(ABORT, 'timings are append-only'); END;
CREATE TRIGGER timing_delete BEFORE DELETE ON timing
BEGIN SELECT RAISE(ABORT, 'timings are append-only'); END;
CREATE TRIGGER eval_block_update BEFORE UPDATE ON eval_block
BEGIN SELECT RAISE(ABORT, 'evaluation blocks are append-only'); END;
CREATE TRIGGER eval_block_delete BEFORE DELETE ON eval_block
BEGIN SELECT RAISE(ABORT, 'evaluation blocks are append-only'); END;

-- A row whose id is the hash of its content must not change under its id.
CREATE TRIGGER source_rev_update BEFORE UPDATE ON source_rev
BEGIN SELECT RAISE(ABORT, 'a content-addressed row cannot be changed'); END;
CREATE TRIGGER build_update BEFORE UPDATE ON build
BEGIN SELECT RAISE(ABORT, 'a content-addressed row cannot be changed'); END;
CREATE TRIGGER host_update BEFORE UPDATE ON host
BEGIN SELECT RAISE(ABORT, 'a content-addressed row cannot be changed'); END;
CREATE TRIGGER dataset_update BEFORE UPDATE ON dataset
BEGIN SELECT RAISE(ABORT, 'a content-addressed row cannot be changed'); END;
CREATE TRIGGER config_update BEFORE UPDATE ON config
BEGIN SELECT RAISE(ABORT, 'a content-addressed row cannot be changed'); END;
CREATE TRIGGER experiment_update BEFORE UPDATE ON experiment
BEGIN SELECT RAISE(ABORT, 'a content-addressed row cannot be changed'); END;
CREATE TRIGGER cell_update BEFORE UPDATE ON cell
BEGIN SELECT RAISE(ABORT, 'a content-addressed row cannot be changed'); END;
CREATE TRIGGER metric_update BEFORE UPDATE ON metric
BEGIN SELECT RAISE(ABORT, 'a metric definition cannot be changed'); END;

CREATE TRIGGER run_ok_complete_u BEFORE UPDATE OF status ON run
WHEN NEW.status = 'ok' AND (NEW.ended_at IS NULL OR NEW.exit_code IS NOT 0
  OR NEW.primitives_json IS NULL OR NEW.peak_bytes_planned IS NULL OR NEW.peak_bytes_held IS NULL
  OR NEW.flops_executed IS NULL
  OR NEW.flops_step_executed IS NULL OR NEW.trace_sha256 IS NULL OR NEW.row_sha256 IS NULL)
BEGIN SELECT RAISE(ABORT, 'run lacks provenance, cannot become ok'); END;
CREATE TRIGGER run_ok_complete_i BEFORE INSERT ON run
WHEN NEW.status = 'ok' AND (NEW.ended_at IS NULL OR NEW.exit_code IS NOT 0
  OR NEW.primitives_json IS NULL OR NEW.peak_bytes_planned IS NULL OR NEW.peak_bytes_held IS NULL
  OR NEW.flops_executed IS NULL
  OR NEW.flops_step_executed IS NULL OR NEW.trace_sha256 IS NULL OR NEW.row_sha256 IS NULL)
BEGIN SELECT RAISE(ABORT, 'run lacks provenance, cannot become ok'); END;

-- the public, documented SQL surface --------------------------------------------------------------
-- Columns of these views are kept from version to version; tables may change with a migration.

-- One row per run: what it was and how it ended.
CREATE VIEW v_run AS
  SELECT r.id, e.slug AS experiment, g.label AS model, g.family, c.scope, c.backend, c.seed,
         c.replica,
         r.status, r.error, r.reason, r.attempt,
         r.id = (SELECT min(x.id) FROM run x WHERE x.cell = r.cell AND x.build = r.build
                 AND x.host = r.host AND x.status = 'ok') AS is_primary,
         s.commit_sha, s.dirty, h.perf_class, h.numeric_class, r.threads, r.deterministic,
         g.n_params, g.flop_convention, g.batch, c.budget_kind, c.budget,
         1.0 * g.flops_fwd_needed / (g.batch * g.units_per_sequence) AS flops_fwd_per_unit,
         r.started_at, r.ended_at
  FROM run r JOIN cell c ON c.id = r.cell JOIN experiment e ON e.id = c.experiment
  JOIN config g ON g.id = c.config JOIN build b ON b.id = r.build
  JOIN source_rev s ON s.id = b.source_rev JOIN host h ON h.id = r.host;

-- One row per stored value of a curve.
CREATE VIEW v_curve AS
  SELECT p.run, m.name AS metric, m.unit, p.step, p.value, p.bits, p.flops, p.wall_ns
  FROM point p JOIN metric m ON m.id = p.metric;

-- One row per summarised value.
CREATE VIEW v_summary AS
  SELECT s.run, m.name AS metric, m.unit, s.agg, s.value, s.bits, s.ci_lo, s.ci_hi, s.n
  FROM summary s JOIN metric m ON m.id = s.metric;

-- One row per run: what people ask first. Training FLOPs per byte are needed FLOPs, forward and
-- backward. A value the caller declared `final` wins over the one computed from the curve.
CREATE VIEW v_result AS
  SELECT e.slug AS experiment, g.label AS model, c.seed, c.replica, c.scope, r.status,
         (SELECT s.value FROM v_summary s WHERE s.run = r.id AND s.metric = 'valid_bits_per_byte'
          AND s.agg IN ('final','last') ORDER BY s.agg LIMIT 1) AS bits_per_byte,
         g.n_params AS parameters,
         1.0 * (g.flops_fwd_needed + g.flops_bwd_needed) / (g.batch * g.units_per_sequence)
           AS train_flops_per_byte,
         (SELECT s.value FROM v_summary s WHERE s.run = r.id AND s.metric = 'train_bytes_per_s'
          AND s.agg IN ('final','median') ORDER BY s.agg LIMIT 1) AS train_bytes_per_s,
         r.peak_bytes_held AS peak_bytes, c.budget_kind, c.budget, v.dirty, r.id AS run
  FROM run r JOIN cell c ON c.id = r.cell JOIN experiment e ON e.id = c.experiment
  JOIN config g ON g.id = c.config JOIN build b ON b.id = r.build
  JOIN source_rev v ON v.id = b.source_rev;

CREATE VIEW v_claim AS
  SELECT c.id, c.paper, c.locator, c.statement, c.kind, c.scope, c.margin, c.margin_reason,
         coalesce(v.outcome, 'not run') AS outcome, v.estimate, v.ci_lo, v.ci_hi, v.n_a, v.n_b,
         v.method, v.made_at
  FROM claim c LEFT JOIN verdict v ON v.claim = c.id
   AND v.made_at = (SELECT max(made_at) FROM verdict w WHERE w.claim = c.id);
CREATE VIEW v_gate AS
  SELECT g.id, g.made_at, g.outcome AS gate_outcome, i.bench, m.name AS metric, i.estimate,
         i.ci_lo, i.ci_hi, i.margin, i.rounds, i.aa_lo, i.aa_hi, i.outcome
  FROM gate g JOIN gate_item i ON i.gate = g.id JOIN metric m ON m.id = i.metric;
