/** Prometheus metrics. Invariant: labels have few values (kinds, states, the cluster), never a worker's or person's name. */
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import type { OperationKind, OperationState, RunKind } from '../domain/operation.ts';
import type { WorkerStatus } from '../domain/worker.ts';

export type StepOutcome = 'done' | 'wait' | 'failed' | 'threw' | 'undone';
export type ReaperOutcome = 'ok' | 'failed' | 'skipped';

const STATUSES: readonly WorkerStatus[] = ['ready', 'busy', 'draining', 'not_ready'];

export type Metrics = {
  /** An operation was accepted. */
  readonly operationStarted: (labels: { readonly cluster: string; readonly kind: OperationKind }) => void;
  /** An operation reached an end. */
  readonly operationEnded: (labels: {
    readonly cluster: string;
    readonly kind: OperationKind;
    readonly outcome: Exclude<OperationState, 'running'>;
  }) => void;
  /** One look (and act) of a step, in ms. */
  readonly stepLooked: (
    labels: { readonly cluster: string; readonly kind: RunKind; readonly step: string; readonly outcome: StepOutcome },
    tookMs: number,
  ) => void;
  /** A reaper's round, in ms. */
  readonly reaperTicked: (
    labels: { readonly cluster: string; readonly outcome: ReaperOutcome },
    tookMs: number,
  ) => void;
  /** Burst workers with a node, by status; what is not named is 0. */
  readonly setBurstWorkers: (cluster: string, counts: Readonly<Partial<Record<WorkerStatus, number>>>) => void;
  /** For how long the node and pod caches have been stale, in ms; 0 when they are fresh. */
  readonly setCacheStale: (cluster: string, staleMs: number) => void;
  /** For how long the VM server has not answered, in ms; 0 when it does. */
  readonly setVmServerAway: (cluster: string, awayMs: number) => void;
  /** Runs that are not ended, and notices not yet delivered. */
  readonly setBacklog: (cluster: string, counts: { readonly liveRuns: number; readonly outbox: number }) => void;
  /** What the burst workers of a cluster cost an hour now, in units of the currency. */
  readonly setCostPerHour: (cluster: string, currency: string, amount: number) => void;
  /** How much of a budget is committed this month; 1 is all of it. */
  readonly setBudget: (budget: string, ratio: number) => void;
  /** Called before each scrape, to set gauges; a failure leaves them as they were. */
  readonly onScrape: (update: () => void | Promise<void>) => void;
  /** The text exposition format. */
  readonly render: () => Promise<{ readonly contentType: string; readonly body: string }>;
};

/** A registry of its own: several may live in one process. */
export function createMetrics(options: { readonly processMetrics?: boolean } = {}): Metrics {
  const registry = new Registry();
  const registers = [registry];
  if (options.processMetrics ?? true) collectDefaultMetrics({ register: registry });
  const started = new Counter({
    name: 'burst_operations_started_total',
    help: 'Operations accepted, by kind.',
    labelNames: ['cluster', 'kind'],
    registers,
  });
  const ended = new Counter({
    name: 'burst_operations_ended_total',
    help: 'Operations that ended, by kind and outcome.',
    labelNames: ['cluster', 'kind', 'outcome'],
    registers,
  });
  const steps = new Histogram({
    name: 'burst_run_step_seconds',
    help: 'Time of one look at a step, acting included.',
    labelNames: ['cluster', 'kind', 'step', 'outcome'],
    buckets: [0.005, 0.02, 0.1, 0.5, 1, 2, 5, 10, 30, 60],
    registers,
  });
  const ticks = new Histogram({
    name: 'burst_reaper_tick_seconds',
    help: "Time of one of the reaper's rounds.",
    labelNames: ['cluster', 'outcome'],
    buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 1, 5, 30],
    registers,
  });
  const workers = new Gauge({
    name: 'burst_workers',
    help: 'Burst workers that have a node, by status.',
    labelNames: ['cluster', 'status'],
    registers,
  });
  const stale = new Gauge({
    name: 'burst_cache_stale_seconds',
    help: 'For how long the node and pod caches have been stale; 0 when they are fresh.',
    labelNames: ['cluster'],
    registers,
  });
  const server = new Gauge({
    name: 'burst_vm_server_up',
    help: 'Whether the VM server answers: 1 or 0.',
    labelNames: ['cluster'],
    registers,
  });
  const away = new Gauge({
    name: 'burst_vm_server_away_seconds',
    help: 'For how long the VM server has not answered; 0 when it does.',
    labelNames: ['cluster'],
    registers,
  });
  const runs = new Gauge({
    name: 'burst_live_runs',
    help: 'Runs that are not ended.',
    labelNames: ['cluster'],
    registers,
  });
  const outbox = new Gauge({
    name: 'burst_outbox_waiting',
    help: 'Messages that wait for delivery.',
    labelNames: ['cluster'],
    registers,
  });
  const perHour = new Gauge({
    name: 'burst_cost_per_hour',
    help: 'What the burst workers that are there cost an hour, in units of the currency.',
    labelNames: ['cluster', 'currency'],
    registers,
  });
  const budgets = new Gauge({
    name: 'burst_budget_committed_ratio',
    help: 'How much of a monthly budget is spent or runs until its deadline; 1 is all of it.',
    labelNames: ['budget'],
    registers,
  });
  const updates: (() => void | Promise<void>)[] = [];
  return {
    operationStarted: (labels) => started.inc(labels),
    operationEnded: (labels) => ended.inc(labels),
    stepLooked: (labels, tookMs) => steps.observe(labels, tookMs / 1000),
    reaperTicked: (labels, tookMs) => ticks.observe(labels, tookMs / 1000),
    setBurstWorkers: (cluster, counts) => {
      for (const status of STATUSES) workers.set({ cluster, status }, counts[status] ?? 0);
    },
    setCacheStale: (cluster, staleMs) => stale.set({ cluster }, staleMs / 1000),
    setVmServerAway: (cluster, awayMs) => {
      server.set({ cluster }, awayMs > 0 ? 0 : 1);
      away.set({ cluster }, awayMs / 1000);
    },
    setBacklog: (cluster, counts) => {
      runs.set({ cluster }, counts.liveRuns);
      outbox.set({ cluster }, counts.outbox);
    },
    setCostPerHour: (cluster, currency, amount) => perHour.set({ cluster, currency }, amount),
    setBudget: (budget, ratio) => budgets.set({ budget }, ratio),
    onScrape: (update) => {
      updates.push(update);
    },
    render: async () => {
      await Promise.allSettled(updates.map(async (update) => update()));
      return { contentType: registry.contentType, body: await registry.metrics() };
    },
  };
}
