import { useEffect, useState } from 'react';
import type { ClockRequest, WorldNode, WorldState } from '../../contract.ts';
import { post } from './api.ts';

function left(deadline: string, nowMs: number): string {
  const minutes = Math.round((Date.parse(deadline) - nowMs) / 60_000);
  if (Number.isNaN(minutes)) return 'unreadable deadline';
  const size = Math.abs(minutes);
  const words = [size < 60 ? '' : `${Math.floor(size / 60)} h`, size % 60 === 0 && size > 0 ? '' : `${size % 60} min`]
    .filter(Boolean)
    .join(' ');
  return minutes >= 0 ? `${words} left` : `${words} overdue`;
}

function Clock({
  skewMs,
  skippedMs,
  onChanged,
  onResult,
}: {
  skewMs: number;
  skippedMs: number;
  onChanged: () => void;
  onResult: (text: string) => void;
}) {
  const [nowMs, setNow] = useState(() => Date.now());
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  const move = async (body: ClockRequest, done: string): Promise<void> => {
    if (busy) return;
    setBusy(true);
    onResult('');
    const reply = await post('/world/clock', body);
    setBusy(false);
    onResult(reply.ok ? (reply.message ?? done) : (reply.error ?? 'The clock did not move.'));
    onChanged();
  };
  const date = new Date(nowMs + skewMs);
  return (
    <section aria-labelledby="clock-title">
      <h3 id="clock-title">Clock</h3>
      <div className="clock">
        <time dateTime={date.toISOString()}>
          <span className="clock-time">{date.toLocaleTimeString('en-GB')}</span>{' '}
          {date.toLocaleDateString('en-US', { weekday: 'short', month: 'short', day: 'numeric' })}
        </time>
        {skippedMs > 0 && <span className="muted small">{`${(skippedMs / 3_600_000).toFixed(1)} h skipped`}</span>}
      </div>
      <div className="actions">
        <button
          type="button"
          className="button"
          onClick={() => void move({ advanceMs: 3_600_000 }, 'One hour has passed.')}
        >
          +1 h
        </button>
        <button
          type="button"
          className="button"
          aria-busy={busy || undefined}
          onClick={() => void move({ skipToNextDeadline: true }, 'Done.')}
        >
          Skip to next deadline{busy && <span className="spinner" aria-hidden="true" />}
        </button>
      </div>
    </section>
  );
}

function Node({ node, nowMs }: { node: WorldNode; nowMs: number }) {
  const state = `${node.ready ? 'Ready' : 'Not ready'}${node.unschedulable ? ', cordoned' : ''}`;
  return (
    <li className={`node ${node.type}`}>
      <details open={node.type === 'burst'}>
        <summary>
          <span className={`dot ${node.ready ? (node.unschedulable ? 'warn' : 'good') : 'bad'}`} aria-hidden="true" />
          <span className="node-name">{node.name}</span>
          <span className="badge">{node.type}</span>
          {node.cluster !== undefined && <span className="badge">{node.cluster}</span>}
          <span className="node-state muted small">
            {state} · {node.pods.length} {node.pods.length === 1 ? 'pod' : 'pods'}
            {node.deadline !== undefined && ` · ${left(node.deadline, nowMs)}`}
          </span>
        </summary>
        {node.pods.length === 0 ? (
          <p className="muted small">No pods</p>
        ) : (
          <ul className="pods">
            {node.pods.map((pod) => (
              <li key={`${pod.namespace}/${pod.name}`} className="small">
                <span className="pod-name">{`${pod.namespace}/${pod.name}`}</span>{' '}
                <span className="muted">{`${pod.deleting ? 'Terminating' : pod.phase}${pod.owner === '' ? '' : ` · ${pod.owner}`}`}</span>
              </li>
            ))}
          </ul>
        )}
      </details>
    </li>
  );
}

