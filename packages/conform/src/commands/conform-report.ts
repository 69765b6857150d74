/** The results of `vnet conform` as lines, JSON and JUnit XML. */
import type { Case } from '../notation.ts'
import type { CaseFailure } from '../run-case.ts'

/** The result of one case. It passed if `skipped` and `failure` are undefined. */
export interface Result {
  readonly group: string
  readonly one: Case
  /** Why it did not run. */
  readonly skipped: string | undefined
  readonly failure: CaseFailure | undefined
  /** The file of its frames. */
  readonly capture: string | undefined
  /** A case that failed before it, which may be the cause. */
  readonly after: string | undefined
  /** Whether the host or its program did not survive it, which is a failure at each level. */
  readonly isFatal: boolean
}

/** Whether a result decides the exit status. */
const isFailure = ({ one, failure, isFatal }: Result): boolean =>
  failure !== undefined && (one.level === 'must' || isFatal)

/** Returns the line about a case that failed. */
export function asText(result: Result): string {
  const { one, failure, capture, after } = result
  const { name, level, source, title, linux } = one
  const word = isFailure(result) ? 'FAILED' : 'differs'
  const reason = `${failure?.line}: ${failure?.reason}`
  const cause =
    after === undefined ? '' : `; the host may still hold fragments of ${after}: see --only ${name}`
  const difference = linux === undefined ? '' : `; Linux ${linux}`
  return `${word} ${name}: ${title} (${level}, ${source}): ${reason}; capture: ${capture}${cause}${difference}`
}

/** Returns the event about a case. */
export function asJson({ group, one, skipped, failure, capture, after, isFatal }: Result): object {
  const verdict = failure === undefined ? 'passed' : 'failed'
  const { name, level, source, title } = one
  return {
    ...{ event: 'case', group, name, level, source, title },
    result: skipped === undefined ? verdict : 'skipped',
    ...(failure !== undefined && { line: failure.line, reason: failure.reason, capture }),
    ...(after !== undefined && { after }),
    ...(isFatal && { isFatal }),
    ...(skipped !== undefined && { reason: skipped }),
  }
}

/**
 * Returns the numbers of results. `failedOther` are failures that do not decide the exit status.
 */
export function countsOf(results: readonly Result[]) {
  const failed = results.filter(({ failure }) => failure !== undefined)
  const failedMust = failed.filter(isFailure).length
  const skipped = results.filter(each => each.skipped !== undefined).length
  const passed = results.length - skipped - failed.length
  return { passed, failedMust, failedOther: failed.length - failedMust, skipped }
}

/** Returns why no case ran; undefined if one did. */
export function whyNothing(results: readonly Result[]): string | undefined {
  const reasons = results.map(({ skipped }) => skipped)
  if (reasons.includes(undefined)) return undefined
  return `no case ran: ${[...new Set(reasons)].join('; ')}`
}

/** Returns a suite for each group. Failures that do not decide the exit status are output. */
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
  const element = isFailure(result) ? 'failure' : 'system-out'
  return `${start}><${element}>${escaped(`${asText(result)}\n${failure.message}`)}</${element}></testcase>\n`
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
}
const escaped = (text: string): string =>
  text.replace(/[&<>"]/g, character => ENTITIES[character] as string)
