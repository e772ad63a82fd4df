/** Logs, metrics and health. Invariant: nothing that leaves this folder holds a secret. */
export { createLogger, type LogFields, type LogLevel, type Logger, type LoggerOptions } from './logger.ts';
export { createMetrics, type Metrics, type ReaperOutcome, type StepOutcome } from './metrics.ts';
export { startMonitoring, type Check, type Monitoring, type MonitoringOptions } from './monitoring.ts';
export { createHider, createRedactor, type Redactor } from './redact.ts';
