/**
 * Where Slack's requests come in. Invariants: each request is answered once it has been looked at, whether anything
 * listens to it or not; what is no request of Slack's never reaches Bolt.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { App, ErrorCode, HTTPModuleFunctions, HTTPReceiver, LogLevel } from '@slack/bolt';
import type { Logger, ReceiverEvent } from '@slack/bolt';
import type { WorkspaceKey } from '../domain/workspace-ids.ts';
import { qualified, shownTo } from './workspaces/index.ts';
import type { Workspaces } from './workspaces/index.ts';

const ENDPOINT = '/slack/events';

const isRequest = (body: unknown): boolean => typeof body === 'object' && body !== null && !Array.isArray(body);
const isEndpoint = (url = ''): boolean =>
  URL.canParse(url, 'http://localhost') && new URL(url, 'http://localhost').pathname === ENDPOINT;

/** Bolt's receiver for HTTP, which takes for granted that a signed body is an object. */
export function createHttpReceiver(
  signingSecret: string,
  port: number,
  logger: Logger,
  forOauth: Workspaces['receiverOptions'] | Record<string, never>,
): HTTPReceiver {
  const receiver = new HTTPReceiver({
    signingSecret,
    port,
    ...forOauth,
    endpoints: [ENDPOINT],
    logger,
    logLevel: LogLevel.INFO,
  });
  const serve = receiver.requestListener;
  const look = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const refuse = (status: number): void => HTTPModuleFunctions.buildNoBodyResponse(response, status);
    try {
      const buffered = await HTTPModuleFunctions.bufferIncomingMessage(request, HTTPModuleFunctions.defaultBodyLimit);
      if (isRequest(bodyOf(buffered))) return serve(request, response);
    } catch (error) {
      // What was not read of it must not keep the connection open.
      response.setHeader('connection', 'close');
      return refuse(HTTPModuleFunctions.isRawBodyError(error) ? error.statusCode : 500);
    }
    const signed = await HTTPModuleFunctions.parseAndVerifyHTTPRequest({ signingSecret, logger }, request).then(
      () => true,
      () => false,
    );
    logger.warn(signed ? 'A signed request without a payload was refused' : 'An unsigned request was refused');
    refuse(signed ? 400 : 401);
  };
  receiver.requestListener = (request, response) => {
    if (request.method === 'POST' && isEndpoint(request.url)) void look(request, response);
    else serve(request, response);
  };
  return receiver;
}

function bodyOf(request: Parameters<typeof HTTPModuleFunctions.parseHTTPRequestBody>[0]): unknown {
  try {
    return HTTPModuleFunctions.parseHTTPRequestBody(request) as unknown;
  } catch {
    return undefined;
  }
}

export type Ack = (answer?: unknown) => Promise<void>;
/** Acknowledges and answers what nothing acknowledged; `error` when a listener failed before it could. */
export type Unheard = (body: unknown, ack: Ack, error?: unknown) => Promise<void>;

const isUnauthorized = (error: Error): boolean => 'code' in error && error.code === ErrorCode.AuthorizationError;

/** Bolt's app, which leaves a request without an answer when no listener takes it. */
export class AnsweringApp extends App {
  /** What Bolt told its error handler of a request, by its body. */
  readonly failures = new WeakMap<object, Error>();
  unheard: Unheard | undefined;
  /** Answers a request from where Burst has no (usable) installation; Bolt acknowledged it. */
  unauthorized: ((body: unknown, error: Error) => Promise<void>) | undefined;
  /** The workspace of a request, where there are several; undefined: the home workspace. */
  workspaceOf: (body: unknown) => WorkspaceKey = () => undefined;
  /** Takes each event on and has it served. */
  intake: ((event: ReceiverEvent, serve: (event: ReceiverEvent) => Promise<void>) => Promise<void>) | undefined;

  override async processEvent(received: ReceiverEvent): Promise<void> {
    const { intake } = this;
    const event = { ...received, body: qualified(received.body, this.workspaceOf(received.body)) };
    await (intake === undefined ? this.serve(event) : intake(event, (taken) => this.serve(taken)));
  }

  #shown(answer: unknown, body: unknown): unknown {
    const workspace = this.workspaceOf(body);
    return workspace === undefined ? answer : shownTo(answer, workspace);
  }

  /** Has the listeners serve it, and answers what none of them took. */
  async serve(event: ReceiverEvent): Promise<void> {
    let acked = false;
    const ack: Ack = async (answer) => {
      acked = true;
      await event.ack(this.#shown(answer, event.body) as Parameters<typeof event.ack>[0]);
    };
    let failure: unknown;
    try {
      await super.processEvent({ ...event, ack });
    } catch (error) {
      failure = error;
    }
    const known = this.failures.get(event.body);
    if (known !== undefined && isUnauthorized(known)) await this.unauthorized?.(event.body, known);
    else if (!acked) await this.unheard?.(event.body, ack, failure);
    else if (failure !== undefined) throw failure instanceof Error ? failure : new Error('a Slack listener failed');
  }
}
