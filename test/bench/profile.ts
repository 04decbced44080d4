/** Where the processor's time goes: the self time of functions in profiles that V8 wrote, a file a thread. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { table } from '../../shared/console/table.ts';

const profileSchema = z.object({
  nodes: z.array(
    z.object({
      id: z.number(),
      callFrame: z.object({ functionName: z.string(), url: z.string(), lineNumber: z.number() }),
    }),
  ),
  samples: z.array(z.number()),
  timeDeltas: z.array(z.number()),
});

const rowsMax = 25;

/** The busiest functions of each side's newest run, in ns for each byte of the instances. */
export function profileText(folder: string, bytes: number): string {
  return ['sender', 'receiver']
    .map((side) => `${side}, newest run\n${sideText(join(folder, side), bytes)}`)
    .join('\n');
}

function sideText(folder: string, bytes: number): string {
  if (!existsSync(folder)) return 'no profile';
  // CPU.<date>.<time>.<pid>.<thread>.<sequence>.cpuprofile
  const names = readdirSync(folder).sort();
  const pid = names.at(-1)?.split('.')[3];
  const rows = names
    .filter((name) => name.split('.')[3] === pid)
    .flatMap((name) => selfTimes(join(folder, name), `thread ${name.split('.')[4]}`))
    .sort((a, b) => b.microseconds - a.microseconds)
    .slice(0, rowsMax)
    .map(({ thread, place, microseconds }) => [
      thread,
      place,
      ((microseconds * 1000) / bytes).toFixed(3),
      (microseconds / 1e6).toFixed(2),
    ]);
  return table(['thread', 'function', 'ns/byte', 's'], rows);
}

function selfTimes(path: string, thread: string): { thread: string; place: string; microseconds: number }[] {
  const { nodes, samples, timeDeltas } = profileSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  const places = new Map(
    nodes.map(({ id, callFrame }) => [
      id,
      `${callFrame.functionName || '(anonymous)'} ${basename(callFrame.url)}`,
    ]),
  );
  const times = new Map<string, number>();
  for (const [position, id] of samples.entries()) {
    const place = places.get(id) ?? '';
    times.set(place, (times.get(place) ?? 0) + (timeDeltas[position] ?? 0));
  }
  return [...times]
    .filter(([place]) => !place.startsWith('(idle)'))
    .map(([place, microseconds]) => ({ thread, place, microseconds }));
}
