/** Compares the records of two runs, and names the first difference. */
import { fileHead, type MailRecord, Outbox } from './mail.ts'

const NS_PER_S = 1e9
/** Characters of a text around its first difference. */
const SHOWN = 60

/** The names of kinds of records. */
const NAMES: Readonly<Record<string, string>> = {
  o: 'standard output',
  e: 'standard error',
  f: 'file',
  g: 'file',
  l: 'symbolic link',
  u: 'CPU time of',
  x: 'end of the command',
  c: 'stop',
}

/** Returns a line about the first difference of two outboxes, undefined if they are the same. */
export function firstDifference(one: string, other: string): string | undefined {
  const [ours, theirs] = [recordsOf(one), recordsOf(other)]
  let file = ''
  for (let i = 0; ; i++) {
    const [a, b] = [ours[i], theirs[i]]
    if (a === undefined && b === undefined) return undefined
    if (a?.kind === 'f') file = fileHead(a.content).path
    if (a === undefined || b === undefined || a.kind !== b.kind) {
      const [first, second] = [a, b].map(each => (each === undefined ? 'nothing' : nameOf(each, file)))
      return `${at(a ?? b, ours[0])}: ${first} in one run, ${second} in the other`
    }
    if (!a.content.equals(b.content)) return `${at(a, ours[0])}: ${contentDifference(a, b, file)}`
    if (a.time !== b.time)
      return `${at(a, ours[0])}: ${nameOf(a, file)} is the same, ${b.time - a.time} ns later in the other run`
  }
}

function recordsOf(path: string): MailRecord[] {
  const records: MailRecord[] = []
  const outbox = new Outbox(path)
  while (outbox.read(record => records.push(record)));
  outbox.close()
  return records
}

function at(record: MailRecord | undefined, first: MailRecord | undefined): string {
  const ns = Number((record?.time ?? 0n) - (first?.time ?? 0n))
  return `${(ns / NS_PER_S).toFixed(6)} s after the first output`
}

function nameOf({ kind, content }: MailRecord, file: string): string {
  const what = NAMES[kind] ?? kind
  if (kind === 'f' || kind === 'g') return `${what} ${file}`
  if (kind === 'u') return `${what} ${content.toString('utf8', 8)}`
  return kind === 'l' ? `${what} ${content.toString().split('\0', 1)}` : what
}

function contentDifference(a: MailRecord, b: MailRecord, file: string): string {
  const index = a.content.findIndex((byte, i) => byte !== b.content[i])
  const first = index === -1 ? a.content.length : index
  if (a.kind !== 'o' && a.kind !== 'e') return `${nameOf(a, file)} differs at byte ${first}`
  const from = a.content.lastIndexOf('\n', first - 1) + 1
  const [ours, theirs] = [a, b].map(({ content }) => JSON.stringify(content.toString('utf8', from, from + SHOWN)))
  return `${nameOf(a, file)} is ${ours} in one run, ${theirs} in the other`
}
