/** The scenarios by name, and many seeds of one. */
import { playChaosScenario } from './chaos-scenario.ts';
import { playHostileScenario } from './hostile-scenario.ts';
import { playLinkScenario, type ScenarioResult } from './link-scenario.ts';

export const scenarioNames = ['link', 'chaos', 'hostile'] as const;
export type Scenario = (typeof scenarioNames)[number];

/** What many seeds came to; plain data, so that it crosses from process to process. */
export interface Tally {
  seeds: number;
  files: number;
  released: number;
  datagrams: number;
  lost: number;
  virtualMs: number;
  readonly failures: { readonly scenario: Scenario; readonly seed: number; readonly message: string }[];
}

const players: Readonly<Record<Scenario, (seed: number) => ScenarioResult>> = {
  link: playLinkScenario,
  chaos: playChaosScenario,
  hostile: playHostileScenario,
};

export function playSeed(scenario: Scenario, seed: number): ScenarioResult {
  return players[scenario](seed);
}

/** Plays seeds one after the other; one that fails does not stop the others. */
export function playSeeds(scenario: Scenario, seeds: readonly number[]): Tally {
  const tally: Tally = { seeds: 0, files: 0, released: 0, datagrams: 0, lost: 0, virtualMs: 0, failures: [] };
  for (const seed of seeds) {
    tally.seeds += 1;
    try {
      const result = playSeed(scenario, seed);
      tally.files += result.files;
      tally.released += result.released;
      tally.datagrams += result.datagrams;
      tally.lost += result.lost;
      tally.virtualMs += result.virtualMs;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      tally.failures.push({ scenario, seed, message });
    }
  }
  return tally;
}
