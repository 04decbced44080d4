/** The link as the sender sees it: whether anything can leave, and whether anything leaves elsewhere. */

import type { Clock } from '../../shared/clock.ts';
import type { ErrorCode } from '../../shared/errors.ts';
import type { HostFiles } from '../../shared/host-network.ts';
import { senderCounters } from '../../shared/link-counters.ts';
import { LinkGuard } from '../../shared/link-guard.ts';
import type { Log } from '../../shared/log.ts';
import type { Alarms } from '../../shared/program/alarms.ts';
import type { Part } from '../../shared/program/part.ts';
import type { SenderConfiguration } from '../configuration.ts';
import { LinkSupervision } from '../dispatch/link-supervision.ts';
import type { SenderIdentity } from '../identity.ts';
import { SenderLinkWatch } from '../link/link-health.ts';
import type { LinkStatus } from '../status.ts';
import type { LinkListener, Sending } from './sending.ts';

const lookMs = 200;

export interface LinkPartOptions {
  readonly configuration: SenderConfiguration;
  readonly identity: SenderIdentity;
  readonly sending: Sending;
  readonly alarms: Alarms;
  readonly clock: Clock;
  readonly files: HostFiles;
  readonly log: Log;
}

export class LinkPart implements Part, LinkListener {
  readonly name = 'link';
  readonly chores = [{ everyMs: lookMs, act: () => this.#look() }];
  readonly #options: LinkPartOptions;
  readonly #guard: LinkGuard;
  #supervision: LinkSupervision | undefined;

  constructor(options: LinkPartOptions) {
    const { files, alarms, sending } = options;
    this.#options = options;
    this.#guard = new LinkGuard({ files, alarms, counters: senderCounters });
    sending.listen(this);
  }

  start(): void {
    const { configuration, identity, sending, alarms, clock, files, log } = this.#options;
    const watch = new SenderLinkWatch(files, {
      address: configuration['link.address'],
      interface: configuration['link.interface'],
      datagramBytes: identity.parameters.datagramBytes,
    });
    const { dispatch } = sending;
    const order = sending.order.bind(sending);
    this.#supervision = new LinkSupervision({ watch, alarms, clock, dispatch, order });
    const { defaultRouteOver } = this.#supervision.health;
    if (defaultRouteOver !== undefined)
      log.warn('only the default route leads to the receiver', {
        interface: defaultRouteOver,
        detail: 'what is meant for the link could leave over another network: run diode-sender doctor',
      });
  }

  get interface(): string | undefined {
    return this.#supervision?.health.interface;
  }

  passesEnd(): void {
    this.#supervision?.checkCarrier();
  }

  refused(code: ErrorCode, detail: string): void {
    this.#supervision?.refused(code, detail);
  }

  status(): { readonly link: LinkStatus } {
    const health = this.#supervision?.health;
    const { binding } = this.#options.sending;
    return {
      link: {
        interface: health?.interface,
        boundTo: typeof binding === 'object' ? binding.to : undefined,
        stopped: health?.stopped ?? 'none',
        notSent: health?.notSent ?? 0,
      },
    };
  }

  #look(): void {
    const { sending, clock } = this.#options;
    this.#supervision?.look();
    this.#guard.look(sending.binding, clock.monotonicMs());
  }
}
