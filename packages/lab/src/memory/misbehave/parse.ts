/**
 * The text of host.misbehave: words in the manner of a wire, such as `window 0 for 10s`, with `|`
 * between them or not, and `match FILTER ( ... )` around them. Loaded on demand, like libpcap.
 */
import type { IpStack } from '@vnet/inet'
import { didYouMean } from 'vnet/kit/base'
import { compileFilter } from 'vnet/kit/net'
import { Cursor } from 'vnet/kit/wire'
import type { WireFilter } from 'vnet/wire'
import { Rewriter, type Rule, type When } from './rewriter.ts'
import { WORDS } from './words.ts'

/** The words after one that say when it applies. */
const CONDITIONS: readonly string[] = ['for', 'first', 'nth', 'every']
const NAMES = [...WORDS.keys()]

/** Returns the rewriter of a text; undefined without a word. Throws a UsageError. */
export function readMisbehaviour(text: string, ip: IpStack): Rewriter | undefined {
  const c = new Cursor(text, { bareUs: false })
  const rules = readRules(c, [])
  if (c.peek() !== undefined) throw c.error("a ')' without its '('")
  rules.sort((a, b) => a.order - b.order)
  return rules.length === 0 ? undefined : new Rewriter(ip, rules)
}

function readRules(c: Cursor, filters: readonly WireFilter[]): Rule[] {
  const rules: Rule[] = []
  while (c.peek() !== undefined && !c.is(')')) {
    if (c.takes('match')) {
      rules.push(...readMatch(c, filters))
    } else if (!c.takes('|')) {
      rules.push(readRule(c, filters))
    }
  }
  return rules
}

function readMatch(c: Cursor, filters: readonly WireFilter[]): Rule[] {
  const token = c.peek()
  const text = c.filter(['('])
  const filter = c.pointing(token ?? c.last, () => compileFilter(text))
  const open = c.peek()
  if (!c.takes('(')) {
    throw c.error("match needs ( ... ) after its filter: match 'tcp port 80' ( window 0 )")
  }
  const rules = readRules(c, [...filters, filter])
  if (!c.takes(')')) throw c.error("this '(' has no ')'", open)
  return rules
}

function readRule(c: Cursor, filters: readonly WireFilter[]): Rule {
  const starts = (name: string) => name.split(' ').every((word, i) => c.peek(i)?.text === word)
  const phrase = NAMES.findLast(starts) ?? ''
  const read = WORDS.get(phrase)
  const { text = '' } = c.peek() ?? {}
  if (read === undefined) {
    throw c.error(`'${text}' is not a word of misbehave${didYouMean(text, NAMES)}`)
  }
  for (const _ of phrase.split(' ')) {
    c.next()
  }
  return { action: read(c), filters, when: readWhen(c), order: NAMES.indexOf(phrase) }
}

function readWhen(c: Cursor): When {
  const when: { -readonly [K in keyof When]: number } = {}
  for (
    let token = c.peek();
    token !== undefined && CONDITIONS.includes(token.text);
    token = c.peek()
  ) {
    const word = token.text as keyof When
    if (word in when) throw c.error(`${word} is given twice`, token)
    c.next()
    when[word] =
      word === 'for'
        ? c.duration('for needs a time: for 10s')
        : c.whole(`${word} needs a number`, 'a count')
  }
  return when
}
