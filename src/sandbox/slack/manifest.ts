/** What an app's manifest declares. Invariant: a person is offered exactly what it lists. */
import { z } from 'zod';
import type { PageShortcut } from '../contract.ts';

const text = z.string().default('');
const schema = z.looseObject({
  features: z.looseObject({
    slash_commands: z
      .array(
        z.looseObject({
          command: z.string().regex(/^\/\S+$/),
          description: text,
          usage_hint: text,
          should_escape: z.boolean().default(false),
        }),
      )
      .default([]),
    shortcuts: z
      .array(
        z.looseObject({
          name: z.string(),
          type: z.enum(['global', 'message']),
          callback_id: z.string().min(1).max(255),
          description: text,
        }),
      )
      .default([]),
  }),
  oauth_config: z.looseObject({ scopes: z.looseObject({ bot: z.array(z.string()).default([]) }) }).optional(),
});

export type DeclaredCommand = { command: string; description: string; usageHint: string; escapes: boolean };
export type Declared = {
  commands: DeclaredCommand[];
  shortcuts: PageShortcut[];
  /** The bot's scopes; undefined where the manifest does not speak of them. */
  scopes: string[] | undefined;
};

/** The commands, shortcuts and scopes of a manifest (parsed JSON). Throws a ZodError when it is none. */
export function readManifest(manifest: unknown): Declared {
  const { features, oauth_config } = schema.parse(manifest);
  const { slash_commands, shortcuts } = features;
  return {
    scopes: oauth_config?.scopes.bot,
    commands: slash_commands.map((c) => ({
      command: c.command,
      description: c.description,
      usageHint: c.usage_hint,
      escapes: c.should_escape,
    })),
    shortcuts: shortcuts.map((s) => ({
      name: s.name,
      type: s.type,
      callbackId: s.callback_id,
      description: s.description,
    })),
  };
}
