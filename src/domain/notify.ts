/** Where notices go and how owners are told. Pure. */
export const NOTIFY_CHOICES = ['channel', 'dm', 'both'] as const;
/** How the owner of workers is told of them: mentioned in the channel, by a direct message, or both. */
export type NotifyChoice = (typeof NOTIFY_CHOICES)[number];

/** What a route may speak of; `expiry` is the message of a removal at a deadline. */
export type RoutedKind = 'warning' | 'expiry' | 'alert' | 'health';
export type Route = {
  /** Empty: each of them. */
  readonly kinds: readonly RoutedKind[];
  /** Empty: each of them. */
  readonly clusters: readonly string[];
  /** Only for what was asked for in these channels; empty: wherever. */
  readonly askedIn: readonly string[];
  /** A channel id; undefined: where it was asked for. */
  readonly to: string | undefined;
};
export type NotifyPolicy = {
  /** The first that matches counts. */
  readonly routes: readonly Route[];
  /** For owners who made no choice of their own. */
  readonly owners: NotifyChoice;
};
export const PLAIN_NOTIFY: NotifyPolicy = { routes: [], owners: 'channel' };

/** The channel that a route gives, or undefined where none does. */
export function routedTo(
  { routes }: NotifyPolicy,
  of: { readonly kind: RoutedKind; readonly cluster: string; readonly askedIn: string | undefined },
): string | undefined {
  const route = routes.find(
    ({ kinds, clusters, askedIn }) =>
      (kinds.length === 0 || kinds.includes(of.kind)) &&
      (clusters.length === 0 || clusters.includes(of.cluster)) &&
      (askedIn.length === 0 || (of.askedIn !== undefined && askedIn.includes(of.askedIn))),
  );
  return route === undefined ? undefined : (route.to ?? of.askedIn);
}
