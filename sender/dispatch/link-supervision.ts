/**
 * Acts on what the link watch sees: raises and clears the alarms of the link, stops the queue while nothing can
 * cross, lets it go on by itself, and sees to it that no pass counts that the link lost.
 */

import type { Clock } from '../../shared/clock.ts';
import type { ErrorCode } from '../../shared/errors.ts';
import type { AlarmDesk } from '../../shared/program/alarm-desk.ts';
import type { Alarms } from '../../shared/program/alarms.ts';
import type { SenderLinkHealth, SenderLinkWatch } from '../link/link-health.ts';
import type { LinkThreadOrder } from '../link/link-thread.ts';
import type { Dispatch } from './dispatch.ts';

const codes = ['E_LINK_DOWN', 'E_LINK_NEIGHBOUR', 'E_LINK_MTU', 'E_LINK_DROPS'] as const;
/** Between two datagrams that leave although the neighbour is not known. */
const probeMs = 1000;
/** After this long without a refused send, the kernel counts as accepting them again. */
const refusalMs = 5000;

export interface LinkSupervisionOptions {
  readonly watch: SenderLinkWatch;
  readonly alarms: Alarms;
  readonly clock: Clock;
  readonly dispatch: Dispatch;
  readonly order: (order: LinkThreadOrder) => void;
}

export class LinkSupervision {
  readonly #options: LinkSupervisionOptions;
  readonly #desk: AlarmDesk;
  #health: SenderLinkHealth;
  #probedAtMs = Number.NEGATIVE_INFINITY;
  #refusedAtMs = Number.NEGATIVE_INFINITY;
  #carrierLosses: number | undefined;

  constructor(options: LinkSupervisionOptions) {
    this.#options = options;
    this.#desk = options.alarms.desk('link');
    this.#health = options.watch.look();
    this.#carrierLosses = options.watch.carrier();
    this.#act();
  }

  get health(): SenderLinkHealth {
    return this.#health;
  }

  /** Looks at the link. Call it a few times a second: what is sent between two looks may be lost. */
  look(): void {
    this.#health = this.#options.watch.look();
    this.checkCarrier();
    this.#act();
    if (this.#options.clock.monotonicMs() - this.#refusedAtMs >= refusalMs)
      this.#desk.clear('E_LINK_SEND', 'link');
  }

  /** Call it before passes are counted: if the carrier was gone in the meantime, what was on its way does not count as a pass. */
  checkCarrier(): void {
    const losses = this.#options.watch.carrier();
    if (losses === undefined || losses !== this.#carrierLosses) this.#options.dispatch.linkFailed();
    this.#carrierLosses = losses;
  }

  /** The kernel refused to send. */
  refused(code: ErrorCode, detail: string): void {
    this.#refusedAtMs = this.#options.clock.monotonicMs();
    // Under one code, whatever the kernel said: the others are what the watch sees.
    this.#desk.raise('E_LINK_SEND', 'link', code === 'E_LINK_SEND' ? detail : `${code}: ${detail}`);
  }

  #act(): void {
    const { dispatch, order, clock } = this.#options;
    const { stopped, problems } = this.#health;
    for (const code of codes) {
      const problem = problems.find((found) => found.code === code);
      this.#desk.set(problem !== undefined, code, 'link', problem?.detail);
    }
    const now = clock.monotonicMs();
    const probes = stopped === 'probe' && now - this.#probedAtMs >= probeMs ? 1 : 0;
    if (probes > 0) this.#probedAtMs = now;
    dispatch.linkStopped(stopped !== 'none');
    order({ isStopped: stopped !== 'none', probes });
  }
}
