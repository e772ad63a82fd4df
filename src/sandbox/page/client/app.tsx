import { Fragment, useCallback, useEffect, useMemo, useState } from 'react';
import type { PageMessage } from '../../contract.ts';
import { useSandbox } from './api.ts';
import { BlocksSurface } from './blocks.tsx';
import { Composer } from './composer.tsx';
import { Avatar, MessageList } from './messages.tsx';
import { Modal } from './modal.tsx';
import type { Edited } from './state.ts';
import { ReaderContext, inWorkspace } from './reader.ts';
import { useStored } from './stored.ts';
import { AppPresence, WorkspaceSwitch } from './workspaces.tsx';
import { World } from './world.tsx';

/** Signed in at first; the state then names everyone else. */
const FIRST_USER = 'U0OPERATOR1';
type Place = { kind: 'channel'; id: string } | { kind: 'home' };

const inThread = (m: PageMessage): boolean => m.threadTs !== undefined && m.threadTs !== m.ts;

export function App() {
  const [user, setUser] = useStored('user', FIRST_USER);
  const [storedTeam, setTeam] = useStored('team', '');
  const team = storedTeam === '' ? undefined : storedTeam;
  const who = `${storedTeam}/${user}`;
  const [theme, setTheme] = useStored('theme', matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');
  const onUnknown = useCallback(() => {
    setUser(FIRST_USER);
    setTeam('');
  }, [setUser, setTeam]);
  const { slack, workspaces, world, connected, skewMs, refresh } = useSandbox(user, team, onUnknown);
  const [place, setPlace] = useState<Place>();
  const [thread, setThread] = useState<string>();
  const [showWorld, setShowWorld] = useState(() => window.innerWidth > 1100);
  const [toast, setToast] = useState('');
  const [seen, setSeen] = useState<Record<string, string>>({});
  /** What had been seen of the conversation when it was opened. */
  const [seenUntil, setSeenUntil] = useState<string>();
  const [homeEdited, setHomeEdited] = useState<Edited>({});

  useEffect(() => void (document.documentElement.dataset['theme'] = theme), [theme]);
  useEffect(() => {
    if (toast === '') return;
    const timer = setTimeout(() => setToast(''), 8000);
    return () => clearTimeout(timer);
  }, [toast]);
  const reader = useMemo(
    () => ({
      me: user,
      users: slack?.users ?? [],
      channels: slack?.channels ?? [],
      shortcuts: slack?.shortcuts ?? [],
      nowMs: () => Date.now() + skewMs,
      ...inWorkspace(team, user),
    }),
    [user, team, slack, skewMs],
  );
  const im = slack?.channels.find((c) => c.kind === 'im');
  // what was looked at may be gone with the app
  const isHome = place?.kind === 'home' && im !== undefined;
  const channel = isHome
    ? undefined
    : (slack?.channels.find((c) => place?.kind === 'channel' && c.id === place.id) ??
      slack?.channels.find((c) => c.kind === 'channel'));
  const here = slack?.messages.filter((m) => m.channel === channel?.id) ?? [];
  const newest = here.at(-1)?.ts ?? '';
  const seenKey = channel ? `${who}/${channel.id}` : '';
  useEffect(() => {
    if (seenKey !== '' && newest !== '')
      setSeen((old) => (old[seenKey] === newest ? old : { ...old, [seenKey]: newest }));
  }, [seenKey, newest]);
  useEffect(() => {
    if (isHome) void inWorkspace(team, user).slack('/home/open', { user });
  }, [isHome, team, user]);

  if (!slack)
    return (
      <div className="loading" role="status">
        {connected ? 'Loading the sandbox…' : 'The sandbox does not answer. Waiting for it…'}
      </div>
    );
  const unread = (id: string): number =>
    slack.messages.filter(
      (m) => m.channel === id && !inThread(m) && m.userId !== user && m.ts > (seen[`${who}/${id}`] ?? ''),
    ).length;
  const go = (to: Place): void => {
    setPlace(to);
    setSeenUntil(to.kind === 'channel' ? seen[`${who}/${to.id}`] : undefined);
    setThread(undefined);
  };
  const entry = (label: string, id: string, current: boolean, icon: string, to: Place) => {
    const count = id === '' || current ? 0 : unread(id);
    return (
      <li>
        <button
          type="button"
          className={`entry ${count > 0 ? 'unread' : ''}`}
          aria-current={current ? 'page' : undefined}
          onClick={() => go(to)}
        >
          <span aria-hidden="true" className="entry-icon">
            {icon}
          </span>
          <span className="grow">{label}</span>
          {count > 0 && (
            <span className="count">
              {count}
              <span className="hidden"> unread</span>
            </span>
          )}
        </button>
      </li>
    );
  };
  const workspace = workspaces?.workspaces.find(({ installed, team: own }) =>
    team === undefined ? installed === 'home' : own === team,
  );
  const several = workspaces !== undefined && workspaces.workspaces.length > 1 ? workspaces.workspaces : undefined;
  const title = isHome || channel?.kind === 'im' ? 'Burst' : `#${channel?.name ?? ''}`;
  const modal = slack.modals.at(-1);
  const root = here.find((m) => m.ts === thread);
  const inApp = isHome || channel?.kind === 'im';
  const composerLabel = channel?.kind === 'im' ? 'Message Burst' : `Message #${channel?.name ?? ''}`;

  return (
    <ReaderContext value={reader}>
      <div className={`app ${showWorld ? 'with-world' : ''}`} inert={modal !== undefined}>
        <nav className="sidebar" aria-label="Workspace">
          <div className="workspace">
            <span className="workspace-icon" aria-hidden="true">
              {(workspace?.name ?? 'Sandbox').slice(0, 1)}
            </span>
            <h1>{workspace?.name ?? 'Sandbox'}</h1>
          </div>
          {several && (
            <WorkspaceSwitch
              workspaces={several}
              current={workspace?.team ?? ''}
              onSwitch={(next) => {
                setTeam(next === several[0]?.team ? '' : next);
                setPlace(undefined);
                setSeenUntil(undefined);
                setThread(undefined);
                setHomeEdited({});
                setToast('');
              }}
            />
          )}
          <div className="sidebar-scroll">
            <h2>Channels</h2>
            <ul>
              {slack.channels
                .filter((c) => c.kind === 'channel')
                .map((c) => (
                  <Fragment key={c.id}>
                    {entry(c.name, c.id, channel?.id === c.id, '#', { kind: 'channel', id: c.id })}
                  </Fragment>
                ))}
            </ul>
            <h2>Apps</h2>
            <ul>{im && entry('Burst', im.id, inApp, '⚡', { kind: 'home' })}</ul>
            {workspace && workspace.installed !== 'home' && (
              <AppPresence
                key={workspace.team}
                workspace={workspace}
                installUrl={workspaces?.installUrl}
                onChanged={refresh}
                onError={setToast}
              />
            )}
          </div>
          <div className="me">
            <Avatar id={user} name={slack.me.realName} bot={false} />
            <span className="small">Signed in as</span>
            <select
              aria-label="Switch user"
              value={user}
              onChange={(event) => {
                setUser(event.target.value);
                setSeenUntil(channel && seen[`${storedTeam}/${event.target.value}/${channel.id}`]);
                setHomeEdited({});
                if (channel?.kind === 'im') setPlace(undefined);
                setThread(undefined);
              }}
            >
              {slack.users
                .filter((u) => !u.isBot)
                .map((u) => (
                  <option key={u.id} value={u.id}>{`${u.realName} (${u.role})`}</option>
                ))}
            </select>
          </div>
        </nav>
        <main className="main">
          <header className="bar">
            <h2>{title}</h2>
            {inApp && im && (
              <div role="group" aria-label="Burst" className="tabs">
                <button type="button" aria-current={isHome ? 'page' : undefined} onClick={() => go({ kind: 'home' })}>
                  Home
                </button>
                <button
                  type="button"
                  aria-current={isHome ? undefined : 'page'}
                  onClick={() => go({ kind: 'channel', id: im.id })}
                >
                  Messages{' '}
                  {isHome && unread(im.id) > 0 && (
                    <span className="count">
                      {unread(im.id)}
                      <span className="hidden"> unread</span>
                    </span>
                  )}
                </button>
              </div>
            )}
            <span className="grow" />
            {!connected && (
              <span role="status" className="badge">
                Reconnecting…
              </span>
            )}
            <button
              type="button"
              className="button quiet"
              aria-pressed={theme === 'dark'}
              onClick={() => setTheme(theme === 'dark' ? 'light' : 'dark')}
            >
              <span aria-hidden="true">{theme === 'dark' ? '☾' : '☀'}</span> Dark mode
            </button>
            <button
              type="button"
              className="button quiet"
              aria-expanded={showWorld}
              onClick={() => setShowWorld(!showWorld)}
            >
              Outside world panel
            </button>
          </header>
          <div className="split">
            <div className="column">
              {isHome ? (
                <div className="home" tabIndex={0} role="region" aria-label="Burst home">
                  {slack.home ? (
                    <BlocksSurface
                      key={who}
                      user={user}
                      container={{ type: 'view', viewId: slack.home.id }}
                      blocks={slack.home.blocks}
                      edited={homeEdited}
                      onEdit={setHomeEdited}
                      onError={setToast}
                    />
                  ) : (
                    <p className="muted">Waiting for Burst to show its home…</p>
                  )}
                </div>
              ) : (
                channel && (
                  <>
                    <MessageList
                      key={`${who}/${channel.id}`}
                      label={`Messages in ${title}`}
                      messages={here.filter((m) => !inThread(m))}
                      onThread={setThread}
                      onError={setToast}
                      {...(seenUntil === undefined ? {} : { seenUntil })}
                      intro={
                        channel.kind === 'im'
                          ? 'What Burst tells you alone.'
                          : `This is the beginning of #${channel.name}. ${im ? 'Type /burst to begin.' : 'Burst is not in this workspace.'}`
                      }
                    />
                    <Composer
                      key={`c/${who}/${channel.id}`}
                      user={user}
                      channel={channel.id}
                      label={composerLabel}
                      commands={slack.commands}
                      onSent={refresh}
                    />
                  </>
                )
              )}
            </div>
            {root && channel && (
              <aside className="thread" aria-label="Thread">
                <header className="bar">
                  <h2>Thread</h2>
                  <span className="grow muted">{title}</span>
                  <button
                    type="button"
                    className="icon-button"
                    aria-label="Close thread"
                    onClick={() => setThread(undefined)}
                  >
                    <span aria-hidden="true">✕</span>
                  </button>
                </header>
                <MessageList
                  key={root.ts}
                  label="Thread"
                  messages={[root, ...here.filter((m) => m.threadTs === root.ts && m.ts !== root.ts)]}
                  onError={setToast}
                />
                <Composer
                  key={`t/${root.ts}`}
                  user={user}
                  channel={channel.id}
                  label="Reply in thread"
                  commands={[]}
                  threadTs={root.ts}
                  onSent={refresh}
                />
              </aside>
            )}
          </div>
        </main>
        {showWorld && (
          <aside className="world" aria-labelledby="world-title" tabIndex={0}>
            <h2 id="world-title">Outside world</h2>
            <button
              type="button"
              className="icon-button world-close"
              aria-label="Close outside world"
              onClick={() => setShowWorld(false)}
            >
              <span aria-hidden="true">✕</span>
            </button>
            {world ? <World world={world} skewMs={skewMs} onChanged={refresh} /> : <p className="muted">Loading…</p>}
          </aside>
        )}
      </div>
      {slack.modals.map((view, i) => (
        <Modal key={view.id} user={user} view={view} top={view === modal} depth={i + 1} onChanged={refresh} />
      ))}
      {toast !== '' && (
        <div role="alert" className="toast">
          {toast}
          <button type="button" className="icon-button" aria-label="Dismiss message" onClick={() => setToast('')}>
            <span aria-hidden="true">✕</span>
          </button>
        </div>
      )}
    </ReaderContext>
  );
}
