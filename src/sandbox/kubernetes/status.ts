/** Failures as the API server words them: metav1.Status. Texts are those of kube-apiserver 1.36. */
import type { Resource } from './resources.ts';

export type StatusCause = { reason?: string; message?: string; field?: string };
export type StatusBody = {
  kind: 'Status';
  apiVersion: 'v1';
  metadata: { continue?: string };
  status: 'Failure' | 'Success';
  message?: string;
  reason?: string;
  details?: {
    name?: string;
    group?: string;
    kind?: string;
    uid?: string;
    causes?: StatusCause[];
    retryAfterSeconds?: number;
  };
  code?: number;
};

export class ApiError extends Error {
  readonly code: number;
  readonly reason: string | undefined;
  readonly details: StatusBody['details'];
  /** Where a list that cannot go on at its own moment may go on at the present one. */
  readonly resume: string | undefined;
  constructor(
    code: number,
    reason: string | undefined,
    message: string,
    details?: StatusBody['details'],
    resume?: string,
  ) {
    super(message);
    this.resume = resume;
    this.code = code;
    this.reason = reason;
    this.details = details;
  }
  body(): StatusBody {
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: this.resume === undefined ? {} : { continue: this.resume },
      status: 'Failure',
      message: this.message,
      ...(this.reason === undefined ? {} : { reason: this.reason }),
      ...(this.details === undefined ? {} : { details: this.details }),
      code: this.code,
    };
  }
}

const qualified = (of: Resource): string => (of.group === '' ? of.plural : `${of.plural}.${of.group}`);
const detailsOf = (of: Resource, name: string) => ({
  name,
  ...(of.group === '' ? {} : { group: of.group }),
  kind: of.plural,
});
const kindDetails = (of: Resource, name: string) => ({
  ...(name === '' ? {} : { name }),
  ...(of.group === '' ? {} : { group: of.group }),
  kind: of.kind,
});
const qualifiedKind = (of: Resource): string => (of.group === '' ? of.kind : `${of.kind}.${of.group}`);

export const notFound = (of: Resource, name: string) =>
  new ApiError(404, 'NotFound', `${qualified(of)} "${name}" not found`, detailsOf(of, name));
export const alreadyExists = (of: Resource, name: string) =>
  new ApiError(409, 'AlreadyExists', `${qualified(of)} "${name}" already exists`, detailsOf(of, name));
export const modified = (of: Resource, name: string) =>
  new ApiError(
    409,
    'Conflict',
    `Operation cannot be fulfilled on ${qualified(of)} "${name}": the object has been modified; please apply your changes to the latest version and try again`,
    detailsOf(of, name),
  );
export const uidConflictOnUpdate = (
  of: Resource,
  name: string,
  namespace: string | undefined,
  asked: string,
  uid: string,
) =>
  new ApiError(
    409,
    'Conflict',
    `Operation cannot be fulfilled on ${qualified(of)} "${name}": StorageError: invalid object, Code: 4, Key: /registry/${of.plural}/${namespace === undefined ? '' : `${namespace}/`}${name}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: ${asked}, UID in object meta: ${uid}`,
    detailsOf(of, name),
  );
export const preconditionFailed = (
  of: Resource,
  name: string,
  what: 'UID' | 'ResourceVersion',
  asked: string,
  is: string,
) =>
  new ApiError(
    409,
    'Conflict',
    `Operation cannot be fulfilled on ${qualifiedKind(of)} "${name}": the ${what} in the precondition (${asked}) does not match the ${what} in record (${is}). The object might have been ${what === 'UID' ? 'deleted and then recreated' : 'modified'}`,
    kindDetails(of, name),
  );
export const invalid = (of: Resource, name: string, field: string, type: 'Invalid' | 'Required', text: string) => {
  const message = `${type} value: ${text}`;
  return new ApiError(422, 'Invalid', `${qualifiedKind(of)} "${name}" is invalid: ${field}: ${message}`, {
    ...kindDetails(of, name),
    causes: [{ reason: type === 'Invalid' ? 'FieldValueInvalid' : 'FieldValueRequired', message, field }],
  });
};
export const unprocessable = (message: string, field: string) =>
  new ApiError(422, 'Invalid', message, { causes: [{ reason: 'FieldValueForbidden', field }] });
export const badRequest = (message: string) => new ApiError(400, 'BadRequest', message);
export const unsupportedMediaType = () => new ApiError(415, 'UnsupportedMediaType', '415: Unsupported Media Type', {});
export const patchRejected = () =>
  new ApiError(422, 'Invalid', 'the server rejected our request due to an error in our request', {});
export const unauthorized = () => new ApiError(401, 'Unauthorized', 'Unauthorized');
export const methodNotAllowed = () =>
  new ApiError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {});
export const expired = (message: string, resume?: string) => new ApiError(410, 'Expired', message, undefined, resume);
export const forbiddenChange = (of: Resource, name: string, field: string, text: string) =>
  new ApiError(422, 'Invalid', `${qualifiedKind(of)} "${name}" is invalid: ${field}: Forbidden: ${text}`, {
    ...kindDetails(of, name),
    causes: [{ reason: 'FieldValueForbidden', message: `Forbidden: ${text}`, field }],
  });
export const namespaceTerminating = (of: Resource, name: string, namespace: string) =>
  new ApiError(
    403,
    'Forbidden',
    `${qualified(of)} "${name}" is forbidden: unable to create new content in namespace ${namespace} because it is being terminated`,
    {
      ...detailsOf(of, name),
      causes: [
        {
          reason: 'NamespaceTerminating',
          message: `namespace ${namespace} is being terminated`,
          field: 'metadata.namespace',
        },
      ],
    },
  );
export const forbidden = (of: Resource, name: string, user: string, verb: string, namespace: string | undefined) =>
  new ApiError(
    403,
    'Forbidden',
    `${qualified(of)}${name === '' ? '' : ` "${name}"`} is forbidden: User "${user}" cannot ${verb} resource "${of.plural}" in API group "${of.group}" ${namespace === undefined ? 'at the cluster scope' : `in the namespace "${namespace}"`}`,
    { ...(name === '' ? {} : { name }), ...(of.group === '' ? {} : { group: of.group }), kind: of.plural },
  );

export const success = (of: Resource, name: string, uid: string): StatusBody => ({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Success',
  details: { ...detailsOf(of, name), uid },
});
