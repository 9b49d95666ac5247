-- Schema 2: evaluation protocols side by side, complaints by column name, and the rest of the
-- public views. Nothing of schema 1 is lost: every table keeps its rows, every view its columns.
PRAGMA user_version = 2;

-- The same text may be scored by several protocols (non-overlapping windows, long windows of which
-- only the end counts), so the protocol belongs to the key.
CREATE TABLE eval_block_2(
  run TEXT NOT NULL REFERENCES run(id), dataset TEXT NOT NULL REFERENCES dataset(id),
  protocol TEXT NOT NULL CHECK (protocol <> ''),
  step INTEGER NOT NULL, block INTEGER NOT NULL, n_units INTEGER NOT NULL, nll_bits REAL,
  bits INTEGER NOT NULL,
  PRIMARY KEY (run, dataset, protocol, step, block)
) STRICT, WITHOUT ROWID;
-- Until now there was one protocol.
INSERT INTO eval_block_2
  SELECT run, dataset, 'windows', step, block, n_units, nll_bits, bits FROM eval_block;
DROP TABLE eval_block;
ALTER TABLE eval_block_2 RENAME TO eval_block;
CREATE TRIGGER eval_block_update BEFORE UPDATE ON eval_block
BEGIN SELECT RAISE(ABORT, 'evaluation blocks are append-only'); END;
CREATE TRIGGER eval_block_delete BEFORE DELETE ON eval_block
BEGIN SELECT RAISE(ABORT, 'evaluation blocks are append-only'); END;

-- Whoever watches a sweep asks for the few runs that are not `ok`.
CREATE INDEX run_by_status ON run(status);

-- One message per column: RAISE takes no expression.
DROP TRIGGER run_ok_complete_u;
DROP TRIGGER run_ok_complete_i;
CREATE TRIGGER run_ok_complete_u BEFORE UPDATE OF status ON run WHEN NEW.status = 'ok'
BEGIN
  SELECT RAISE(ABORT, 'run lacks provenance, cannot become ok: exit_code is not 0')
    WHERE NEW.exit_code IS NOT 0;
  SELECT RAISE(ABORT, 'run lacks provenance, cannot become ok: ended_at is missing')
    WHERE NEW.ended_at IS NULL;
  SELECT RAISE(ABORT, 'run lacks provenance, cannot become ok: primitives_json is missing')
    WHERE NEW.primitives_json IS NULL;
  SELECT RAISE(ABORT, 'run lacks provenance, cannot become ok: peak_bytes_planned is missing')
    WHERE NEW.peak_bytes_planned IS NULL;
  SELECT RAISE(ABORT, 'run lacks provenance, cannot become ok: peak_bytes_held is missing')
    WHERE NEW.peak_bytes_held IS NULL;
  SELECT RAISE(ABORT, 'run lacks provenance, cannot become ok: flops_executed is missing')
    WHERE NEW.flops_executed IS NULL;
  SELECT RAISE(ABORT, 'run lacks provenance, cannot become ok: flops_step_executed is missing')
    WHERE NEW.flops_step_executed IS NULL;
  SELECT RAISE(ABORT, 'run lacks provenance, cannot become ok: trace_sha256 is missing')
    WHERE NEW.trace_sha256 IS NULL;
  SELECT RAISE(ABORT, 'run lacks provenance, cannot become ok: row_sha256 is missing')
    WHERE NEW.row_sha256 IS NULL;
END;
-- Only a merge inserts a run that has ended.
CREATE TRIGGER run_ok_complete_i BEFORE INSERT ON run
WHEN NEW.status = 'ok' AND (NEW.ended_at IS NULL OR NEW.exit_code IS NOT 0
  OR NEW.primitives_json IS NULL OR NEW.peak_bytes_planned IS NULL OR NEW.peak_bytes_held IS NULL
  OR NEW.flops_executed IS NULL
  OR NEW.flops_step_executed IS NULL OR NEW.trace_sha256 IS NULL OR NEW.row_sha256 IS NULL)
BEGIN SELECT RAISE(ABORT, 'run lacks provenance, cannot be inserted as ok'); END;

-- the public SQL surface, documented in docs/sql.md ------------------------------------------------
-- Columns of views are only ever added, at the end.

DROP VIEW v_run;
DROP VIEW v_result;

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
         r.started_at, r.ended_at,
         r.exit_code, r.heartbeat_at, r.parent_run, r.cell, c.config, e.id AS experiment_id
  FROM run r JOIN cell c ON c.id = r.cell JOIN experiment e ON e.id = c.experiment
  JOIN config g ON g.id = c.config JOIN build b ON b.id = r.build
  JOIN source_rev s ON s.id = b.source_rev JOIN host h ON h.id = r.host;

