/** The Store port on one SQLite file. Invariant: each method is one read or one transaction. */
import type { ApprovalStore } from '../ports/approvals.ts';
import type { Clock } from '../ports/clock.ts';
import type { Ids } from '../ports/ids.ts';
import type { InboxStore } from '../ports/inbox.ts';
import type { InstallationStore } from '../ports/installations.ts';
import type { RunWrite, Store } from '../ports/store.ts';
import { BurstError } from '../domain/errors.ts';
import type { Run } from '../domain/operation.ts';
import * as approvals from './approvals.ts';
import * as audit from './audit.ts';
import * as costs from './costs.ts';
import { besides, build, openDatabase } from './database.ts';
import type { Database, Writer } from './database.ts';
import * as installations from './installations.ts';
import * as health from './health.ts';
import { hiding } from './hiding.ts';
import * as inbox from './inbox.ts';
import * as notify from './notify.ts';
import * as operations from './operations.ts';
import * as outbox from './outbox.ts';
import * as rates from './rates.ts';
import * as runs from './runs.ts';
import * as servers from './servers.ts';
import * as strays from './strays.ts';
import * as tokens from './tokens.ts';
import * as workers from './workers.ts';

export type WholeStore = Store & ApprovalStore & InboxStore & InstallationStore;

const INSTALLATION = 'installation_id';

/**
 * Opens the database at `path` (`:memory:` is allowed), making or migrating it as needed.
 * @throws BurstError `unavailable` (cannot be opened or written), `conflict` (made by a newer Burst or by another
 * application), `internal` (damaged), `busy` (locked by another process); the file is then left as it was.
 */
export async function openStore(options: {
  path: string;
  clock: Clock;
  ids: Ids;
  /** Takes secrets out of every text before it is kept. */
  hide?: (text: string) => string;
  /** There are new rows in the audit. */
  audited?: () => void;
}): Promise<WholeStore> {
  const database = await openDatabase(options.path);
  try {
    const installationId = await database.write((writer) => firstStart(writer, options.ids));
    const store = makeStore(
      telling(database, options.audited),
      besides(database, options.path),
      options.clock,
      installationId,
    );
    return options.hide === undefined ? store : hiding(store, options.hide);
  } catch (error) {
    database.close();
    throw error;
  }
}

function firstStart(writer: Writer, ids: Ids): string {
  const found = writer.first(build.selectFrom('meta').select('value').where('key', '=', INSTALLATION));
  if (found !== undefined) return found.value;
  const value = ids.base32(8);
  writer.run(build.insertInto('meta').values({ key: INSTALLATION, value }));
  return value;
}

function recordRun(writer: Writer, write: RunWrite): Run {
  const { before, stateChanged } = runs.writeRun(writer, write);
  if (write.worker !== undefined) workers.updateWorker(writer, before.cluster, before.workerName, write.worker);
  if (write.schedule !== undefined) workers.saveSchedule(writer, write.schedule);
  if (stateChanged) operations.refreshOperation(writer, before.operationId, write.nowMs);
  audit.appendAudit(writer, write.audit ?? []);
  outbox.enqueue(writer, write.outbox ?? [], write.nowMs);
  return runs.getRun(writer, write.runId) ?? before;
}

/** The same database, which tells when a write has made the audit longer. */
function telling(database: Database, audited: (() => void) | undefined): Database {
  if (audited === undefined) return database;
  const last = (): number => database.read((reader) => audit.headOf(reader)?.id ?? 0);
  let known = last();
  return {
    ...database,
    async write(work) {
      const result = await database.write(work);
      const now = last();
      if (now !== known) {
        known = now;
        audited();
      }
      return result;
    },
  };
}

/** Thrown to roll a transaction back on purpose. */
class RolledBack extends Error {}

async function rolledBack(database: Database, work: (writer: Writer) => void): Promise<void> {
  try {
    await database.write((writer) => {
      work(writer);
      throw new RolledBack();
    });
  } catch (error) {
    if (!(error instanceof RolledBack)) throw error;
  }
}

