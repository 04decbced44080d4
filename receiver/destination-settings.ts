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

/** The settings that only a PACS reached with C-STORE has. */
const dicom = {
  host: awayFromLink(requiredText('the host name or address of the PACS', textForms.host)),
  port: wholeNumber({ min: 1, max: 65_535, fallback: 104 }, 'its DICOM port'),
  calledAe: requiredText('its AE title', textForms.aeTitle),
  callingAe: textOr('DIODE', 'the AE title that the receiver calls with', textForms.aeTitle),
  'tls.enabled': yesOrNo(false, 'use TLS'),
} as const;

/** The settings that only a PACS reached with STOW-RS has. */
const dicomweb = {
  url: awayFromLink(
    requiredText(
      'the address of the DICOMweb service; studies are stored at /studies below it',
      textForms.webAddress,
    ),
  ),
  credentialsFile: secret(
    'a file with one line, "bearer TOKEN" or "basic USER:PASSWORD", that only its owner can read',
  ),
  instancesPerRequest: wholeNumber(
    { min: 1, max: 500, fallback: 1 },
    'how many instances one request carries',
  ),
} as const;

/** By kind; `deliver/destination-kinds.ts` has what each does. */
const kinds = { dicom, dicomweb } as const;

const fields = {
  name: requiredText('its name in status, logs and command lines', textForms.name),
  'tls.caFile': optionalPath(
    'the authority that signs its certificate, as PEM; default: the authorities the system trusts',
  ),
  'tls.certificateFile': optionalPath("the receiver's own certificate, as PEM"),
  'tls.keyFile': secret('the private key for that certificate, as PEM, that only its owner can read'),
  'tls.serverName': optionalText('the name in its certificate, if it is not the host', textForms.host),
  senders: texts({ textsMax: 64, form: textForms.senderId }, 'only instances that these senders took in'),
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

/** A destination of any kind, as in the configuration: files are still paths. */
export type DestinationSettings = ValuesByKind<typeof fields, 'kind', typeof kinds>;

/** The same, for some of the kinds only. */
export type SettingsOfKind<Kind extends DestinationSettings['kind']> = Extract<
  DestinationSettings,
  { readonly kind: Kind }
>;

export const destinationSettings = listOfTablesByKind(
  {
    fields,
    tablesMax: destinationsMax,
    uniqueField: 'name',
    kind: {
      field: 'kind',
      fallback: 'dicom',
      about: 'dicom delivers with C-STORE, dicomweb with STOW-RS',
      settings: kinds,
    },
  },
  'the PACS that get every released study',
);
