/**
 * Reads the configuration of `vnet lan` from YAML or JSON and fills in its defaults. A file that is
 * invalid is rejected with the position of every problem: `lan.yaml:12:5: hosts[3].ip: ...`.
 */
import { readFileSync } from 'node:fs'
import { type ErrorCode, isScalar, LineCounter, parseDocument } from 'yaml'
import { EINVAL, VnetError } from '../../netdev/errno.ts'
import { dhcpConfig } from '../services/dhcp/config.ts'
import { checkTogether } from './check.ts'
import { complete, type LanConfig, type LanDefaults } from './defaults.ts'
import { Problems } from './problems.ts'
import { type LanFile, lanSchema } from './schema.ts'
import { validate } from './validate.ts'

const TOO_DEEP = 'it is nested too deep'
/** Instead of messages of the yaml package that name its functions and options. */
const MESSAGES: { readonly [C in ErrorCode]?: string } = {
  MULTIPLE_DOCS: 'expected one YAML document',
  NON_STRING_KEY: 'expected text as a key',
  RESOURCE_EXHAUSTION: TOO_DEEP,
}

/** Reads the file at `path`. Throws a VnetError if that fails, a FileError if it is invalid. */
export function loadLanConfig(path: string, defaults?: LanDefaults): LanConfig {
  return parseLanConfig(read(path), path, defaults)
}

/** Completes a configuration that is an object. Throws a UsageError if it is invalid. */
export function toLanConfig(file: LanFile, defaults?: LanDefaults): LanConfig {
  return parseLanConfig(JSON.stringify(file), undefined, defaults)
}

/** Parses the text of the file `name`. Throws a FileError; without a name, a UsageError. */
export function parseLanConfig(text: string, name?: string, defaults?: LanDefaults): LanConfig {
  const lines = new LineCounter()
  const problems = new Problems(name, lines)
  const value = parse(text, lines, problems)
  problems.throwIfAny()
  const file = (value ?? {}) as LanFile
  const config = complete(file, defaults)
  checkTogether(file, config, problems)
  problems.throwIfAny()
  checkDhcp(config, problems)
  problems.throwIfAny()
  return config
}

/** Returns the value of `text`, which may be null: an empty file. */
function parse(text: string, lines: LineCounter, problems: Problems): unknown {
  const options = { lineCounter: lines, prettyErrors: false, logLevel: 'error' } as const
  try {
    // Version 1.2 with strings as keys, whatever version %YAML gives.
    const restricted = { stringKeys: true, schema: 'core', resolveKnownTags: false, merge: false }
    const { contents, errors, warnings } = parseDocument(text, { ...options, ...restricted })
    // Those that follow are usually consequences of the first.
    const [first] = [...errors, ...warnings]
    if (first !== undefined) {
      problems.add('', MESSAGES[first.code] ?? first.message, first.pos[0])
    } else if (contents !== null && !(isScalar(contents) && contents.value === null))
      return validate(contents, lanSchema, problems)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    problems.add('', TOO_DEEP, 0)
  }
  return undefined
}

/** Reports what the DHCP server rejects. Its error names the place: `dhcp.options.mtu`. */
function checkDhcp({ dhcp }: LanConfig, problems: Problems): void {
  try {
    if (dhcp !== undefined) dhcpConfig(dhcp)
  } catch (error) {
    if (!(error instanceof VnetError)) throw error
    problems.add(error.syscall, error.advice ?? error.message)
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new VnetError((error as NodeJS.ErrnoException).errno ?? EINVAL, `open ${path}`, undefined, { cause: error })
  }
}
