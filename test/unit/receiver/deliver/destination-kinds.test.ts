/** Goal: each kind of destination says by itself where it is. Method: settings as a configuration has them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { receiverSettings } from '../../../../receiver/configuration.ts';
import { addressOf, destinationKinds, placeOf } from '../../../../receiver/deliver/destination-kinds.ts';
import { loadConfiguration } from '../../../../shared/config/load.ts';

const folder = mkdtempSync(join(tmpdir(), 'destination-kinds-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const toml = `keyFile = "k"
vault.folder = "v"
inbox.folder = "i"
link.address = "10.0.0.2"
[[destinations]]
name = "pacs"
host = "pacs.example"
port = 11112
calledAe = "ARCHIVE"
[[destinations]]
name = "web"
kind = "dicomweb"
url = "https://web.example:8443/dicom-web"
`;

it('a destination is named in one line, and where doctor looks, as its kind has it', () => {
  const path = join(folder, 'receiver.toml');
  writeFileSync(path, toml);
  const { destinations } = loadConfiguration(receiverSettings, {
    path,
    environment: {},
    overrides: [],
  }).values;
  expect(destinations.map((each) => [placeOf(each), addressOf(each)])).toEqual([
    ['ARCHIVE@pacs.example:11112', 'pacs.example'],
    ['https://web.example:8443/dicom-web', 'https://web.example:8443/dicom-web'],
  ]);
  expect(Object.keys(destinationKinds)).toEqual([...new Set(destinations.map(({ kind }) => kind))]);
});
