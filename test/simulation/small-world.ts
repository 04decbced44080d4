/** One sender and one receiver over a link that loses a little, with small blocks: what named situations begin with. */
import { protection } from '../../shared/wire/datagram.ts';
import { World, type WorldOptions } from './world.ts';

const parameters = { datagramBytes: 512, sourceSymbols: 8, repairSymbols: 4, protection: protection.sealed };

export function smallWorld(change: Partial<WorldOptions> = {}): World {
  return new World({
    seed: 1,
    parameters,
    openBlocks: 4,
    passCount: 2,
    passGapMs: 200,
    carouselShare: 0.25,
    carouselGapMs: 60_000,
    quietSeconds: 1,
    rateMegabitsPerSecond: 50,
    channel: { lossProbability: 0.03, latencyMs: 1 },
    memoryBytes: 8_000_000,
    spillBytes: 1_000_000,
    deadlineMs: 60_000,
    ...change,
  });
}

/** Lets some time pass. */
export function runFor(world: World, ms: number): void {
  world.run(world.clock.monotonicMs() + ms);
}
