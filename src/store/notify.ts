/** How people want to be told of their workers. */
import { NOTIFY_CHOICES } from '../domain/notify.ts';
import type { NotifyChoice } from '../domain/notify.ts';
import { build } from './database.ts';
import type { Reader, Writer } from './database.ts';

/** Of these people, those who made a choice. */
export function notifyChoices(reader: Reader, userIds: readonly string[]): ReadonlyMap<string, NotifyChoice> {
  if (userIds.length === 0) return new Map();
  const rows = reader.all(
    build
      .selectFrom('notify_choices')
      .selectAll()
      .where('user_id', 'in', [...userIds]),
  );
  return new Map(
    rows.flatMap((row) => {
      const choice = NOTIFY_CHOICES.find((known) => known === row.choice);
      return choice === undefined ? [] : [[row.user_id, choice] as const];
    }),
  );
}

/** @param choice undefined: they are told as the configuration says again. */
export function saveNotifyChoice(writer: Writer, userId: string, choice: NotifyChoice | undefined): void {
  if (choice === undefined) writer.run(build.deleteFrom('notify_choices').where('user_id', '=', userId));
  else
    writer.run(
      build
        .insertInto('notify_choices')
        .values({ user_id: userId, choice })
        .onConflict((conflict) => conflict.column('user_id').doUpdateSet({ choice })),
    );
}