-- One row per run: what people ask first. Training FLOPs are needed FLOPs, forward and backward. A
-- value the caller declared `final` wins over the one computed from the curve.
CREATE VIEW v_result AS
  SELECT e.slug AS experiment, g.label AS model, c.seed, c.replica, c.scope, r.status,
         (SELECT s.value FROM v_summary s WHERE s.run = r.id AND s.metric = 'valid_bits_per_byte'
          AND s.agg IN ('final','last') ORDER BY s.agg LIMIT 1) AS bits_per_byte,
         g.n_params AS parameters,
         1.0 * (g.flops_fwd_needed + g.flops_bwd_needed) / (g.batch * g.units_per_sequence)
           AS train_flops_per_byte,
         (SELECT s.value FROM v_summary s WHERE s.run = r.id AND s.metric = 'train_bytes_per_s'
          AND s.agg IN ('final','median') ORDER BY s.agg LIMIT 1) AS train_bytes_per_s,
         r.peak_bytes_held AS peak_bytes, c.budget_kind, c.budget, v.dirty, r.id AS run,
         (SELECT s.value FROM v_summary s WHERE s.run = r.id AND s.metric = 'test_bits_per_byte'
          AND s.agg IN ('final','last') ORDER BY s.agg LIMIT 1) AS test_bits_per_byte,
         CASE c.budget_kind WHEN 'steps' THEN c.budget * g.batch * g.units_per_sequence
                            WHEN 'units' THEN c.budget END AS train_bytes,
         CASE c.budget_kind WHEN 'steps' THEN c.budget * (g.flops_fwd_needed + g.flops_bwd_needed)
                            WHEN 'flops' THEN c.budget END AS train_flops,
         (SELECT s.value FROM v_summary s WHERE s.run = r.id AND s.metric = 'train_wall_s'
          AND s.agg IN ('final','last') ORDER BY s.agg LIMIT 1) AS train_seconds,
         g.family, c.backend, v.commit_sha, r.attempt, r.started_at, r.cell, c.config,
         e.id AS experiment_id
  FROM run r JOIN cell c ON c.id = r.cell JOIN experiment e ON e.id = c.experiment
  JOIN config g ON g.id = c.config JOIN build b ON b.id = r.build
  JOIN source_rev v ON v.id = b.source_rev;

-- One row per model and budget of an experiment, over its seeds: of each cell the first `ok` run.
CREATE VIEW v_score AS
  SELECT v.experiment, v.model, v.budget_kind, v.budget, v.scope, v.backend, v.family,
         count(*) AS seeds,
         avg(v.bits_per_byte) AS bits_per_byte,
         min(v.bits_per_byte) AS bits_per_byte_low, max(v.bits_per_byte) AS bits_per_byte_high,
         max(0.0, sum(v.bits_per_byte * v.bits_per_byte)
                  - count(v.bits_per_byte) * avg(v.bits_per_byte) * avg(v.bits_per_byte))
           / nullif(count(v.bits_per_byte) - 1, 0) AS bits_per_byte_variance,
         avg(v.test_bits_per_byte) AS test_bits_per_byte,
         v.parameters, v.train_flops_per_byte, v.train_bytes, v.train_flops,
         avg(v.train_bytes_per_s) AS train_bytes_per_s, max(v.peak_bytes) AS peak_bytes,
         max(v.dirty) AS dirty, v.config, v.experiment_id
  FROM v_result v
  WHERE v.run = (SELECT min(x.id) FROM run x WHERE x.cell = v.cell AND x.status = 'ok')
  GROUP BY v.experiment_id, v.config, v.budget_kind, v.budget, v.scope, v.backend;

-- One row per cell that was ever started: is it done, and by which run?
CREATE VIEW v_cell AS
  SELECT e.slug AS experiment, g.label AS model, c.budget_kind, c.budget, c.replica, c.seed,
         c.backend, c.scope,
         (SELECT count(*) FROM run x WHERE x.cell = c.id) AS attempts,
         (SELECT min(x.id) FROM run x WHERE x.cell = c.id AND x.status = 'ok') AS done_run,
         (SELECT max(x.id) FROM run x WHERE x.cell = c.id) AS newest_run,
         (SELECT x.status FROM run x WHERE x.cell = c.id ORDER BY x.id DESC LIMIT 1)
           AS newest_status,
         c.id AS cell, c.config, e.id AS experiment_id
  FROM cell c JOIN experiment e ON e.id = c.experiment JOIN config g ON g.id = c.config;

