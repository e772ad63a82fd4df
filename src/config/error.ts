/** What is wrong with a configuration, all of it at once. */
export type Problem = {
  /** `burst_workers.default_ttl_hours`; empty for the file as a whole. */
  readonly path: string;
  /** What was found and what is allowed, in words. No secrets. */
  readonly text: string;
  /** Line of the file, from 1; undefined when the value is not from the file. */
  readonly line: number | undefined;
  /** The environment variable that the value came from. */
  readonly variable: string | undefined;
};

function describe(problem: Problem): string {
  const from =
    problem.variable !== undefined
      ? ` (from ${problem.variable})`
      : problem.line !== undefined
        ? ` (line ${problem.line})`
        : '';
  return problem.path === '' ? `  ${problem.text}${from}` : `  ${problem.path}${from}: ${problem.text}`;
}

/** One message with every problem: where, what was found, what is allowed. The process that meets it exits with 2. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly Problem[];
  constructor(file: string, problems: readonly Problem[]) {
    const count = problems.length === 1 ? 'one problem' : `${problems.length} problems`;
    super(`The configuration ${file} has ${count}:\n${problems.map(describe).join('\n')}`);
    this.problems = problems;
  }
}
