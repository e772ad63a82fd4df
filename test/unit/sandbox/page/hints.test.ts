import { expect, test } from 'vitest';
import { subCommands } from '../../../../src/sandbox/page/client/hints.ts';
import { commands } from '../../../../src/slack/commands/registry.ts';

test('the page suggests words that are commands, each once', () => {
  const words = subCommands.map(([word]) => word);
  expect(new Set(words).size).toBe(words.length);
  for (const word of words) expect(commands.map(({ name }) => name)).toContain(word);
});
