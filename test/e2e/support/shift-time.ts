/** Loaded before the program: its clock is ahead by TEST_AHEAD_MS, as if it had been off for that long. */
const aheadMs = Number(process.env['TEST_AHEAD_MS'] ?? 0);
const now = Date.now.bind(Date);
Date.now = () => now() + aheadMs;
