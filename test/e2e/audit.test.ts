import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { burst, startChild, writeFiles } from './support/child.ts';
import { startWorld } from './support/world.ts';

const outs = (text: string): string[] => text.trim().split('\n');

describe('burst audit', () => {
  it('verifies and exports beside the running bot, and finds what was done to a copy', async () => {
    const world = await startWorld({ stepMs: 0, config: { logging: { level: 'info' } } });
    const config = writeFiles(world);
    const child = await startChild(world);
    await world.vera.asks('/burst provision 1 small');
    await world.olga.asks('/burst provision 1 small 2h load test');
    await world.olga.ends(/Provision/i);

    const whole = await burst(['audit', 'verify', '--config', config]).ended;
    expect(whole, whole.err).toMatchObject({ code: 0, err: '' });
    expect(whole.out).toMatch(/^whole: \d+ rows, each as it was written\nhead: [0-9a-f]{64}:\d+\nKeep the head/);
    const head = /head: (\S+)/.exec(whole.out)?.[1] ?? '';

    const since = await burst(['audit', 'export', '--config', config, '--since', '1h', '--cluster', 'sandbox']).ended;
    expect(since.code, since.err).toBe(0);
    const rows = outs(since.out).map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(rows[0]).toMatchObject({
      id: 1,
      cluster: 'sandbox',
      action: 'provision',
      outcome: 'refused',
      operation: null,
    });
    expect(rows[1]).toMatchObject({
      outcome: 'requested',
      actor: { kind: 'slack', userId: 'U0OPERATOR1' },
      details: { count: 1, size: 'small', reason: 'load test' },
      prev_hash: rows[0]?.['hash'],
    });
    expect(head.endsWith(`:${String(rows.at(-1)?.['id'])}`)).toBe(true);
    expect((await burst(['audit', 'export', '--config', config, '--cluster', 'west']).ended).out).toBe('');
    expect((await burst(['audit', 'export', '--config', config, '--until', '2020-01-01']).ended).out).toBe('');

    // it logs the head too, when it stops at the latest
    child.kill('SIGTERM');
    const { code, out } = await child.ended;
    expect(code).toBe(0);
    const logged = outs(out).flatMap((line) => {
      const { msg, head: told } = JSON.parse(line) as { msg: string; head?: string };
      return msg === 'head of the audit' ? [told] : [];
    });
    expect(logged).toEqual([head]);

    const copy = join(world.folder, 'copy.sqlite');
    copyFileSync(join(world.folder, 'burst.sqlite'), copy);
    const tampered = new Sqlite(copy);
    tampered.exec('drop trigger audit_is_never_deleted; drop trigger audit_is_never_changed');
    tampered.exec(`delete from audit where id > 3; update sqlite_sequence set seq = 3 where name = 'audit'`);
    tampered.close();
    expect((await burst(['audit', 'verify', '--database', copy]).ended).code, 'cut, and nothing is known of it').toBe(
      0,
    );
    const cut = await burst(['audit', 'verify', '--database', copy, '--head', head]).ended;
    expect(cut).toMatchObject({
      code: 1,
      out: expect.stringMatching(/^BROKEN at row 4: .*removed from the end/) as string,
    });
    const changed = new Sqlite(copy);
    changed.exec(`update audit set actor = replace(actor, 'U0OPERATOR1', 'U0ADMIN0001') where id = 2`);
    changed.close();
    const broken = await burst(['audit', 'verify', '--database', copy]).ended;
    expect(broken).toMatchObject({ code: 1, out: expect.stringMatching(/^BROKEN at row 2: its content/) as string });
  });

  it('that cannot be looked at ends with 2 and a sentence', async () => {
    const world = await startWorld();
    const other = join(world.folder, 'other.sqlite');
    new Sqlite(other).exec('create table x (y)').close();
    const text = join(world.folder, 'text.sqlite');
    writeFileSync(text, 'no database at all '.repeat(100));
    for (const [words, said] of [
      [['--database', join(world.folder, 'nowhere.sqlite')], /There is no database .*nowhere/],
      [['--database', other], /no database of Burst's/],
      [['--database', text], /cannot be read/],
      [['--database', other, '--head', 'x:1'], /HASH:ID/],
      [['--config', join(world.folder, 'nowhere.yaml')], /nowhere\.yaml/],
      [['--colour'], /--colour/],
    ] as const) {
      const ended = await burst(['audit', 'verify', ...words]).ended;
      expect([words, ended.code, ended.out]).toEqual([words, 2, '']);
      expect(ended.err).toMatch(said);
      expect(ended.err, 'no stack trace').not.toMatch(/\n\s+at /);
    }
    const wrong = await burst(['audit', 'export', '--database', other, '--since', 'soon']).ended;
    expect(wrong).toMatchObject({ code: 1, err: expect.stringMatching(/"soon" is no time; for example 7d/) as string });
  });
});
