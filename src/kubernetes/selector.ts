/** Label selectors, as k8s.io/apimachinery metav1.LabelSelectorAsSelector reads them. */
import { z } from 'zod';

const expression = z.object({
  key: z.string(),
  operator: z.string(),
  values: z.array(z.string()).nullish(),
});
const selectorSchema = z.object({
  matchLabels: z.record(z.string(), z.string()).nullish(),
  matchExpressions: z.array(expression).nullish(),
});
type Labels = Readonly<Record<string, string>>;
type Requirement = (labels: Labels) => boolean;

function requirement(raw: z.infer<typeof expression>): Requirement {
  const values = new Set(raw.values ?? []);
  const value = (labels: Labels): string | undefined => (Object.hasOwn(labels, raw.key) ? labels[raw.key] : undefined);
  switch (raw.operator) {
    case 'In':
      return (labels) => {
        const found = value(labels);
        return found !== undefined && values.has(found);
      };
    case 'NotIn':
      return (labels) => {
        const found = value(labels);
        return found === undefined || !values.has(found);
      };
    case 'Exists':
      return (labels) => value(labels) !== undefined;
    case 'DoesNotExist':
      return (labels) => value(labels) === undefined;
    default:
      return () => false;
  }
}

/**
 * A predicate on labels from a raw LabelSelector. A missing selector matches nothing, an empty one everything
 * (policy/v1 PodDisruptionBudgetSpec.selector); one that cannot be read matches nothing.
 */
export function labelSelector(raw: unknown): Requirement {
  if (raw === undefined || raw === null) return () => false;
  const parsed = selectorSchema.safeParse(raw);
  if (!parsed.success) return () => false;
  const requirements = [
    ...Object.entries(parsed.data.matchLabels ?? {}).map(([key, value]) =>
      requirement({ key, operator: 'In', values: [value] }),
    ),
    ...(parsed.data.matchExpressions ?? []).map(requirement),
  ];
  return (labels) => requirements.every((matches) => matches(labels));
}
