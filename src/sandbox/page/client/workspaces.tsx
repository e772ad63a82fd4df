import { useState } from 'react';
import type { PageWorkspaces } from '../../contract.ts';
import { post } from './api.ts';
import { Dialog } from './dialog.tsx';

type One = PageWorkspaces['workspaces'][number];

/** The workspaces that one is signed in to. */
export function WorkspaceSwitch(props: { workspaces: One[]; current: string; onSwitch: (team: string) => void }) {
  return (
    <div className="workspace-switch">
      <select
        aria-label="Switch workspace"
        value={props.current}
        onChange={(event) => props.onSwitch(event.target.value)}
      >
        {props.workspaces.map(({ team, name, installed }) => (
          <option key={team} value={team}>
            {installed === null ? `${name} (without Burst)` : name}
          </option>
        ))}
      </select>
    </div>
  );
}

/** Where the app is not at home: the way in, or the way out. */
export function AppPresence(props: {
  workspace: One;
  installUrl: string | undefined;
  onChanged: () => void;
  onError: (error: string) => void;
}) {
  const { workspace, installUrl } = props;
  const [asked, setAsked] = useState(false);
  const [busy, setBusy] = useState(false);
  if (workspace.installed === null)
    return installUrl === undefined ? null : (
      <a className="entry" href={installUrl} target="_blank" rel="noreferrer">
        <span aria-hidden="true" className="entry-icon">
          +
        </span>
        Install Burst…
      </a>
    );
  const whole = workspace.installed === 'organisation' ? `all of ${workspace.name}` : workspace.name;
  const remove = async (): Promise<void> => {
    if (busy) return;
    setBusy(true);
    const reply = await post('/workspaces/remove-app', { team: workspace.team });
    setBusy(false);
    setAsked(false);
    if (!reply.ok) props.onError(reply.error ?? 'Burst was not removed.');
    props.onChanged();
  };
  return (
    <>
      <button type="button" className="entry" onClick={() => setAsked(true)}>
        <span aria-hidden="true" className="entry-icon">
          −
        </span>
        Remove Burst…
      </button>
      {asked && (
        <Dialog title={`Remove Burst from ${whole}?`} small onClose={() => setAsked(false)}>
          <div className="dialog-body">
            Its token ends, and it hears nothing more from there. Workers live on to their deadlines.
          </div>
          <div className="dialog-foot">
            <button type="button" className="button" onClick={() => setAsked(false)}>
              Keep it
            </button>
            <button type="button" className="button danger" aria-busy={busy || undefined} onClick={() => void remove()}>
              Remove Burst
            </button>
          </div>
        </Dialog>
      )}
    </>
  );
}
