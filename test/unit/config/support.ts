import { ConfigError, type Config, loadConfig } from '../../../src/config/index.ts';

export const ENV = {
  SLACK_BOT_TOKEN: 'xoxb-test',
  SLACK_APP_TOKEN: 'xapp-test',
  PROXMOX_MCP_ENDPOINT: 'http://proxmox.test/mcp',
};

export type Files = Readonly<Record<string, string>>;

/** Loads `yaml` as the file, with further files by path. */
export function load(yaml: string, env: Readonly<Record<string, string | undefined>> = ENV, files: Files = {}): Config {
  const all: Files = { 'burst.yaml': yaml, ...files };
  return loadConfig({
    path: 'burst.yaml',
    env,
    readFile: (path) => {
      const text = all[path];
      if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
      return text;
    },
  });
}

/** The problems of a file that must not load, `path: text`. */
export function problemsOf(yaml: string, env: Readonly<Record<string, string | undefined>> = ENV, files: Files = {}) {
  try {
    load(yaml, env, files);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('this configuration was accepted');
}