function makeStore(database: Database, quick: Database, clock: Clock, installationId: string): WholeStore {
  const { read, write } = database;
  return {
    async close() {
      if (quick !== database) quick.close();
      database.close();
    },
    async probe() {
      await rolledBack(database, (writer) => {
        const row = { key: 'probe', value: String(clock.now()) };
        writer.run(build.insertInto('meta').values(row));
        const back = writer.first(build.selectFrom('meta').select('value').where('key', '=', row.key));
        if (back?.value !== row.value)
          throw new BurstError('unavailable', 'The database did not give back what was written to it.');
      });
    },
    async installationId() {
      return installationId;
    },

    createOperation: (operation) => write((writer) => operations.createOperation(writer, operation)),
    assertWithinRates: async (request) => read((reader) => rates.refuseTooFast(reader, request)),
    getOperation: async (id) => read((reader) => operations.getOperation(reader, id)),
    listOperations: async (filter) => read((reader) => operations.listOperations(reader, filter)),
    requestCancel: (id, by, nowMs, row) => write((writer) => operations.requestCancel(writer, id, by, nowMs, row)),
    adjustRuns: (ids, data, event, rows) => write((writer) => operations.adjustRuns(writer, ids, data, event, rows)),
    retryStuck: (id, nowMs, row) => write((writer) => operations.retryStuck(writer, id, nowMs, row)),

    runsOf: async (operationId) => read((reader) => runs.runsOf(reader, operationId)),
    getRun: async (id) => read((reader) => runs.getRun(reader, id)),
    backlog: async (cluster) =>
      read((reader) => ({ liveRuns: runs.countLive(reader, cluster), outbox: outbox.countOpen(reader, cluster) })),
    liveRuns: async () => read((reader) => runs.liveRuns(reader)),
    liveRunOf: async (cluster, name) => read((reader) => runs.liveRunOf(reader, cluster, name)),
    lastRunOf: async (cluster, name, kind) => read((reader) => runs.lastRunOf(reader, cluster, name, kind)),
    journal: async (runId) => read((reader) => runs.journalOf(reader, runId)),
    claimRuns: (request) => write((writer) => runs.claimRuns(writer, request)),
    wakeRuns: (cluster, names, nowMs) => write((writer) => runs.wakeRuns(writer, cluster, names, nowMs)),
    nextRunDueMs: async (cluster) => read((reader) => runs.nextRunDueMs(reader, cluster)),
    recordRun: (change) => write((writer) => recordRun(writer, change)),

    getWorker: async (cluster, name) => read((reader) => workers.getWorker(reader, cluster, name)),
    listWorkers: async (filter) => read((reader) => workers.listWorkers(reader, filter)),
    countPlaced: async (cluster) => read((reader) => workers.countPlaced(reader, cluster)),
    listLifespans: async (filter) => read((reader) => costs.listLifespans(reader, filter)),
    adoptWorker: (worker, schedule, row) =>
      write((writer) => {
        const adopted = workers.adoptWorker(writer, worker, schedule);
        if (adopted) audit.appendAudit(writer, [row]);
        return adopted;
      }),
    setWorkerState: (cluster, name, state, nowMs) =>
      write((writer) => workers.setWorkerState(writer, cluster, name, state, nowMs)),

    getSchedule: async (cluster, name) => read((reader) => workers.getSchedule(reader, cluster, name)),
    schedulesDue: async (beforeMs, limit, cluster) =>
      read((reader) => workers.schedulesDue(reader, beforeMs, limit, cluster)),
    listSchedules: async (statuses) => read((reader) => workers.listSchedules(reader, statuses)),
    nextDeadlineMs: async (afterMs, cluster) => read((reader) => workers.nextDeadlineMs(reader, afterMs, cluster)),
    saveSchedule: (schedule, row) =>
      write((writer) => {
        workers.saveSchedule(writer, schedule);
        if (row !== undefined) audit.appendAudit(writer, [row]);
      }),
    recordWarning: async (warning) => {
      let given = false;
      const work = (writer: Writer): void => {
        given = warning.schedules.every((schedule) => workers.markWarned(writer, schedule, warning.leadMs));
        if (!given) throw new RolledBack();
        outbox.enqueue(writer, [warning.outbox], clock.now());
        audit.appendAudit(writer, warning.audit);
      };
      await write(work).catch((error: unknown) => {
        if (!(error instanceof RolledBack)) throw error;
      });
      return given;
    },

    saveToken: (token) => write((writer) => tokens.saveToken(writer, token)),
    listTokens: async (filter) => read((reader) => tokens.listTokens(reader, filter)),
    forgetToken: (cluster, id) => write((writer) => tokens.forgetToken(writer, cluster, id)),
    openEpisodes: async (cluster) => read((reader) => health.openEpisodes(reader, cluster)),
    getEpisode: async (cluster, name, sinceMs) => read((reader) => health.getEpisode(reader, cluster, name, sinceMs)),
    saveEpisode: (episode, notice, row) =>
      write((writer) => {
        health.saveEpisode(writer, episode);
        if (notice !== undefined) outbox.enqueue(writer, [notice], clock.now());
        if (row !== undefined) audit.appendAudit(writer, [row]);
      }),

    openStrays: async (cluster) => read((reader) => strays.openStrays(reader, cluster)),
    getStray: async (id) => read((reader) => strays.getStray(reader, id)),
    saveStray: (stray, notice, row) =>
      write((writer) => {
        strays.saveStray(writer, stray);
        if (notice !== undefined) outbox.enqueue(writer, [notice], clock.now());
        if (row !== undefined) audit.appendAudit(writer, [row]);
      }),
    openServerEpisode: async (cluster) => read((reader) => servers.openServerEpisode(reader, cluster)),
    getServerEpisode: async (cluster, server, sinceMs) =>
      read((reader) => servers.getServerEpisode(reader, cluster, server, sinceMs)),
    saveServerEpisode: (episode, notice, row) =>
      write((writer) => {
        servers.saveServerEpisode(writer, episode);
        if (notice !== undefined) outbox.enqueue(writer, [notice], clock.now());
        if (row !== undefined) audit.appendAudit(writer, [row]);
      }),
    notifyChoices: async (userIds) => read((reader) => notify.notifyChoices(reader, userIds)),
    saveNotifyChoice: (userId, choice) => write((writer) => notify.saveNotifyChoice(writer, userId, choice)),

    createApproval: (approval, rows, notices) =>
      write((writer) => approvals.createApproval(writer, approval, rows, notices, clock.now())),
    getApproval: async (id) => read((reader) => approvals.getApproval(reader, id)),
    approvalByKey: async (key) => read((reader) => approvals.approvalByKey(reader, key)),
    operationByKey: async (key) => read((reader) => approvals.operationByKey(reader, key)),
    listApprovals: async (filter) => read((reader) => approvals.listApprovals(reader, filter)),
    async decideApproval(...decision) {
      const decided = await write((writer) => approvals.decideApproval(writer, decision));
      if (decided === undefined)
        throw new BurstError('not_found', `There is no approval "${decision[0].slice(0, 60)}".`);
      return decided;
    },
    endApproval: (...change) => write((writer) => approvals.endApproval(writer, change)),
    remindApproval: (id, notice) => write((writer) => approvals.remindApproval(writer, id, notice, clock.now())),

    recordRequests: (batch) => quick.write((writer) => inbox.recordRequests(writer, batch)),
    renewRequests: (owner, untilMs) => write((writer) => inbox.renewRequests(writer, owner, untilMs)),
    claimRequests: async (claim) =>
      read((reader) => inbox.hasLeft(reader, claim.owner, claim.nowMs))
        ? write((writer) => inbox.claimRequests(writer, claim))
        : [],
    forgetRequests: (beforeMs, keep) => write((writer) => inbox.forgetRequests(writer, beforeMs, keep)),

    tellOnce: (key, by, nowMs, notice, row) =>
      write((writer) => {
        if (audit.claimAction(writer, key, by, nowMs) !== undefined) return false;
        outbox.enqueue(writer, [notice], nowMs);
        audit.appendAudit(writer, [row]);
        return true;
      }),
    enqueue: (row) => write((writer) => outbox.enqueue(writer, [row], clock.now())),
    dueOutbox: async (nowMs, limit, claim) =>
      read((reader) => outbox.hasDue(reader, nowMs))
        ? write((writer) => outbox.dueOutbox(writer, nowMs, limit, claim))
        : [],
    outboxDelivered: (ids, nowMs) => write((writer) => outbox.outboxDelivered(writer, ids, nowMs)),
    outboxFailed: (id, notBeforeMs, error) => write((writer) => outbox.outboxFailed(writer, id, notBeforeMs, error)),
    getMessage: async (key) => read((reader) => outbox.getMessage(reader, key)),
    saveMessage: (message) => write((writer) => outbox.saveMessage(writer, message)),

    appendAudit: (rows) => write((writer) => audit.appendAudit(writer, rows)),
    listAudit: async (filter) => read((reader) => audit.listAudit(reader, filter)),
    saveInstallation: (record, rows) => write((writer) => installations.saveInstallation(writer, record, rows)),
    getInstallation: async (key) => read((reader) => installations.getInstallation(reader, key)),
    listInstallations: async () => read((reader) => installations.listInstallations(reader)),
    removeInstallation: (key, beforeMs, rows) =>
      write((writer) => installations.removeInstallation(writer, key, beforeMs, rows)),
    auditHead: async () => read((reader) => audit.headOf(reader)),
    approvedBy: async (operationIds) => read((reader) => audit.approvedBy(reader, operationIds)),
    claimAction: (key, by, nowMs) => write((writer) => audit.claimAction(writer, key, by, nowMs)),
  };
}
