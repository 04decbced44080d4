/** Who this sender is in this run: its id, its session, its key, and what its objects are planned by. */

import { linkParameters } from '../../shared/config/link-settings.ts';
import { type KeyRing, secretsOf } from '../../shared/crypto/key-file.ts';
import type { AlarmDesk } from '../../shared/program/alarm-desk.ts';
import type { Alarms } from '../../shared/program/alarms.ts';
import type { Part } from '../../shared/program/part.ts';
import type { SenderConfiguration } from '../configuration.ts';
import type { SenderIdentity } from '../identity.ts';
import type { SenderLedger } from '../ledger/ledger.ts';
import { type BegunSession, beginSession } from '../ledger/session.ts';

export interface SessionPartOptions {
  readonly configuration: SenderConfiguration;
  readonly ledger: SenderLedger;
  readonly keys: KeyRing;
  readonly alarms: Alarms;
  readonly randomBytes: (count: number) => Uint8Array;
}

export class SessionPart implements Part {
  readonly name = 'session';
  readonly session: BegunSession;
  readonly identity: SenderIdentity;
  readonly #desk: AlarmDesk;

  constructor({ configuration, ledger, keys, alarms, randomBytes }: SessionPartOptions) {
    const [key, ...otherKeys] = keys.keys;
    this.#desk = alarms.desk('session');
    this.session = beginSession(ledger, randomBytes);
    this.identity = {
      senderId: new Uint8Array(Buffer.from(this.session.senderId, 'hex')),
      keyId: key.id,
      secret: key.secret,
      otherSecrets: secretsOf(otherKeys),
      parameters: linkParameters(configuration),
    };
  }

  start(): void {
    const { renewedFrom, senderId } = this.session;
    if (renewedFrom === undefined) return;
    const detail = `the session counter of ${renewedFrom} could not grow; this is sender ${senderId} now`;
    this.#desk.raise('E_SENDER_RENEWED', senderId, detail);
  }

  status() {
    const { counter, random, senderId, renewedFrom } = this.session;
    return { senderId, session: { counter, random, senderId, renewedFrom }, keyId: this.identity.keyId };
  }
}
