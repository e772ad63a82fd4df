import { plain } from './emoji.tsx';
import { RichText } from './rich-text.tsx';
import { list, rec, str } from './values.ts';
import type { Rec } from './values.ts';

const statuses: Record<string, [string, string]> = {
  pending: ['', 'Waiting'],
  in_progress: ['', 'In progress'],
  complete: ['✓', 'Done'],
  error: ['✕', 'Failed'],
};

/** One task: its state stands in words, not in a colour alone. */
export function Task({ task }: { task: Rec }) {
  const status = Object.hasOwn(statuses, str(task['status'])) ? str(task['status']) : 'pending';
  return (
    <div className={`task ${status}`}>
      <span className="task-icon" aria-hidden="true">
        {statuses[status]?.[0]}
      </span>
      <div className="grow">
        <div className="task-title">
          {plain(str(task['title']))}
          <span className="task-word">{statuses[status]?.[1] ?? ''}</span>
        </div>
        {task['details'] !== undefined && (
          <div className="muted">
            <RichText of={task['details']} />
          </div>
        )}
        {task['output'] !== undefined && (
          <div className="task-output">
            <RichText of={task['output']} />
          </div>
        )}
        {list(task['sources'])
          .map(rec)
          .map((source, i) => (
            <a
              key={i}
              href={/^https?:/.test(str(source['url'])) ? str(source['url']) : undefined}
              target="_blank"
              rel="noopener noreferrer"
            >
              {str(source['text'])}
            </a>
          ))}
      </div>
    </div>
  );
}

/** A plan: tasks under a title. */
export function Plan({ block }: { block: Rec }) {
  const tasks = list(block['tasks']).map(rec);
  return (
    <details className="block plan" open>
      <summary>
        <strong>{plain(str(block['title']))}</strong>
      </summary>
      <ul>
        {tasks.map((task, i) => (
          <li key={str(task['task_id']) || i}>
            <Task task={task} />
          </li>
        ))}
      </ul>
    </details>
  );
}
