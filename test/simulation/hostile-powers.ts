/**
 * What a sender host that was taken over can do with its key and what it sees, by name. Most are small, so that ten
 * thousand seeds can be played; each is now and then so large that it reaches a bound by itself.
 */
import { claimsOnOthers, namesOfFolders, namesOfOthers } from './hostile-claims.ts';
import { endlessLists, floodsOfTheAccount, newness, room } from './hostile-floods.ts';
import { malformations } from './hostile-malformations.ts';
import type { Power } from './hostile-power.ts';

export const hostilePowers = {
  ...namesOfFolders,
  ...namesOfOthers,
  ...floodsOfTheAccount,
  ...endlessLists,
  ...claimsOnOthers,
  ...newness,
  ...room,
  ...malformations,
} satisfies Record<string, Power>;
export type PowerName = keyof typeof hostilePowers;
export const powerNames = Object.keys(hostilePowers) as PowerName[];
