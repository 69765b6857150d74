/** The block of a finding: Markdown that can be pasted into an issue of the client's project. */
import { printable } from 'vnet/kit/base'
import { count } from '../story/statement.ts'
import { OUTPUT } from './clean.ts'
import type { ClientRun, Content } from './client-run.ts'
import type { StreamPoint } from './conversation.ts'
import type { Confirmation } from './plain.ts'
import { lastLineOf } from './verdicts.ts'
import type { Versions } from './versions.ts'

/** A finding, with the runs that show it. */
export interface Finding {
  readonly verdict: string
  readonly point: StreamPoint
  /** The promise of the client, quoted from its documentation. */
  readonly promise?: string | undefined
  /** The lines for sh(1) of the server and the client. */
  readonly server: string
  readonly command: string
  readonly clean: {
    readonly first: ClientRun
    /** A line for each part that is not compared. */
    readonly masked: readonly string[]
  }
  readonly seen: ClientRun
  /** How many of the repetitions have the verdict. */
  readonly repeats: { readonly seen: number; readonly of: number }
  readonly plain: Confirmation
  readonly versions: Versions
}

const MS_PER_S = 1000
/** The most characters of the last line of errors. */
const SAID_MAX = 300

/** The directory of vnet in a command, which runs in another one. */
const OWN_DIRECTORY = /"\$\{?VNET_CWD\}?"\/|\$\{?VNET_CWD\}?\//g

/** Returns the text of a finding, which ends with a newline. */
export function blockOf(finding: Finding): string {
  const { verdict, point, promise, command, clean, versions, repeats, plain } = finding
  const { lines, scripts } = versions
  const parts = [
    `### \`${programOf(command)}\`: ${verdict}`,
    '**Versions**',
    lines.map(line => `- ${line}`).join('\n'),
    ...(promise === undefined ? [] : ['**Documented**', quoted(promise)]),
    '**Command**',
    fenced('sh', command.replaceAll(OWN_DIRECTORY, '')),
    ...scripts.flatMap(({ path, text }) => [`\`${path}\`:`, fenced('', text)]),
    `**What happens** if ${faultText(point)}:`,
    tableOf(finding),
    ...listed([...differencesOf(finding), ...clean.masked]),
    `It was so in ${repeats.seen} of ${repeats.of} repetitions; ${plain.text}.`,
    ...reproducerParts(finding),
    'Found with `vnet explore`, which tries faults at the bytes of a TCP connection.',
  ]
  return `${parts.filter(part => part !== '').join('\n\n')}\n`
}

