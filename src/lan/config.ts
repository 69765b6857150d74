/**
 * The configuration of `vnet lan`, from YAML or JSON: what schema.ts describes, with all its defaults filled in and everything
 * in it compared with everything else. Whatever is wrong is told with its place, `lan.yaml:12:5: hosts[3].ip: ...`, all at once.
 */
import { readFileSync } from 'node:fs'
import { isNode, isScalar, LineCounter, parseDocument } from 'yaml'
import { EINVAL, VnetError } from '../core/errno.ts'
import { dhcpConfig } from '../segment/dhcp/config.ts'
import { checkTogether, offsetAround } from './config-check.ts'
import { complete, type LanConfig, type LanDefaults } from './config-defaults.ts'
import { formatPath, type Path, Problems } from './problems.ts'
import { type LanFile, lanSchema } from './schema.ts'
import { type Checked, validate } from './validate.ts'

/** Reads the file at `path`. VnetError when it cannot be read, FileError when it is not right. */
export function loadLanConfig(path: string, defaults?: LanDefaults): LanConfig {
  return parseLanConfig(read(path), path, defaults)
}

/** The configuration that an object is, where there is no file. UsageError. */
export function toLanConfig(file: LanFile, defaults?: LanDefaults): LanConfig {
  return parseLanConfig(JSON.stringify(file), undefined, defaults)
}

/**
 * The configuration that `text` is; `name` is that of the file, for errors: FileError, a line a problem, up to ten. Without a file
 * it is a UsageError of one line.
 */
export function parseLanConfig(text: string, name?: string, defaults?: LanDefaults): LanConfig {
  const lines = new LineCounter()
  const problems = new Problems(name, lines)
  const { value, places } = parse(text, lines, problems)
  // Here the schema has seen to it: what was not right is not in the value.
  const file = (value ?? {}) as LanFile
  const offset = (path: Path): number | undefined => places.get(formatPath(path))
  checkTogether(file, problems, offset)
  problems.throwIfAny()
  const config = complete(file, defaults)
  checkDhcp(config, problems, offset)
  problems.throwIfAny()
  return config
}

/** What the DHCP server would not take: values of options, names of boot files. It says `dhcp.options.mtu`. */
function checkDhcp({ dhcp }: LanConfig, problems: Problems, offset: (path: Path) => number | undefined): void {
  try {
    if (dhcp !== undefined) dhcpConfig(dhcp)
  } catch (error) {
    if (!(error instanceof VnetError)) throw error
    const inFile = error.syscall.replace('dhcp.subnets[0].ranges', 'dhcp.pool').replace('dhcp.subnets[0].', '')
    const path = Array.from(inFile.matchAll(/\[(\d+)\]|[^.[\]]+/g), ([key, i]) => (i === undefined ? key : Number(i)))
    problems.add(path, offsetAround(path, offset), error.advice ?? error.message)
  }
}

function parse(text: string, lines: LineCounter, problems: Problems): Checked {
  const nothing = { value: {}, places: new Map() }
  try {
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: 'error' })
    const wrong = [...document.errors, ...document.warnings]
    // The parser, which is recursive, gives up one level at a time.
    const deep = wrong.find(({ message }) => message.startsWith('Maximum call stack'))
    if (deep !== undefined) problems.add([], deep.pos[0], 'it is nested too deep')
    else for (const { pos, message } of wrong) problems.add([], pos[0], message)
    problems.throwIfAny()
    // An empty file: all defaults.
    const { contents } = document
    if (!isNode(contents) || (isScalar(contents) && contents.value === null)) return nothing
    return validate(contents, lanSchema, problems)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    problems.add([], 0, 'it is nested too deep')
    return nothing
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new VnetError((error as NodeJS.ErrnoException).errno ?? EINVAL, `open ${path}`, undefined, { cause: error })
  }
}
