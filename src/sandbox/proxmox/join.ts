/** What a booted machine does: reads its join token from its DMI serial and registers as a node, like a kubelet. */
import type { SandboxClock } from '../contract.ts';
import { addressOf } from './hosts.ts';
import type { PveVm } from './pve.ts';

/** @returns the bootstrap token in `smbios1: base64=1,serial=…`, or undefined. */
export function joinToken(vm: PveVm): string | undefined {
  const fields = (vm.config['smbios1'] ?? '').split(',');
  const serial = fields.find((field) => field.startsWith('serial='))?.slice('serial='.length);
  if (serial === undefined) return undefined;
  const token = fields.includes('base64=1') ? Buffer.from(serial, 'base64').toString('utf8') : serial;
  return /^[a-z0-9]{6}\.[a-z0-9]{16}$/.test(token) ? token : undefined;
}

function nodeOf(vm: PveVm): unknown {
  const resources = {
    cpu: vm.config['cores'] ?? '1',
    memory: `${Number(vm.config['memory'] ?? 512) * 1024}Ki`,
    pods: '110',
  };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: vm.name,
      labels: { 'kubernetes.io/hostname': vm.name, 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'amd64' },
    },
    spec: { providerID: `proxmox://${vm.node}/${vm.id}` },
    status: {
      capacity: resources,
      allocatable: resources,
      addresses: [
        { type: 'InternalIP', address: addressOf(vm) },
        { type: 'Hostname', address: vm.name },
      ],
      conditions: [{ type: 'Ready', status: 'False', reason: 'KubeletNotReady', message: 'starting' }],
      nodeInfo: {
        kubeletVersion: 'v1.36.3',
        osImage: 'Debian GNU/Linux 13',
        kernelVersion: '6.12',
        containerRuntimeVersion: 'containerd://2.1',
        architecture: 'amd64',
        operatingSystem: 'linux',
      },
    },
  };
}

/** Tries each second, while `signal` lets it, until the API server has taken the node. */
export async function joinCluster(options: {
  vm: PveVm;
  url: string;
  bootMs: number;
  clock: SandboxClock;
  signal: AbortSignal;
  mayJoin: () => boolean;
}): Promise<void> {
  const { vm, clock, signal } = options;
  await clock.sleep(options.bootMs, signal);
  for (;;) {
    const token = joinToken(vm);
    if (token !== undefined && options.mayJoin()) {
      const answer = await fetch(`${options.url}/api/v1/nodes`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify(nodeOf(vm)),
        signal,
      }).catch(() => undefined);
      await answer?.body?.cancel();
      if (answer?.status === 201 || answer?.status === 409) return;
    }
    await clock.sleep(1000, signal);
  }
}
