import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NewAudit } from '../src/ports/store.ts';
import { appendAudit } from '../src/store/audit.ts';
import { build, openDatabase } from '../src/store/database.ts';
import { openAuditTrail } from '../src/store/index.ts';
import { migrations } from '../src/store/migrations.ts';
import { median, ms, ratio, timed } from './bench.ts';
import type { Bench } from './bench.ts';

const ROUNDS = 300;
const ROWS = 4;
const row = (id: number): NewAudit => ({
  atMs: 1_800_000_000_000 + id,
  cluster: 'main',
  actor: { kind: 'slack', userId: 'U0OPERATOR1', userName: 'olga' },
  action: 'step:clone',
  outcome: 'done',
  workerName: `burst-medium-${String(id)}`,
  operationId: `op${String(id)}`,
  runId: `run${String(id)}`,
  text: 'cloned from the template',
  details: { vmId: String(id), host: 'pve1' },
});

export const audit: Bench = {
  name: 'audit',
  how:
    `A transaction with ${ROWS} audit rows, chained, against the same rows into the table as it was before there was a ` +
    `chain, in files with the same settings, interleaved; medians of ${ROUNDS} rounds. And checking the whole chain.`,
  async run() {
    const folder = mkdtempSync(join(tmpdir(), 'burst-bench-'));
    const before = migrations.slice(
      0,
      migrations.findIndex(({ name }) => name === 'chain of audit rows'),
    );
    const path = join(folder, 'chained.sqlite');
    const [plain, chained] = [await openDatabase(join(folder, 'plain.sqlite'), before), await openDatabase(path)];
    try {
      const [bare, linked]: [number[], number[]] = [[], []];
      for (let round = 0; round < ROUNDS; round += 1) {
        const rows = Array.from({ length: ROWS }, (_, at) => row(round * ROWS + at));
        bare.push(
          await timed(() =>
            plain.write((writer) => {
              for (const { actor, details, ...one } of rows)
                writer.run(
                  build.insertInto('audit').values({
                    at_ms: one.atMs,
                    cluster: one.cluster,
                    actor: JSON.stringify(actor),
                    actor_id: 'U0OPERATOR1',
                    action: one.action,
                    outcome: one.outcome,
                    worker_name: one.workerName ?? null,
                    operation_id: one.operationId ?? null,
                    run_id: one.runId ?? null,
                    text: one.text,
                    details: JSON.stringify(details),
                    // the table before has no such columns
                  } as never),
                );
            }),
          ),
        );
        linked.push(await timed(() => chained.write((writer) => appendAudit(writer, rows))));
      }
      const trail = openAuditTrail(path);
      const verifying = await timed(() => trail.verify());
      trail.close();
      return [
        { name: 'audit, as before', value: ms(median(bare)), goal: '-' },
        { name: 'audit, chained', value: ms(median(linked)), goal: '-' },
        { name: 'audit, chained against before', value: ratio(median(linked) / median(bare)), goal: '<= 1.5' },
        { name: 'audit, rows checked in a second', value: ((ROUNDS * ROWS * 1000) / verifying).toFixed(0), goal: '-' },
      ];
    } finally {
      plain.close();
      chained.close();
      rmSync(folder, { recursive: true, force: true });
    }
  },
};
