/** The results of `vnet conform` as lines, JSON and JUnit XML. */
import type { Case } from '../conform/notation.ts'
import type { CaseFailure } from '../conform/run-case.ts'

export interface Result {
  readonly group: string
  readonly one: Case
  /** Why it did not run. */
  readonly skipped: string | undefined
  readonly failure: CaseFailure | undefined
  /** The file of its frames. */
  readonly capture: string | undefined
}

export function asText({ one, failure, capture }: Result): string {
  const { name, level, source, title, linux } = one
  const word = level === 'must' ? 'FAILED' : 'differs'
  const reason = `${failure?.line}: ${failure?.reason}`
  return `${word} ${name}: ${title} (${level}, ${source}): ${reason}; capture: ${capture}${linux ? `; Linux ${linux}` : ''}`
}

export function asJson({ group, one, skipped, failure, capture }: Result): object {
  const { name, level, source, title } = one
  return {
    ...{ event: 'case', group, name, level, source, title },
    result: skipped === undefined ? (failure === undefined ? 'passed' : 'failed') : 'skipped',
    ...(failure !== undefined && { line: failure.line, reason: failure.reason, capture }),
    ...(skipped !== undefined && { reason: skipped }),
  }
}

export function countsOf(results: readonly Result[]) {
  const failed = results.filter(({ failure }) => failure !== undefined)
  const failedMust = failed.filter(({ one }) => one.level === 'must').length
  const skipped = results.filter(each => each.skipped !== undefined).length
  const passed = results.length - skipped - failed.length
  return { passed, failedMust, failedOther: failed.length - failedMust, skipped }
}

/** Returns a suite for each group. Only failures of `must` are failures; others are output. */
export function junitXml(results: readonly Result[]): string {
  const suites = [...new Set(results.map(({ group }) => group))].map(group => {
    const cases = results.filter(each => each.group === group)
    const { failedMust, skipped } = countsOf(cases)
    const head = `<testsuite name="${group}" tests="${cases.length}" failures="${failedMust}" skipped="${skipped}">`
    return `${head}\n${cases.map(xmlOf).join('')}</testsuite>\n`
  })
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="vnet conform">\n${suites.join('')}</testsuites>\n`
}

function xmlOf(result: Result): string {
  const { group, one, skipped, failure } = result
  const start = `<testcase classname="${group}" name="${escaped(`${one.name}: ${one.title}`)}"`
  if (skipped !== undefined) return `${start}><skipped message="${escaped(skipped)}"/></testcase>\n`
  if (failure === undefined) return `${start}/>\n`
  const element = one.level === 'must' ? 'failure' : 'system-out'
  return `${start}><${element}>${escaped(`${asText(result)}\n${failure.message}`)}</${element}></testcase>\n`
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
const escaped = (text: string): string => text.replace(/[&<>"]/g, character => ENTITIES[character] as string)
