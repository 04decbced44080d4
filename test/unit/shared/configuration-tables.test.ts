/** Goal: a list of tables is checked as strictly as the rest. Method: a made-up list of everything a field can be. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keyLines, lineOfKey } from '../../../shared/config/key-lines.ts';
import { checkConfiguration, loadConfiguration } from '../../../shared/config/load.ts';
import {
  listOfTables,
  listOfTablesByKind,
  optionalPath,
  optionalText,
  outside,
  requiredPath,
  requiredText,
  textOr,
  texts,
  wholeNumber,
  yesOrNo,
} from '../../../shared/config/settings.ts';
import { textForms } from '../../../shared/config/text-forms.ts';
import { settingRows } from '../../../shared/console/setting-rows.ts';

const settings = {
  'inbox.folder': requiredPath('the inbox'),
  'inbox.enabled': yesOrNo(true, 'whether there is one'),
  'inbox.names': texts({ textsMax: 3 }, 'some names'),
  'dicom.titles': listOfTables(
    { tablesMax: 2, uniqueField: 'title', fields: { title: requiredText('the title', textForms.aeTitle) } },
    'AE titles',
  ),
  destinations: listOfTablesByKind(
    {
      tablesMax: 3,
      uniqueField: 'name',
      kind: {
        field: 'kind',
        fallback: 'dicom',
        about: 'how',
        settings: {
          dicom: {
            host: requiredText('the host', textForms.host),
            port: wholeNumber({ min: 1, max: 65_535, fallback: 104 }, 'the port'),
          },
          dicomweb: { url: requiredText('the address', textForms.webAddress) },
        },
      },
      fields: {
        name: requiredText('its name', textForms.name),
        callingAe: textOr('DIODE', 'the own title', textForms.aeTitle),
        credentialsFile: outside(['inbox.folder'], optionalPath('a secret')),
        note: optionalText('a note'),
        modalities: texts({ textsMax: 2 }, 'which'),
        'tls.caFile': optionalPath('who signs'),
      },
    },
    'where instances go',
  ),
} as const;

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'configuration-tables-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const inbox = 'inbox.folder = "inbox"\n';

function sources(toml: string, overrides: readonly string[] = [], environment: Record<string, string> = {}) {
  const path = join(folder, 'test.toml');
  writeFileSync(path, inbox + toml);
  return { path, environment, overrides };
}

function problems(toml: string, ...rest: [string[]?, Record<string, string>?]) {
  const { errors } = checkConfiguration(settings, sources(toml, ...rest));
  return errors.map(({ code, message }) => `${code} ${message}`);
}

const two = `
[[destinations]]
name = "pacs"
host = "10.0.0.9"
modalities = ["CT", "MR"]
credentialsFile = "secret"
[[destinations]]
name = "web"
kind = "dicomweb"
url = "https://pacs.example/dicom-web"
[destinations.tls]
caFile = "/etc/ca.pem"
[[dicom.titles]]
title = "CT ONE"
`;

describe('a list of tables', () => {
  it('gives each table its values, with defaults and paths against the folder of the file', () => {
    const { values, origins } = loadConfiguration(settings, sources(two));
    expect(values.destinations).toEqual([
      {
        name: 'pacs',
        kind: 'dicom',
        host: '10.0.0.9',
        port: 104,
        callingAe: 'DIODE',
        credentialsFile: join(folder, 'secret'),
        modalities: ['CT', 'MR'],
      },
      {
        name: 'web',
        kind: 'dicomweb',
        callingAe: 'DIODE',
        url: 'https://pacs.example/dicom-web',
        'tls.caFile': '/etc/ca.pem',
      },
    ]);
    expect(values['dicom.titles']).toEqual([{ title: 'CT ONE' }]);
    expect(origins).toMatchObject({
      destinations: 'file',
      'destinations[1].host': 'file',
      'destinations[1].port': 'default',
      'destinations[2].tls.caFile': 'file',
    });
  });

  it('that is left out, or written in one line, is a list too', () => {
    expect(loadConfiguration(settings, sources('')).values.destinations).toEqual([]);
    const inline = 'destinations = [{ name = "a", host = "b" }, { name = "c", host = "d" }]\n';
    expect(loadConfiguration(settings, sources(inline)).values.destinations).toHaveLength(2);
    expect(problems(inline.replace('"b"', '""'))[0]).toContain('destinations[1].host = "": ');
    expect(problems(inline.replace('"b"', '""'))[0]).toContain('(line 2)');
  });

  it('has every error of every table named with its line', () => {
    const wrong = `
[[destinations]]
name = "Not A Name"
hots = "10.0.0.9"
port = 0

[[destinations]]
name = "web"
kind = "dicomweb"
port = 104
[destinations.tls]
caFiles = "x"
[[destination]]
name = "x"
`;
    expect(problems(wrong).sort()).toEqual([
      'E_CONFIG_UNKNOWN_KEY there is no setting destination (line 14); did you mean destinations?',
      'E_CONFIG_UNKNOWN_KEY there is no setting destinations[1].hots (line 5); did you mean host?',
      'E_CONFIG_UNKNOWN_KEY there is no setting destinations[2].tls.caFiles (line 13); did you mean tls.caFile?',
      'E_CONFIG_VALUE destinations[1].host is missing: the host (line 3)',
      'E_CONFIG_VALUE destinations[1].name = "Not A Name": must be a name of 1 to 32 lower-case letters, digits and hyphens (line 4)',
      'E_CONFIG_VALUE destinations[1].port = 0: must be a whole number from 1 to 65535 (line 6)',
      'E_CONFIG_VALUE destinations[2].port = 104: is only for kind = "dicom" (line 11)',
      'E_CONFIG_VALUE destinations[2].url is missing: the address (line 8)',
    ]);
  });

  it('does not judge by a value that has an error of its own', () => {
    expect(problems('[[destinations]]\nname = "a"\nkind = "fax"\nport = 0\n')).toEqual([
      'E_CONFIG_VALUE destinations[1].kind = "fax": must be one of dicom, dicomweb (line 4)',
    ]);
  });

  it('of several kinds takes of each what is its own, and says which one a field is of', () => {
    const byKind = {
      ways: listOfTablesByKind(
        {
          tablesMax: 3,
          uniqueField: 'name',
          kind: {
            field: 'by',
            fallback: 'post',
            about: 'how',
            settings: {
              post: { weight: wholeNumber({ min: 1, max: 9, fallback: 2 }, 'how heavy') },
              rail: {
                weight: wholeNumber({ min: 1, max: 99, fallback: 50 }, 'how heavy'),
                track: yesOrNo(true, 'x'),
              },
              foot: {},
            },
          },
          fields: { name: requiredText('its name', textForms.name) },
        },
        'ways',
      ),
      name: requiredText('an outer one', textForms.name),
      track: yesOrNo(false, 'an outer one'),
    } as const;
    const check = (toml: string) => checkConfiguration(byKind, sources(`name = "n"\n${toml}`));
    const named = '[[ways]]\nname = "a"\n';
    const load = (toml: string) => {
      const { values, errors } = check(toml);
      return {
        ways: values.ways,
        errors: errors.map(({ message }) => message).filter((text) => !text.includes('inbox')),
      };
    };
    expect(load(named).ways).toEqual([{ name: 'a', by: 'post', weight: 2 }]);
    expect(load(`${named}by = "rail"\n`).ways).toEqual([{ name: 'a', by: 'rail', weight: 50, track: true }]);
    // Nor is what another kind has taken from around the list.
    expect(load(`${named}by = "foot"\n`).ways).toEqual([{ name: 'a', by: 'foot' }]);
    expect(load(`${named}by = "foot"\nweight = 3\n`).errors).toEqual([
      'ways[1].weight = 3: is only for by = "post" or "rail" (line 6)',
    ]);
    expect(load(`${named}by = "post"\nweight = 10\n`).errors).toEqual([
      'ways[1].weight = 10: must be a whole number from 1 to 9 (line 6)',
    ]);
    expect(load(`${named}by = "rail"\nweight = 10\n`).errors).toEqual([]);
    expect(load(`${named}by = "toString"\nweight = 0\n`).errors).toEqual([
      'ways[1].by = "toString": must be one of post, rail, foot (line 5)',
    ]);
  });

  it('is bounded, and tells its tables apart', () => {
    const one = (name: string) => `[[destinations]]\nname = "${name}"\nhost = "h"\n`;
    expect(problems(one('a') + one('b') + one('c'))).toEqual([]);
    expect(problems(one('a') + one('b') + one('c') + one('d'))).toEqual([
      expect.stringMatching(
        /^E_CONFIG_VALUE destinations = .*: must be at most 3 tables in the configuration file \(line 2\)$/,
      ),
    ]);
    expect(problems(one('a') + one('b') + one('a'))).toEqual([
      'E_CONFIG_VALUE destinations[3].name = "a": occurs twice in destinations (line 9)',
    ]);
  });

  it.each([
    ['[destinations]\nname = "a"\n'],
    ['destinations = "a"\n'],
    ['destinations = ["a"]\n'],
    ['destinations = [[]]\n'],
    ['destinations = [1979-05-27]\n'],
  ])('is not %j', (toml) => {
    expect(problems(toml)).toEqual([expect.stringContaining('E_CONFIG_VALUE destinations')]);
  });

  it('can not come from the environment or a flag', () => {
    for (const text of ['a', '1', 'true', 'a,b'])
      expect(problems('', [`destinations=${text}`])).toEqual([
        expect.stringContaining('E_CONFIG_VALUE destinations'),
      ]);
    expect(problems('', [], { DIODE_DESTINATIONS: 'a' })).toEqual([
      expect.stringContaining('(DIODE_DESTINATIONS)'),
    ]);
    expect(problems('', ['destinations[1].name=a'])[0]).toContain('E_CONFIG_UNKNOWN_KEY');
  });

  it('compares its values with those around it', () => {
    const inside = two.replace('"secret"', '"inbox/secret"');
    expect(problems(inside)).toEqual([
      `E_CONFIG_VALUE destinations[1].credentialsFile = "inbox/secret": must be outside inbox.folder = ${JSON.stringify(join(folder, 'inbox'))} (line 7)`,
    ]);
  });

  it('may have names that every object has', () => {
    for (const name of ['constructor', '__proto__', 'toString']) {
      const found = problems(`[[destinations]]\nname = "a"\nhost = "h"\n${name} = 1\n`);
      expect(found[0]).toContain(`E_CONFIG_UNKNOWN_KEY there is no setting destinations[1].${name} (line 5)`);
    }
  });

  it('has lines by the number of the table, also of tables within it', () => {
    const lines = keyLines(
      '[[a.b]]\nc = 1\n[a.b.d]\ne = 2\n[[a.b]]\nc = 3\n[a.b.d]\ne = 4\n[other]\nc = 5\n',
    );
    const paths = [
      'a.b',
      'a.b[1].c',
      'a.b[1].d.e',
      'a.b[2]',
      'a.b[2].c',
      'a.b[2].d',
      'a.b[2].d.e',
      'other.c',
    ];
    expect(paths.map((path) => lineOfKey(lines, path))).toEqual([1, 2, 4, 5, 6, 7, 8, 10]);
    expect(lineOfKey(lines, 'a.b[2].missing')).toBe(5);
    expect(lineOfKey(lines, 'a.b[7].missing')).toBe(1);
    expect(lineOfKey(lines, '[')).toBeUndefined();
  });
});

describe('config show', () => {
  it('shows every field of every table, and those of a table that nobody has written', () => {
    const { values, origins } = loadConfiguration(settings, sources(two));
    const rows = settingRows(settings, values, origins).map((row) => row.slice(0, 3).join(' '));
    expect(rows).toEqual(
      expect.arrayContaining([
        'inbox.enabled true default',
        'inbox.names (not set) default',
        'dicom.titles 1 table file',
        'destinations 2 tables file',
        'destinations[1].modalities CT, MR file',
        'destinations[2].host (not set) default',
        'destinations[2].url https://pacs.example/dicom-web file',
      ]),
    );
    const empty = loadConfiguration(settings, sources(''));
    const documented = settingRows(settings, empty.values, empty.origins).map((row) => row.join(' '));
    expect(documented).toContain('destinations 0 tables default where instances go');
    expect(documented).toContain('destinations[].port 104 default the port');
  });
});

describe('a text', () => {
  it('or a list of texts, or yes and no, may come from a flag', () => {
    const { values } = loadConfiguration(settings, sources('', ['inbox.enabled=false', 'inbox.names=a,12']));
    expect(values['inbox.enabled']).toBe(false);
    expect(values['inbox.names']).toEqual(['a', '12']);
    expect(loadConfiguration(settings, sources('', ['inbox.names=12'])).values['inbox.names']).toEqual([
      '12',
    ]);
    expect(problems('', ['inbox.enabled=yes'])[0]).toContain('"yes": must be true or false');
    expect(problems('', ['inbox.names=a,b,c,d'])[0]).toContain('must be a list of 1 to 3 texts');
    expect(problems('inbox.names = []\n')).toHaveLength(1);
  });

  it.each([
    ['aeTitle', ['A', 'CT ONE', 'A'.repeat(16)], ['', ' A', 'A ', 'A\\B', 'A'.repeat(17), 'Ä', 'A\n']],
    ['name', ['a', 'pacs-2'], ['', 'A', '-a', '../a', 'a'.repeat(33), 'a\n']],
    ['host', ['10.0.0.1', 'pacs.example', '::1', 'fe80::1'], ['', 'a b', '-a', 'a/b', 'a\n', 'a@b']],
    [
      'webAddress',
      ['http://pacs:8042/dicom-web', 'https://pacs.example/'],
      ['', 'pacs', 'ftp://pacs/', 'https://user:word@pacs/', 'https://pacs/?a=b', 'https://pacs/#a'],
    ],
  ] as const)('of the form %s is taken or refused', (form, right, wrong) => {
    const { schema } = textForms[form];
    expect(right.filter((text) => !schema.safeParse(text).success)).toEqual([]);
    expect(wrong.filter((text) => schema.safeParse(text).success)).toEqual([]);
  });

  it('that has credentials where it must not does not show them', () => {
    const web = two.replace('https://pacs.example', 'https://user:word@pacs.example');
    const [problem = ''] = problems(web);
    expect(problem).toContain('destinations[2].url = "https://…@pacs.example/dicom-web": must be');
    expect(problem).not.toContain('word');
  });
});
