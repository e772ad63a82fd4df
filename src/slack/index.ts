export { createSlackApp } from './app.ts';
export type { SlackAppOptions } from './app.ts';
