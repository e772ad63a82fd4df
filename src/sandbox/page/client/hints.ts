/** What may follow `/burst`, as its help says: word, arguments, what it does. Shown while a command is typed. */
export const subCommands: readonly (readonly [word: string, usage: string, summary: string])[] = [
  ['provision', '[count] [size] [lifetime] [reason]', 'New burst workers; a form when nothing else is said'],
  ['list', '[burst|permanent] [ready|busy|draining|not_ready] [mine]', 'Workers with status, room, time left, owner'],
  ['details', 'NAME', 'Everything about one worker'],
  ['extend', 'NAME… [12h]', 'A later deadline'],
  ['drain', 'NAME…', 'Move the pods away, after a preview'],
  ['destroy', 'NAME…', 'Remove a burst worker and its VM, after a confirmation'],
  ['ops', '[mine]', 'Running and recent operations'],
  ['cancel', 'OPERATION', 'Stop what can still be stopped'],
  ['retry', 'OPERATION', 'Go on with what is stuck, ask again for what failed'],
  ['audit', '[NAME|@user|action] [7d] [steps]', 'Who did what, when and why, and how it ended'],
  [
    'cost',
    '[30d|this month|last month] [by user|size|cluster|channel] [mine]',
    'What workers cost, with a chart and a CSV',
  ],
  ['notify', '[dm|channel|both|default]', 'How you are told of what concerns your workers'],
  ['sweep', '[now]', 'What of VMs and records does not belong together'],
  ['help', '[command]', 'What can be done, with examples'],
];
