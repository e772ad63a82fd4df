/**
 * Ids of people, channels and the like where there are several workspaces. Slack's ids are unique in a workspace (or
 * organisation) only: an id of another than the home workspace carries it in front, `T…/U…` or `E…/U…`, and is never equal
 * to an id of the home workspace. Pure.
 */

/** The workspace (T…) or organisation (E…) that Burst was installed to; undefined is the home workspace. */
export type WorkspaceKey = string | undefined;
const QUALIFIED = /^([TE][A-Z0-9]{2,})\/([^]+)$/;

/** The workspace in front of an id, and Slack's own id. */
export function splitId(id: string): { readonly workspace: WorkspaceKey; readonly id: string } {
  const [, workspace, own] = QUALIFIED.exec(id) ?? [];
  return own === undefined ? { workspace: undefined, id } : { workspace, id: own };
}

/** The id with its workspace in front, unless it has one. */
export const joinId = (workspace: WorkspaceKey, id: string): string =>
  workspace === undefined || QUALIFIED.test(id) ? id : `${workspace}/${id}`;

/** Whether an entry of a list means this person: their id, or everybody (`*`, `T…/*`) of their workspace. */
export const isNamed = (entry: string, userId: string): boolean =>
  entry === userId || entry === joinId(splitId(userId).workspace, '*');
/** Whether an entry means everybody of a workspace. */
export const isEverybody = (entry: string): boolean => splitId(entry).id === '*';
