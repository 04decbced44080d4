/** The link as the receiver sees it: what came over it, what was lost and where, and whether anything else reaches it. */

import type { Clock } from '../../shared/clock.ts';
import { linkParameters } from '../../shared/config/link-settings.ts';
import { type KeyRing, secretsOf } from '../../shared/crypto/key-file.ts';
import { type HostFiles, kernelLimit } from '../../shared/host-network.ts';
import { receiverCounters } from '../../shared/link-counters.ts';
import { LinkGuard } from '../../shared/link-guard.ts';
import type { AlarmDesk } from '../../shared/program/alarm-desk.ts';
import type { Alarms } from '../../shared/program/alarms.ts';
import type { Measure } from '../../shared/program/measure.ts';
import type { Part } from '../../shared/program/part.ts';
import type { TimedDisk } from '../../shared/timed-disk.ts';
import type { Assembler } from '../assemble/assembler.ts';
import type { ReceiverConfiguration } from '../configuration.ts';
import { type ReceiverLinkHealth, ReceiverLinkWatch, receiverLinkCodes } from '../link/link-health.ts';
import type { OpenedLink, ReceivingEnd } from '../link/receiving-end.ts';
import { RefusalWatch } from '../link/refusal-watch.ts';
import type { LinkStatus } from '../status.ts';

const lookMs = 1000;

export interface LinkPartOptions {
  readonly configuration: ReceiverConfiguration;
  readonly link: ReceivingEnd;
  /** Of the pipeline, which is made later. */
  readonly assembler: () => Pick<Assembler, 'datagramsLost' | 'losses'>;
  readonly alarms: Alarms;
  readonly clock: Clock;
  readonly files: HostFiles;
  /** The disk that the program may be waiting for when the ring is full. */
  readonly disk: Pick<TimedDisk, 'spentMs'>;
}

export class LinkPart implements Part<{ readonly link: LinkStatus }> {
  readonly name = 'link';
  readonly chores = [{ everyMs: lookMs, act: () => this.#look() }];
  readonly #options: LinkPartOptions;
  readonly #desk: AlarmDesk;
  readonly #refusals: RefusalWatch;
  readonly #guard: LinkGuard;
  #watch: ReceiverLinkWatch | undefined;
  #health: ReceiverLinkHealth | undefined;
  #port = 0;

  constructor(options: LinkPartOptions) {
    const { alarms, files } = options;
    this.#options = options;
    this.#desk = alarms.desk('link');
    this.#refusals = new RefusalWatch(alarms);
    this.#guard = new LinkGuard({ files, alarms, counters: receiverCounters });
  }

  /** Once it is open. */
  get port(): number {
    return this.#port;
  }

  /** @throws DiodeError what keeps the link from opening */
  start(): void | Promise<void> {
    const opened = this.#options.link.opened();
    return opened instanceof Promise ? opened.then((open) => this.#opened(open)) : this.#opened(opened);
  }

  stop(): void | Promise<void> {
    return this.#options.link.stop();
  }

  useKeys(ring: KeyRing): void {
    this.#options.link.useSecrets(secretsOf(ring.keys));
  }

  status(): { readonly link: LinkStatus } {
    const { link } = this.#options;
    const assembler = this.#options.assembler();
    const { admitted, refused, ringDrops, binding } = link.counters;
    return {
      link: {
        admitted,
        refused,
        lost: assembler.datagramsLost,
        lostBySender: assembler.losses(),
        losses: this.#health?.losses ?? { link: 0, nic: 0, socket: 0, ring: 0, disk: 0 },
        interface: this.#health?.interface,
        boundTo: typeof binding === 'object' ? binding.to : undefined,
        damagedFrames: this.#health?.damaged ?? 0,
        ringDrops,
        ringFilled: link.available,
        ringSlots: link.slots,
      },
    };
  }

  measures({ link }: { readonly link: LinkStatus }): readonly Measure[] {
    const { admitted, ringDrops, refused, losses } = link;
    return [
      { name: 'diode_receiver_datagrams_received_total', value: admitted },
      { name: 'diode_receiver_ring_drops_total', value: ringDrops },
      ...Object.entries(refused).map(([code, value]) => ({
        name: 'diode_receiver_datagrams_refused_total',
        value,
        labels: { code },
      })),
      ...Object.entries(losses).map(([place, value]) => ({
        name: 'diode_receiver_datagrams_lost_total',
        value,
        labels: { place },
      })),
    ];
  }

  #opened({ port, receiveBufferBytes }: OpenedLink): void {
    const { configuration, files } = this.#options;
    this.#port = port;
    const wanted = configuration['link.receiveBufferBytes'];
    this.#desk.set(
      receiveBufferBytes < wanted,
      'E_LINK_BUFFER',
      'link',
      `asked for ${wanted} bytes, got ${receiveBufferBytes}; net.core.rmem_max is ${kernelLimit(files, 'net/core/rmem_max') ?? 'unknown'}`,
    );
    this.#watch = new ReceiverLinkWatch(files, {
      address: configuration['link.address'],
      port,
      interface: configuration['link.interface'],
      datagramBytes: linkParameters(configuration).datagramBytes,
    });
    this.#health = this.#lookAtHost(this.#watch);
  }

  #look(): void {
    const { link, clock } = this.#options;
    const now = clock.monotonicMs();
    const { refused, binding } = link.counters;
    this.#refusals.look(refused, now);
    this.#guard.look(binding, now);
    if (this.#watch === undefined) return;
    const health = this.#lookAtHost(this.#watch);
    this.#health = health;
    for (const code of receiverLinkCodes) {
      const problem = health.problems.find((found) => found.code === code);
      this.#desk.set(problem !== undefined, code, 'link', problem?.detail);
    }
  }

  #lookAtHost(watch: ReceiverLinkWatch): ReceiverLinkHealth {
    const { link, clock, disk } = this.#options;
    const { admitted, ringDrops } = link.counters;
    const lost = this.#options.assembler().datagramsLost;
    return watch.look({ atMs: clock.monotonicMs(), admitted, lost, ringDrops, diskMs: disk.spentMs() });
  }
}
