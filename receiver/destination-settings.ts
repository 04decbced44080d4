/** The configuration of destinations: a table `[[destinations]]` for each. */
import {
  awayFromLink,
  listOfTablesByKind,
  optionalPath,
  optionalText,
  outside,
  realNumber,
  requiredText,
  textOr,
  texts,
  type ValuesByKind,
  wholeNumber,
  yesOrNo,
} from '../shared/config/settings.ts';
import { textForms } from '../shared/config/text-forms.ts';

const destinationsMax = 32;
/** Not in the inbox, which is emptied: the file is read for each delivery. */
const secret = (about: string) => outside(['inbox.folder'], optionalPath(about));

/** What a PACS that takes C-STORE has of its own. */
const dicom = {
  host: awayFromLink(requiredText('host name or address of the PACS', textForms.host)),
  port: wholeNumber({ min: 1, max: 65_535, fallback: 104 }, 'its DICOM port'),
  calledAe: requiredText('its AE title', textForms.aeTitle),
  callingAe: textOr('DIODE', 'the own AE title', textForms.aeTitle),
  'tls.enabled': yesOrNo(false, 'TLS; for dicomweb the url says it'),
} as const;

/** What a PACS that takes STOW-RS has of its own. */
const dicomweb = {
  url: awayFromLink(
    requiredText('the DICOMweb service: studies are stored at /studies below it', textForms.webAddress),
  ),
  credentialsFile: secret(
    'a file of one line, "bearer TOKEN" or "basic USER:PASSWORD", that only its owner can read',
  ),
  instancesPerRequest: wholeNumber({ min: 1, max: 500, fallback: 1 }, 'instances of one request'),
} as const;

/** By kind; `deliver/destination-kinds.ts` has what each does. */
const kinds = { dicom, dicomweb } as const;

const fields = {
  name: requiredText('its name in status, logs and command lines', textForms.name),
  'tls.caFile': optionalPath('who signs its certificate, as PEM; default: whom the system trusts'),
  'tls.certificateFile': optionalPath('the own certificate, as PEM'),
  'tls.keyFile': secret('its private key, as PEM, that only its owner can read'),
  'tls.serverName': optionalText('the name in its certificate, where it is not the host', textForms.host),
  senders: texts({ textsMax: 64, form: textForms.senderId }, 'only what these senders took in'),
  modalities: texts({ textsMax: 64, form: textForms.modality }, 'only instances of these modalities'),
  sopClasses: texts(
    { textsMax: 500, form: textForms.uidPattern },
    'only instances of these SOP classes; "1.2.3.*" means all that begin with it',
  ),
  callingAeTitles: texts(
    { textsMax: 64, form: textForms.aeTitle },
    'only instances that scanners with these AE titles sent',
  ),
  calledAeTitles: texts(
    { textsMax: 64, form: textForms.aeTitle },
    'only instances sent to these AE titles of the sender',
  ),
  connectSeconds: realNumber({ min: 0.1, max: 300, fallback: 10 }, 'how long making a connection may take'),
  responseSeconds: realNumber(
    { min: 0.1, max: 3600, fallback: 120 },
    'a delivery is given up for now after this long without a byte in either direction',
  ),
  retrySeconds: realNumber(
    { min: 0.1, max: 3600, fallback: 15 },
    'the wait after the first failure, doubled after each further one',
  ),
  retryMinutesMax: realNumber({ min: 0.01, max: 1440, fallback: 15 }, 'the longest wait'),
  attempts: wholeNumber(
    { min: 1, max: 1000, fallback: 20 },
    'an instance counts as failed after this many failures while others arrive',
  ),
  alarmMinutes: realNumber(
    { min: 0.01, max: 10_080, fallback: 30 },
    'raise an alarm when the oldest instance has waited longer than this',
  ),
} as const;

/** A destination as the configuration has it, of whatever kind: what is a file is a path still. */
export type DestinationSettings = ValuesByKind<typeof fields, 'kind', typeof kinds>;

/** The same, of some kinds alone. */
export type SettingsOfKind<Kind extends DestinationSettings['kind']> = Extract<
  DestinationSettings,
  { readonly kind: Kind }
>;

export const destinationSettings = listOfTablesByKind(
  {
    fields,
    tablesMax: destinationsMax,
    uniqueField: 'name',
    kind: { field: 'kind', fallback: 'dicom', about: 'C-STORE or STOW-RS', settings: kinds },
  },
  'PACS that get every released study',
);
