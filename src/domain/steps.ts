/** Steps and their audit rows in words. Invariant: every step of every run is here, by the title that the step itself has. */
const titles: ReadonlyMap<string, string> = new Map([
  ['await-replacement', 'Waiting for its replacement'],
  ['reserve-id', 'Reserving a VM id'],
  ['clone', 'Cloning the VM'],
  ['configure', 'Sizing and tagging the VM'],
  ['start', 'Starting the VM'],
  ['apply-config', 'Giving the machine its configuration'],
  ['await-join', 'Waiting for the node to join'],
  ['label', 'Labelling the node'],
  ['await-ready', 'Waiting for the node to be Ready'],
  ['cordon', 'Cordoning the node'],
  ['evict', 'Moving the pods'],
  ['await-detach', 'Waiting for volumes to detach'],
  ['reset-machine', 'Resetting the machine'],
  ['stop-vm', 'Stopping the VM'],
  ['delete-vm', 'Deleting the VM'],
  ['remove-node', 'Removing the node'],
  ['close', 'Closing the books'],
  ['extend', 'Setting the new deadline'],
]);

/** A step's title by its recorded name; a name of another version stands for itself. */
export const stepTitle = (name: string): string => titles.get(name) ?? name;

/** An audit row in words: its action and what was told with it, without the names that steps have inside. */
export function auditText(action: string, text: string): string {
  const [, verb, name = ''] = /^(step|undo):(.+)$/.exec(action) ?? [];
  if (verb === undefined) return `${action}: ${text}`;
  const title = verb === 'undo' ? `Undoing ${lower(stepTitle(name))}` : stepTitle(name);
  return text === stepTitle(name) || text === '' ? title : `${title}: ${text}`;
}
const lower = (title: string): string => title.charAt(0).toLowerCase() + title.slice(1);
