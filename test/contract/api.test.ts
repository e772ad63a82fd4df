/** The simulated API server, over plain HTTP: it must not behave otherwise than a real one. */
import { startKubernetesSimulator } from '../../src/sandbox/kubernetes/index.ts';
import { apiContract } from './api-suite.ts';
import { realClock } from './cluster-setup.ts';

apiContract('the sandbox', async () => {
  const simulator = await startKubernetesSimulator({ clock: realClock, demo: false });
  return {
    url: simulator.url,
    token: simulator.adminToken,
    forget: () => Promise.resolve(simulator.compact()),
    cleanup: () => simulator.close(),
  };
});
