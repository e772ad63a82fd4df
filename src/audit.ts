/** `burst audit`, and the head that the running bot logs. Invariant: reading the audit changes nothing. */
import { headText, readHead } from './domain/audit-chain.ts';
import type { ChainHead } from './domain/audit-chain.ts';
import { auditLine } from './domain/audit-line.ts';
import { parseHours, HOUR_MS } from './domain/duration.ts';
import { BurstError, messageOf } from './domain/errors.ts';
import type { Logger } from './observability/index.ts';
import type { Clock } from './ports/clock.ts';
import { createPeriodic } from './ports/loop.ts';
import type { Store } from './ports/store.ts';
import { openAuditTrail } from './store/index.ts';

const LOG_EVERY_MS = HOUR_MS;

/** What `burst audit verify` prints. `kept` are heads as they were printed or logged before. @throws BurstError. */
export function verifyAudit(path: string, kept: readonly string[]): { readonly ok: boolean; readonly lines: string[] } {
  const heads = kept.map((text): ChainHead => {
    const head = readHead(text);
    if (head === undefined)
      throw new BurstError(
        'invalid_input',
        `"${text.slice(0, 100)}" is no head: it is written HASH:ID, as printed before.`,
      );
    return head;
  });
  const trail = openAuditTrail(path);
  try {
    const { rows, head, fault } = trail.verify(heads);
    if (fault !== undefined)
      return {
        ok: false,
        lines: [
          `BROKEN at row ${fault.id}: ${fault.text}.`,
          rows === 0 ? 'No row before it is in order.' : `The ${rows} rows before it are as they were written.`,
        ],
      };
    const whole = `whole: ${rows === 1 ? '1 row' : `${rows} rows`}, each as it was written`;
    if (head === undefined) return { ok: true, lines: [whole] };
    return {
      ok: true,
      lines: [
        `${whole}${heads.length === 0 ? '' : ', and what was kept is in it'}`,
        `head: ${headText(head)}`,
        ...(heads.length === 0
          ? [
              'Keep the head elsewhere: --head finds rows that were removed from the end, and a chain that was made anew.',
            ]
          : []),
      ],
    };
  } finally {
    trail.close();
  }
}

/** A moment as typed: `7d` before now, or a date or time in RFC 3339, UTC. @throws BurstError `invalid_input`. */
export function momentOf(text: string, nowMs: number): number {
  const hours = parseHours(text);
  if (hours !== undefined) return nowMs - hours * HOUR_MS;
  const ms = /^\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:\d\d))?$/.test(text.trim()) ? Date.parse(text.trim()) : Number.NaN;
  if (Number.isNaN(ms))
    throw new BurstError(
      'invalid_input',
      `"${text.slice(0, 60)}" is no time; for example 7d, 2026-11-01 or 2026-11-01T08:00:00Z.`,
    );
  return ms;
}

/** The rows as lines of JSON, oldest first. @throws BurstError. */
export function* exportAudit(
  path: string,
  filter: { readonly sinceMs?: number; readonly untilMs?: number; readonly cluster?: string },
): Generator<string> {
  const trail = openAuditTrail(path);
  try {
    for (const row of trail.rows(filter)) yield auditLine(row);
  } finally {
    trail.close();
  }
}

/** Logs the head at the start, then each hour when it has moved, and at the end: logs are kept where the database is not. */
export function logHeads(
  store: Pick<Store, 'auditHead'>,
  clock: Clock,
  log: Pick<Logger, 'info' | 'warn'>,
): { stop(): Promise<void> } {
  let told = 0;
  const tell = async (): Promise<void> => {
    try {
      const head = await store.auditHead();
      if (head === undefined || head.id === told) return;
      log.info({ head: headText(head) }, 'head of the audit');
      told = head.id;
    } catch (error) {
      log.warn({ error: messageOf(error) }, 'the head of the audit could not be read');
    }
  };
  const loop = createPeriodic(clock, LOG_EVERY_MS, tell);
  loop.start();
  return {
    async stop() {
      await loop.stop();
      await tell();
    },
  };
}
