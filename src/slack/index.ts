export { createSlackApp } from './app.ts';
export type { SlackAppOptions } from './app.ts';
export type { OAuthOptions } from './workspaces/index.ts';
