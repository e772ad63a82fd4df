/** JSON lines by pino. Invariant: messages are constant, what varies is a field, and every field passes the redactor. */
import { type DestinationStream, pino, stdTimeFunctions } from 'pino';
import { type Redactor, createRedactor } from './redact.ts';

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

/** Fields with these names mean the same everywhere; others may be added. */
export type LogFields = Readonly<Record<string, unknown>> & {
  readonly cluster?: string;
  readonly operationId?: string;
  readonly runId?: string;
  readonly workerName?: string;
  /** An Error; its message, stack, fields and causes are logged. */
  readonly err?: unknown;
};
type Write = (fields: LogFields, message: string) => void;

/** What any part of Burst may log through. */
export type Logger = {
  readonly debug: Write;
  readonly info: Write;
  readonly warn: Write;
  readonly error: Write;
  /** A logger that adds these fields to each line. */
  readonly child: (fields: LogFields) => Logger;
};

export type LoggerOptions = {
  readonly level: LogLevel;
  /** Where lines go; standard output unless given. */
  readonly destination?: { write(line: string): void };
  /** Values that are hidden wherever they appear (the configuration's secrets). */
  readonly secrets?: readonly string[];
};

type Sink = Readonly<Record<'debug' | 'info' | 'warn' | 'error', (fields: object, message: string) => void>> & {
  readonly child: (fields: object) => Sink;
  readonly isLevelEnabled: (level: string) => boolean;
};

function wrap(sink: Sink, redactor: Redactor): Logger {
  const write =
    (level: 'debug' | 'info' | 'warn' | 'error'): Write =>
    (fields, message) => {
      if (sink.isLevelEnabled(level)) sink[level](redactor.fields(fields), redactor.text(message));
    };
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: (fields) => wrap(sink.child(redactor.fields(fields)), redactor),
  };
}

/** A logger of JSON lines: `level` as a word, `time` in RFC 3339, `msg`, and the fields. */
export function createLogger(options: LoggerOptions): Logger {
  const settings = {
    level: options.level,
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: {},
  };
  const destination = options.destination as DestinationStream | undefined;
  const sink = destination === undefined ? pino(settings) : pino(settings, destination);
  return wrap(sink, createRedactor(options.secrets));
}
