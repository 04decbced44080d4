/**
 * Runs inside a network namespace and joins it to the one outside: for each port, connections to a UNIX socket in the
 * folder go on to that port on the loopback of the namespace. Usage: namespace-relay.js FOLDER PORT...
 */
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { acknowledgeAtOnce } from '../../shared/kernel-socket.ts';

const [folder = '.', ...ports] = process.argv.slice(2);

function joinBoth(one: Socket, other: Socket): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.pipe(to);
    from.on('error', () => to.destroy());
    from.on('close', () => to.destroy());
  }
}

for (const port of ports) {
  const server = createServer((outside) => {
    const inside = connect({ host: '127.0.0.1', port: Number(port), noDelay: true });
    // As the programs under test do: peers wait for it.
    inside.on('data', () => acknowledgeAtOnce(inside));
    joinBoth(outside, inside);
  });
  server.listen(join(folder, `${port}.socket`));
  await new Promise((resolve) => server.once('listening', resolve));
}
console.log('ready');
