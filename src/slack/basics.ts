/** What every part of this folder speaks of. */
type LogLine = (fields: Readonly<Record<string, unknown>>, message: string) => void;
export type Log = { readonly debug: LogLine; readonly info: LogLine; readonly warn: LogLine; readonly error: LogLine };

/** A person in Slack. */
export type SlackActor = { readonly kind: 'slack'; readonly userId: string; readonly userName?: string };
