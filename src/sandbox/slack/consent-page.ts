/** The page on which a person lets the app into a workspace. Invariant: nothing that came with the request stands in it as markup. */
import type { Target } from './workspace.ts';

const STYLE = `
:root { color-scheme: light dark; }
body { margin: 0; font: 16px/1.5 system-ui, sans-serif; color: #1d1c1d; background: #f6f6f8; }
main { max-width: 34rem; margin: 8vh auto; padding: 2rem 2.25rem; background: #fff; border: 1px solid #dddde0; border-radius: 12px; }
h1 { margin: 0 0 1rem; font-size: 1.6rem; line-height: 1.25; }
h2 { margin: 1.5rem 0 .25rem; font-size: 1rem; }
ul { margin: .25rem 0 0; padding-left: 1.2rem; }
nav { display: grid; gap: .6rem; margin-top: 1.75rem; }
nav a { padding: .6rem 1rem; border: 1px solid #85858a; border-radius: 8px; color: inherit; font-weight: 700; text-align: center; text-decoration: none; }
nav a.allow { border-color: #00704f; background: #00704f; color: #fff; }
nav a:hover { filter: brightness(.93); }
@media (prefers-color-scheme: dark) {
  body { color: #dcdde0; background: #101214; }
  main { background: #1a1d21; border-color: #3a3d42; }
}`;

/** What each scope lets an app do, in Slack's words. */
const MEANS: Readonly<Record<string, string>> = {
  commands: 'Add shortcuts and slash commands that people can use',
  'chat:write': 'Send messages as @burst',
  'chat:write.public': "Send messages to channels that @burst isn't a member of",
  'usergroups:read': 'View user groups in the workspace',
  'channels:history': 'View messages in public channels that Burst has been added to',
  'groups:history': 'View messages in private channels that Burst has been added to',
  'im:history': 'View messages in direct messages that Burst has been added to',
  'im:write': 'Start direct messages with people',
  'files:write': 'Upload, edit and delete files as Burst',
};

/** HTML: what is asked for, a link for each target, one to cancel; `held` has the keys of those that have the app. */
export function consentPage(given: URLSearchParams, targets: readonly Target[], held: ReadonlySet<string>): string {
  // what is written by URLSearchParams holds no quotes and no angle brackets
  const answer = (allow: string): string =>
    `?${new URLSearchParams([...given, ['allow', allow]]).toString()}`.replaceAll('&', '&amp;');
  const scopes = (given.get('scope') ?? '').split(',').flatMap((scope) => MEANS[scope] ?? []);
  const allow = targets.map(
    ({ key, name }) =>
      `<a class="allow" href="${answer(key)}">${held.has(key) ? 'Allow again in' : 'Allow in'} ${name}</a>`,
  );
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Allow Burst</title><style>${STYLE}</style></head>
<body><main>
<h1>Burst is requesting permission to access a Slack workspace</h1>
<h2>What will Burst be able to do?</h2>
<ul>${scopes.map((text) => `<li>${text}</li>`).join('')}</ul>
<nav aria-label="Your answer">${allow.join('')}<a href="${answer('cancel')}">Cancel</a></nav>
</main></body>
</html>`;
}
