/** A real API server, over plain HTTP: what the sandbox's is held to. */
import { apiContract } from '../contract/api-suite.ts';
import { startControlPlane } from './control-plane.ts';

apiContract('a real control plane', async () => {
  const plane = await startControlPlane();
  return { ...plane, forget: () => plane.forget(), cleanup: () => plane.stop() };
});