/** What surrounds the app: its cluster, its hypervisor, the time, and the ways in which they may fail. */
export function World({ world, skewMs, onChanged }: { world: WorldState; skewMs: number; onChanged: () => void }) {
  const [result, setResult] = useState('');
  const nowMs = world.nowMs;
  const order = { burst: 0, permanent: 1, 'control-plane': 2 };
  const nodes = [...world.nodes].sort(
    (a, b) =>
      order[a.type] - order[b.type] ||
      (a.cluster ?? '').localeCompare(b.cluster ?? '') ||
      a.name.localeCompare(b.name, 'en', { numeric: true }),
  );
  const tasks = [...world.tasks].sort((a, b) => b.startedAtMs - a.startedAtMs);
  const fault = async (name: string, on: boolean): Promise<void> => {
    const reply = await post('/world/fault', { name, on });
    if (!reply.ok) setResult(reply.error ?? 'The switch did not move.');
    onChanged();
  };
  return (
    <>
      <Clock skewMs={skewMs} skippedMs={world.skippedMs} onChanged={onChanged} onResult={setResult} />
      <div role="status" className="small world-result">
        {result}
      </div>
      <section aria-labelledby="faults-title">
        <h3 id="faults-title">Make it fail</h3>
        {world.faults.map(({ name, label, on }) => (
          <div key={name} className="fault">
            <span id={`fault-${name}`}>{label}</span>
            <button
              type="button"
              role="switch"
              className="switch"
              aria-checked={on}
              aria-labelledby={`fault-${name}`}
              onClick={() => void fault(name, !on)}
            >
              <span className="knob" aria-hidden="true" />
              <span aria-hidden="true" className="switch-word">
                {on ? 'On' : 'Off'}
              </span>
            </button>
          </div>
        ))}
      </section>
      <section aria-labelledby="nodes-title">
        <h3 id="nodes-title">{`Kubernetes nodes (${nodes.length})`}</h3>
        <ul className="nodes">
          {nodes.map((node) => (
            <Node key={`${node.cluster ?? ''}/${node.name}`} node={node} nowMs={nowMs} />
          ))}
        </ul>
      </section>
      <section aria-labelledby="hosts-title">
        <h3 id="hosts-title">{`Proxmox hosts (${world.hosts.length})`}</h3>
        <ul className="vms">
          {world.hosts.map((host) => (
            <li key={`${host.cluster ?? ''}/${host.name}`}>
              <span className={`dot ${host.online ? 'good' : 'bad'}`} aria-hidden="true" />
              <span className="node-name">{host.name}</span>
              {host.cluster !== undefined && <span className="badge">{host.cluster}</span>}
              <span className="node-state muted small">
                {host.online
                  ? `${(host.usedMiB / 1024).toFixed(0)} of ${(host.memoryMiB / 1024).toFixed(0)} GiB used`
                  : 'offline'}
              </span>
            </li>
          ))}
        </ul>
      </section>
      <section aria-labelledby="vms-title">
        <h3 id="vms-title">{`Proxmox VMs (${world.vms.length})`}</h3>
        <ul className="vms">
          {world.vms.map((vm) => (
            <li key={`${vm.cluster ?? ''}/${vm.id}`}>
              <span className={`dot ${vm.status === 'running' ? 'good' : 'off'}`} aria-hidden="true" />
              <span className="node-name">{`${vm.id} ${vm.name}`}</span>
              {vm.template && <span className="badge">template</span>}
              {vm.cluster !== undefined && <span className="badge">{vm.cluster}</span>}
              <span className="node-state muted small">
                {`${vm.host} · ${vm.status} · ${vm.cpus} CPU · ${(vm.memoryMiB / 1024).toFixed(0)} GiB`}
                {vm.lock !== undefined && ` · locked: ${vm.lock}`}
                {vm.tags.length > 0 && ` · ${vm.tags.join(', ')}`}
              </span>
              {tasks
                .filter((task) => task.vmId === String(vm.id) && task.cluster === vm.cluster)
                .slice(0, 3)
                .map((task) => (
                  <span key={task.id} className="task-line muted small">{`${task.type}: ${task.status}`}</span>
                ))}
            </li>
          ))}
        </ul>
      </section>
      <section aria-labelledby="tasks-title">
        <h3 id="tasks-title">Latest Proxmox tasks</h3>
        {tasks.length === 0 && <p className="muted small">None yet</p>}
        <ul className="tasks">
          {tasks.slice(0, 8).map((task) => (
            <li key={`${task.cluster ?? ''}/${task.id}`} className="small">
              {`${task.type} of ${task.vmId || 'the node'}: `}
              <span className="muted">{task.status}</span>
            </li>
          ))}
        </ul>
      </section>
    </>
  );
}
