/**
 * What a menu's choice stands for. Invariant: a value is never cut, because a cut name is another worker's; a name that is
 * too long is given as its digest, which is looked up among the workers there are.
 */
import { createHash } from 'node:crypto';
import { BurstError } from '../../domain/errors.ts';

/** Characters that Slack takes in an option's value. */
const MOST_VALUE = 75;
/** No Kubernetes name begins so. */
const DIGEST = '#';
const digestOf = (name: string): string => DIGEST + createHash('sha256').update(name).digest('hex').slice(0, 48);

/** `verb|name`, or `verb|#digest` when that is longer than Slack takes. */
export function menuValue(verb: string, name: string): string {
  const value = `${verb}|${name}`;
  return value.length <= MOST_VALUE ? value : `${verb}|${digestOf(name)}`;
}

/**
 * Reads a chosen value; `names` is asked only when it holds a digest.
 * @throws BurstError `not_found` when no worker, or more than one, has the digest.
 */
export async function readMenuValue(
  value: string,
  names: () => Promise<readonly string[]>,
): Promise<{ readonly verb: string; readonly name: string }> {
  const [verb = '', name = ''] = value.split('|');
  if (!name.startsWith(DIGEST)) return { verb, name };
  const [found, ...others] = (await names()).filter((candidate) => digestOf(candidate) === name);
  if (found === undefined || others.length > 0)
    throw new BurstError('not_found', 'The worker that this menu was for is not there any more.', {
      left: 'Nothing was done.',
      hint: '/burst list shows what is there.',
    });
  return { verb, name: found };
}
