/** Reads faults, which hit the packets that a test means: `drop 'tcp port 80' nth 3`. */
import { type Cursor, whole } from './cursor.ts'
import type { FaultPhrase, Phrase, WhenPhrase } from './phrase.ts'
import { quote } from './tokens.ts'

const COUNTS = ['first', 'nth', 'every'] as const
const CONDITIONS: readonly string[] = [...COUNTS, 'after']
const count = whole('a count')

/**
 * True if a fault's filter and condition begin `ahead` tokens from here. A filter without quotes is
 * one word, and none of `words`, which begin another stage.
 */
export function isFault(c: Cursor, ahead: number, words: ReadonlySet<string>): boolean {
  const token = c.peek(ahead)
  if (token === undefined) return false
  if (token.quoted || CONDITIONS.includes(token.text)) return true
  const condition = c.peek(ahead + 1)
  return condition !== undefined && CONDITIONS.includes(condition.text) && !words.has(token.text)
}

/** Reads a fault behind its word, and behind the time of a `delay`. */
export function readFault(c: Cursor, action: FaultPhrase['action'], time?: number): Phrase {
  if (c.atNumber && action === 'drop') {
    throw c.error('drop needs a filter and first, nth, every or after; at random it is loss 1%')
  }
  const token = c.peek()
  let filter = ''
  if (token !== undefined && (token.quoted || !CONDITIONS.includes(token.text))) filter = readFilter(c, CONDITIONS)
  return { kind: 'fault', action, ...(time !== undefined && { time }), filter, when: readWhen(c, action) }
}

/** Reads a filter: a quoted text or one word. `behind` are the words that may follow it. */
export function readFilter(c: Cursor, behind: readonly string[]): string {
  const first = c.peek()
  const filter = c.value("a filter is missing: 'tcp port 80'", text => text)
  const token = c.peek()
  if (first === undefined || token === undefined || (!token.quoted && behind.includes(token.text))) return filter
  let end = 0
  while (c.peek(end) !== undefined && !behind.includes(c.peek(end)?.text ?? '')) end++
  if (first.quoted || c.peek(end) === undefined) return filter
  const { at } = first
  const last = c.peek(end - 1) ?? first
  throw c.error(`a filter of several words needs quotes: ${quote(c.words.slice(at, last.end))}`, { at, end: last.end })
}

function readWhen(c: Cursor, action: string): WhenPhrase {
  let when: WhenPhrase = {}
  for (let word = c.peek(); word !== undefined && CONDITIONS.includes(word.text) && !word.quoted; word = c.peek()) {
    const name = word.text as keyof WhenPhrase
    c.next()
    const counted = COUNTS.find(other => when[other] !== undefined)
    if (when[name] !== undefined) throw c.error(`${name} is given twice`, word)
    if (name !== 'after' && counted !== undefined) throw c.error(`a fault has either ${counted} or ${name}`, word)
    when = {
      ...when,
      [name]:
        name === 'after'
          ? c.duration('after needs a time: after 2s')
          : c.value(`${name} needs a number: ${name} 3`, count),
    }
  }
  if (Object.keys(when).length > 0) return when
  throw c.error(`${action} needs first N, nth N, every N or after T: every 1 for all packets`)
}