/** Returns the first word of a command that is the name of a program. */
export function programOf(command: string): string {
  const words = command.trim().split(/\s+/)
  const first = words.find(word => !/^(exec|env|\w+=.*)$/.test(word)) ?? command
  return first.replaceAll(/['"`]/g, '').replace(/^.*\//, '')
}

/** Returns a fault as a clause: `the connection ends by FIN after 9805 bytes of the server`. */
export function faultText({ fault, from, byte, connection }: StreamPoint): string {
  const what = {
    fin: 'the connection ends by FIN',
    reset: 'the connection is reset',
    silence: 'no packet arrives any more',
    mute: `no packet of the ${from} arrives any more`,
  }
  const of = connection === 1 ? '' : ` of connection ${connection}`
  const place = byte < 0 ? 'from the SYN' : `after ${count(byte, 'byte')}`
  return `${what[fault]} ${place} of the ${from}${of}`
}

/** Returns a table of the status, the output and the files of a clean run and of the other one. */
function tableOf({ clean: { first }, seen }: Finding): string {
  const names = new Set([...first.files.keys(), ...seen.files.keys()])
  const rows = [
    ['', 'without the fault', 'with it'],
    ['---', '---', '---'],
    ['status', endText(first), endText(seen)],
    [OUTPUT, contentText(first.out), contentText(seen.out)],
    ...[...names].map(name => [
      `file ${codeText(name)}`,
      contentText(first.files.get(name)),
      contentText(seen.files.get(name)),
    ]),
    ['last line of standard error', saidText(first), saidText(seen)],
  ]
  return rows.map(cells => `| ${cells.join(' | ')} |`).join('\n')
}

function endText({ status, signal, hung, ms }: ClientRun): string {
  const time = `${(ms / MS_PER_S).toFixed(1)} s`
  if (hung) return `killed after ${time}, because it had not ended`
  return status === null ? `ended by ${signal} after ${time}` : `${status} after ${time}`
}

function contentText(content: Content | undefined): string {
  if (content === undefined) return 'missing'
  const { length, sha256 } = content
  return length === 0 ? 'empty' : `${count(length, 'byte')}, SHA-256 \`${sha256}\``
}

function saidText({ err }: ClientRun): string {
  const last = lastLineOf(err)
  return last === '' ? 'empty' : codeText(printable(last).slice(0, SAID_MAX))
}

/** Returns a text as code that a cell of a table may have. */
const codeText = (text: string): string => `\`${text.replaceAll('`', "'").replaceAll('|', '\\|')}\``

function differencesOf({ clean: { first }, seen }: Finding): string[] {
  if (seen.status !== 0) return []
  const files = [...first.files].map(
    ([name, content]) => [codeText(name), content, seen.files.get(name)] as const,
  )
  return [[OUTPUT, first.out, seen.out] as const, ...files].flatMap(
    ([name, a, b]) => (b === undefined ? undefined : differenceText(name, a, b)) ?? [],
  )
}

/** Returns the first difference of two contents; undefined if they do not. */
export function differenceText(name: string, clean: Content, seen: Content): string | undefined {
  if (clean.sha256 === seen.sha256) return undefined
  const instead = clean.length === seen.length ? '' : ` instead of ${clean.length}`
  const lengths = `${count(seen.length, 'byte')}${instead}`
  const at = firstDifference(clean.start, seen.start)
  const isStart = at === seen.length
  if (isStart) return `${name} has only the first ${at} of ${count(clean.length, 'byte')}`
  const more = seen.length - clean.length
  const isTwice =
    more > 0 && more <= at && Buffer.compare(seen.start.subarray(more), clean.start) === 0
  if (isTwice) return `${name} has its first ${count(more, 'byte')} twice: ${lengths}`
  const isKept = at < Math.max(clean.start.length, seen.start.length)
  return isKept
    ? `${name} differs from byte ${at} on: ${lengths}`
    : `${name} differs after byte ${at}: ${lengths}`
}

function firstDifference(a: Uint8Array, b: Uint8Array): number {
  const at = a.findIndex((byte, i) => byte !== b[i])
  return at < 0 ? a.length : at
}

function reproducerParts({ plain, point, server }: Finding): string[] {
  const { program, printed = '', isRepeated } = plain
  if (program === undefined || !isRepeated) {
    const place = `byte ${point.byte} of the ${point.from}, connection ${point.connection}`
    return [`**Seen with** this server, and the fault at ${place}:`, fenced('sh', server)]
  }
  return [
    '**Reproducer**: this server replays the recorded bytes, and needs only Python 3. Save it as ' +
      '`server.py`, run `python3 server.py`, let `server` be 127.0.0.1 in /etc/hosts, and run the ' +
      'command.',
    fenced('python', program),
    'It prints:',
    fenced('', printed),
  ]
}

const listed = (lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : [lines.map(line => `- ${line}`).join('\n')]

const quoted = (text: string): string =>
  text
    .split('\n')
    .map(line => `> ${line}`)
    .join('\n')

/** Returns a text between fences that it does not have itself. */
function fenced(language: string, text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length))
  const fence = '`'.repeat(longest + 1)
  return `${fence}${language}\n${text.replace(/\n?$/, '\n')}${fence}`
}