-- One row per `running` run: not finished, still running or to be resumed.
CREATE VIEW v_unfinished AS
  SELECT e.slug AS experiment, g.label AS model, c.replica, c.seed, c.budget_kind, c.budget,
         (SELECT max((SELECT max(p.step) FROM point p WHERE p.run = r.id AND p.metric = m.id))
          FROM metric m) AS last_step,
         r.started_at, r.heartbeat_at, r.attempt, r.id AS run, r.cell,
         (SELECT min(x.id) FROM run x WHERE x.cell = r.cell AND x.status = 'ok') AS done_run,
         e.id AS experiment_id
  FROM run r JOIN cell c ON c.id = r.cell JOIN experiment e ON e.id = c.experiment
  JOIN config g ON g.id = c.config
  WHERE r.status = 'running';

-- One row per run that ended otherwise than `ok`, and the run that did its cell all the same.
CREATE VIEW v_failed AS
  SELECT e.slug AS experiment, g.label AS model, c.replica, c.seed, c.budget_kind, c.budget,
         r.status, r.exit_code, r.error,
         (SELECT max((SELECT max(p.step) FROM point p WHERE p.run = r.id AND p.metric = m.id))
          FROM metric m) AS last_step,
         r.started_at, r.ended_at, r.attempt, r.id AS run, r.cell,
         (SELECT min(x.id) FROM run x WHERE x.cell = r.cell AND x.status = 'ok') AS done_run,
         e.id AS experiment_id
  FROM run r JOIN cell c ON c.id = r.cell JOIN experiment e ON e.id = c.experiment
  JOIN config g ON g.id = c.config
  WHERE r.status IN ('failed','killed','diverged','timeout','incorrect','unsupported');

-- One row per run: everything its numbers depend on.
CREATE VIEW v_provenance AS
  SELECT r.id AS run, s.commit_sha, s.tree_sha, s.parent_sha, s.committed_at, s.dirty,
         s.diff_sha256, length(s.diff_blob) AS diff_bytes, b.binary_sha256, b.compiler, b.flags,
         b.bazel_version, b.deps_sha256, b.deps_json,
         json_extract(h.fingerprint_json, '$.cpu_model') AS cpu_model,
         json_extract(h.fingerprint_json, '$.cpu_features') AS cpu_features,
         h.fingerprint_json, h.perf_class, h.numeric_class, r.threads, r.deterministic,
         c.backend, r.describe_json, r.primitives_json, r.env_json, r.argv_json, r.warnings_json,
         r.engine_json, r.load_json,
         t.name || ' ' || t.split || ' ' || t.version AS train_data, t.sha256 AS train_sha256,
         d.name || ' ' || d.split || ' ' || d.version AS valid_data, d.sha256 AS valid_sha256,
         e.spec_sha256, e.command, g.canonical_json AS config_json, c.seed,
         r.trace_sha256, r.ckpt_sha256, r.row_sha256
  FROM run r JOIN cell c ON c.id = r.cell JOIN experiment e ON e.id = c.experiment
  JOIN config g ON g.id = c.config JOIN build b ON b.id = r.build
  JOIN source_rev s ON s.id = b.source_rev JOIN host h ON h.id = r.host
  JOIN dataset t ON t.id = c.dataset_train LEFT JOIN dataset d ON d.id = c.dataset_valid;

-- One row per experiment, that is per name and resolved spec.
CREATE VIEW v_experiment AS
  SELECT e.id, e.slug, e.paper_ref, e.command, e.spec_sha256, e.spec_text,
         (SELECT count(*) FROM cell c WHERE c.experiment = e.id) AS cells,
         (SELECT count(*) FROM run r JOIN cell c ON c.id = r.cell WHERE c.experiment = e.id)
           AS runs,
         (SELECT max(r.id) FROM run r JOIN cell c ON c.id = r.cell WHERE c.experiment = e.id)
           AS newest_run
  FROM experiment e;

-- One row per block of evaluated text.
CREATE VIEW v_eval_block AS
  SELECT b.run, d.name AS dataset, d.split, b.protocol, b.step, b.block, b.n_units, b.nll_bits,
         b.bits, b.nll_bits / b.n_units AS bits_per_unit, b.dataset AS dataset_id
  FROM eval_block b JOIN dataset d ON d.id = b.dataset;

-- One row per raw speed sample.
CREATE VIEW v_timing AS
  SELECT t.run, t.bench, t.pair_round, t.arm, t.ord, t.ns, t.iters FROM timing t;

-- One row per definition of a metric.
CREATE VIEW v_metric AS
  SELECT m.name, m.definition_version, m.unit, m.direction, m.kind, m.definition FROM metric m;
