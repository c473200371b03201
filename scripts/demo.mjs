// `npm run demo`: builds, then runs `offramp demo`, or with --gateway the demo on a real Envoy Gateway.
import { spawn } from 'node:child_process';
import { bundle, bundleGatewayDemo } from './build.mjs';

const args = process.argv.slice(2);
const onGateway = args.includes('--gateway');
await bundle();
if (onGateway) await bundleGatewayDemo();

// In a process group of its own: Ctrl-C in a terminal reaches every process of a group, several times
// through npm. The demo gets it once, from here, and ends what it started in the right order.
const program = onGateway ? ['dist/gateway-demo.js'] : ['dist/main.js', 'demo'];
const demo = spawn(process.execPath, [...program, ...args], {
  stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  detached: true,
});
let asked = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    if (!asked) demo.kill('SIGINT');
    asked = true;
  });
}
demo.once('exit', (code) => {
  process.exitCode = code ?? 1;
});
