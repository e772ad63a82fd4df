/** The simulated Proxmox cluster's hosts and storages. */
export const HOSTS: readonly { readonly name: string; readonly memoryMiB: number }[] = [
  { name: 'pve1', memoryMiB: 64 * 1024 },
  { name: 'pve2', memoryMiB: 64 * 1024 },
  { name: 'pve3', memoryMiB: 32 * 1024 },
];
/** The one that the fault `host_offline` cuts off. */
export const OFFLINE_HOST = 'pve2';
/** What a host uses for itself. */
export const baseUsedMiB = 2048;
export const STORAGES: readonly { readonly name: string; readonly shared: boolean; readonly GiB: number }[] = [
  { name: 'ceph', shared: true, GiB: 8192 },
  { name: 'local-lvm', shared: false, GiB: 500 },
];

/** Whether a disk (`ceph:base-9000-disk-0,size=8G`) is reached from every host. */
export const isShared = (disk: string | undefined): boolean =>
  STORAGES.some(({ name, shared }) => shared && disk?.startsWith(`${name}:`));

/** The address that a machine has from DHCP. */
export const addressOf = ({ id }: { readonly id: number }): string => `10.0.${Math.floor(id / 250)}.${(id % 250) + 1}`;
