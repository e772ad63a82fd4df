export { createSlackApp } from './app.ts';
export type { Check, SlackApp, SlackAppOptions } from './app.ts';
