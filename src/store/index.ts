export { openStore } from './store.ts';
export { openAuditTrail } from './audit-trail.ts';
